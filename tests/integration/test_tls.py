"""TLS on both listeners, with the clients that people use, and certificates that change meanwhile."""
# SPDX-License-Identifier: MIT
import json
import os
import pathlib
import random
import re
import resource
import socket
import ssl
import struct
import subprocess
import threading
import time

import pytest

from certificates import Mount, Pair, digest_of, openssl, trusting
from cli import Cli
from conftest import BOOTSTRAP, KEY, Client, advance, binary, command, environment, exchange, read_to_end, wait_for

DAY_MS = 24 * 3600 * 1000
PLAIN = b"GET /readyz HTTP/1.1\r\nHost: localhost\r\n\r\n"


@pytest.fixture(scope="module")
def pairs(tmp_path_factory):
    """Some, each of its own, which no test changes."""
    folder = tmp_path_factory.mktemp("pairs")
    return [Pair(folder, f"localhost{i}") for i in range(4)]


def ask(server, context, target="/readyz?verbose"):
    client = Client(server.port, tls=context)
    try:
        return client.get(target)
    finally:
        client.close()


def connect(port, context):
    raw = socket.create_connection(("127.0.0.1", port), timeout=10)
    try:
        return context.wrap_socket(raw, server_hostname="localhost")
    except BaseException:
        raw.close()
        raise


def digest_now(port, context):
    with connect(port, context) as sock:
        return digest_of(sock)


def log_lines(server):
    return [json.loads(line) for line in server.stderr().splitlines() if line.startswith("{")]


def messages(server, level):
    return [line["message"] for line in log_lines(server) if line["level"] == level]


def kept(server):
    """What was logged of files that were refused."""
    return [m for m in messages(server, "error") if "former certificate stays in force" in m]


def metric(server, context, name):
    text = ask(server, context, "/metrics").body.decode()
    found = re.search(rf"^{name} (\S+)$", text, re.M)
    return float(found[1]) if found else None


# --- clients


def test_checks_and_metrics_over_tls_are_those_of_plain(start, pairs):
    server = start(*pairs[0].options, "--metrics-listen", "127.0.0.1:0")
    metrics_port = server.read_metrics_port()
    context = trusting(pairs[0])
    assert server.scheme == "https"
    client = Client(server.port, tls=context)
    client.make("user:*", limit=3)
    assert [client.check("user:1")["allowed"] for _ in range(5)] == [True] * 3 + [False] * 2
    large = "k" * 60000
    assert client.post("/api/check", {"key": large}).status == 400
    client.close()
    metrics = Client(metrics_port, key=None, tls=context)
    text = metrics.get("/metrics").body.decode()
    metrics.close()
    expires = float(re.search(r"^sluice_tls_certificate_expires_seconds (\S+)$", text, re.M)[1])
    assert abs(expires - time.time() - 365 * 86400) < 3600
    assert "sluice_tls_certificate_refused 0\n" in text


def test_plain_server_has_no_certificate_to_tell_of(start):
    server = start()
    client = server.client()
    assert client.get("/readyz?verbose").json["tls"] == "off"
    text = client.get("/metrics").body.decode()
    assert not re.search(r"^sluice_tls_certificate_expires_seconds \d", text, re.M)
    client.close()
    # And takes no TLS.
    with pytest.raises((ssl.SSLError, ConnectionError)):
        connect(server.port, ssl.create_default_context())


def test_curl_trusts_by_the_authority_and_speaks_http_1_1(start, pairs):
    server = start(*pairs[0].options)

    def curl(*args):
        done = subprocess.run(["curl", "-sS", "-m", "10", "-w", "%{http_version} %{http_code}",
                               "-o", "/dev/null", *map(str, args)], capture_output=True,
                              check=False, timeout=30)
        return done.returncode, done.stdout.decode()

    url = f"https://localhost:{server.port}/readyz"
    assert curl("--cacert", pairs[0].cert, url) == (0, "1.1 200")
    assert curl("--cacert", pairs[0].cert, "--tls-max", "1.2", url) == (0, "1.1 200")
    assert curl("--cacert", pairs[0].cert, "--http1.0", url) == (0, "1.1 200")
    assert curl("--cacert", pairs[1].cert, url)[0] == 60
    assert curl(url)[0] == 60


@pytest.mark.parametrize("args, expected", [
    (("-tls1_3", "-alpn", "h2,http/1.1"), "ALPN protocol: http/1.1"),
    (("-tls1_2", "-alpn", "http/1.1"), "ALPN protocol: http/1.1"),
    (("-tls1_2",), "Compression: NONE"),
    (("-alpn", "h2"), "alert no application protocol"),
    (("-tls1_1", "-cipher", "ALL:@SECLEVEL=0"), "alert protocol version"),
])
def test_s_client_is_told_versions_and_protocols(start, pairs, args, expected):
    server = start(*pairs[0].options)
    done = openssl("s_client", "-connect", f"127.0.0.1:{server.port}", *args)
    assert expected in (done.stdout + done.stderr).decode()


def test_renegotiation_is_refused_and_harms_nobody(start, pairs):
    server = start(*pairs[0].options)
    done = openssl("s_client", "-connect", f"127.0.0.1:{server.port}", "-tls1_2", stdin=b"R\n")
    assert b"no renegotiation" in done.stderr
    assert ask(server, trusting(pairs[0])).status == 200


def test_plain_http_is_told_to_use_https(start, pairs):
    server = start(*pairs[0].options)
    for request in (PLAIN, b"POST / HTTP/1.1\r\nContent-Length: 100000\r\n\r\n" + bytes(100000)):
        head, _, body = exchange(server.port, request).partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 400 ")
        assert "https://" in json.loads(body)["detail"]


def test_command_line_asks_over_tls(start, pairs, tmp_path):
    server = start(*pairs[0].options)
    cli = Cli(f"https://localhost:{server.port}")
    assert "ready     yes" in cli.run("status", SLUICE_CACERT=str(pairs[0].cert))[1]
    assert "ready     yes" in cli.ok("status", "--cacert", pairs[0].cert)
    # The option overrules the variable.
    assert "--cacert" in cli.error("status", "--cacert", pairs[1].cert,
                                   SLUICE_CACERT=str(pairs[0].cert))
    stranger = cli.error("status")
    assert "certificate" in stranger and "--cacert or SLUICE_CACERT" in stranger
    missing = cli.error("status", "--cacert", tmp_path / "none.pem")
    assert str(tmp_path / "none.pem") in missing and "cannot be read" in missing
    assert "https://" in Cli(f"http://localhost:{server.port}").error("status")
    plain = start()
    assert "ask with http://" in Cli(f"https://localhost:{plain.port}").error("status")
    other = Cli(f"https://127.0.0.2:{server.port}").error("status", "--cacert", pairs[0].cert)
    assert "nobody listens there" in other or "another name" in other


# --- what is refused at the start


def serve(tmp_path, *args):
    done = subprocess.run(command("serve", "--listen", "127.0.0.1:0", "--data", tmp_path / "data",
                                  "--pin-dir", tmp_path / "pins", *args),
                          env=environment(**BOOTSTRAP), stdin=subprocess.DEVNULL,
                          capture_output=True, timeout=30, check=False)
    return done.returncode, done.stderr.decode().splitlines()[-1]


@pytest.mark.parametrize("broken", ["cert", "key"])
def test_file_that_cannot_be_used_ends_the_start(tmp_path, pairs, broken):
    passphrase = Pair(tmp_path, "locked", passphrase="secret")
    half = pairs[0].cert.read_bytes()[:300]
    rows = [
        ("none", None, "No such file or directory"),
        ("folder", "folder", "Is a directory"),
        ("empty", b"", "in PEM form"),
        ("garbage", random.Random(1).randbytes(3000), "in PEM form"),
        ("half", half, "cannot be read" if broken == "cert" else "in PEM form"),
        ("other", (pairs[1].cert if broken == "cert" else pairs[1].key).read_bytes(),
         "is not the key of the certificate"),
    ]
    if broken == "key":
        rows.append(("locked", passphrase.key.read_bytes(), "passphrase"))
    for name, content, said in rows:
        path = tmp_path / f"{name}.pem"
        if content == "folder":
            path.mkdir()
        elif content is not None:
            path.write_bytes(content)
        files = {"cert": pairs[0].cert, "key": pairs[0].key, broken: path}
        status, line = serve(tmp_path, "--tls-cert", files["cert"], "--tls-key", files["key"])
        named = "tls_key" if name == "other" else f"tls_{broken}"
        assert status == 2 and line.startswith(f"sluice: {named}: "), line
        assert said in line and str(files["key" if name == "other" else broken]) in line, line


def test_one_without_the_other_is_refused_naming_both(tmp_path, pairs):
    status, line = serve(tmp_path, "--tls-cert", pairs[0].cert)
    assert status == 2 and "--tls-cert" in line and "tls_key" in line
    status, line = serve(tmp_path, "--tls-key", pairs[0].key)
    assert status == 2 and "--tls-key" in line and "tls_cert" in line
    settings = tmp_path / "settings.yaml"
    settings.write_text(f"tls_cert: {pairs[0].cert}\ntls_key: {pairs[1].key}\n")
    done = subprocess.run(command("config", "check", settings), env=environment(),
                          capture_output=True, timeout=30, check=False)
    assert done.returncode == 2 and b"is not the key of the certificate" in done.stderr
    assert str(pairs[1].key).encode() in done.stderr


def test_expired_certificate_and_open_key_are_warned_of(start, tmp_path):
    pair = Pair(tmp_path, "localhost", days=0)
    os.chmod(pair.key, 0o644)
    server = start(*pair.options)
    wait_for(lambda: any("has expired" in m for m in messages(server, "error")), "no warning")
    wait_for(lambda: any(m.startswith("tls_key: everybody")
                         for m in messages(server, "warning")), "no warning")
    context = ssl._create_unverified_context()  # pylint: disable=protected-access
    assert ask(server, context).json["tls"] == "the certificate has expired"


def test_announcement_warns_off_loopback_only_without_tls(start, pairs):
    plain = start("--metrics-listen", "0.0.0.0:0", listen="0.0.0.0:0")
    warned = messages(plain, "warning")
    assert len([m for m in warned if "without TLS" in m and "tls_cert" in m]) == 2
    encrypted = start(*pairs[0].options, "--metrics-listen", "0.0.0.0:0", listen="0.0.0.0:0")
    assert not [m for m in messages(encrypted, "warning") if "TLS" in m]


# --- certificates that change


def replace(path, content):
    """As certbot and `mv` do: the name leads to the old file or to the new one."""
    fresh = path.with_name(path.name + ".new")
    fresh.write_bytes(content)
    os.chmod(fresh, 0o600)
    fresh.rename(path)


def write_over(path, content):
    path.write_bytes(content)


@pytest.mark.parametrize("change", [replace, write_over, "mount", "link", "folder", "signal"])
def test_new_certificate_is_served_however_it_comes(start, tmp_path, pairs, change):
    context = trusting(*pairs)
    folder = tmp_path / "tls"
    if change == "mount":
        mount = Mount(folder)
        mount.put_pair(pairs[0])
        server = start(*mount.options)
    else:
        folder.mkdir()
        live = folder / "live"
        live.mkdir()
        paths = folder / "tls.crt", folder / "tls.key"
        if change == "link":
            for path in paths:
                path.symlink_to(live / path.name)
        paths[0].write_bytes(pairs[0].cert.read_bytes())
        paths[1].write_bytes(pairs[0].key.read_bytes())
        server = start("--tls-cert", paths[0], "--tls-key", paths[1])
    assert digest_now(server.port, context) == pairs[0].digest
    for pair in pairs[1:]:
        if change == "mount":
            mount.put_pair(pair)
        elif change == "folder":
            folder.rename(tmp_path / f"before {pair.cert.name}")
            folder.mkdir()
            paths[1].write_bytes(pair.key.read_bytes())
            paths[0].write_bytes(pair.cert.read_bytes())
        else:
            act = write_over if change in ("link", "signal") else change
            act(paths[1], pair.key.read_bytes())
            act(paths[0], pair.cert.read_bytes())
        if change == "signal":
            server.signal(1)
        wait_for(lambda p=pair: digest_now(server.port, context) == p.digest, f"{change}")


def test_nobody_sees_a_fault_while_certificates_change(start, tmp_path, pairs):
    mount = Mount(tmp_path / "tls")
    mount.put_pair(pairs[0])
    server = start(*mount.options)
    context = trusting(*pairs)
    old = connect(server.port, context)
    over, asked, faults = threading.Event(), [0] * 4, []

    def hammer(i):
        client = Client(server.port, tls=context)
        try:
            while not over.is_set():
                if i % 2:
                    client.close()
                    client = Client(server.port, tls=context)
                answer = client.get("/api/check?key=a")
                asked[i] += answer.status == 200
                assert answer.status == 200, answer
        except Exception as fault:  # pylint: disable=broad-except
            faults.append(f"{i}: {fault!r}")
        finally:
            client.close()

    threads = [threading.Thread(target=hammer, args=(i,)) for i in range(4)]
    for thread in threads:
        thread.start()
    broken = [(b"", b""), (pairs[0].cert.read_bytes(), pairs[1].key.read_bytes()),
              (pairs[0].cert.read_bytes()[:200], pairs[0].key.read_bytes()),
              (pairs[0].cert.read_bytes(), b"garbage")]
    try:
        for i in range(50):
            if i % 5 == 4:
                mount.put(*broken[i // 5 % len(broken)])
                wait_for(lambda: "refused" in ask(server, context).json["tls"], "not refused")
            pair = pairs[(i + 1) % len(pairs)]
            mount.put_pair(pair)
            wait_for(lambda p=pair: digest_now(server.port, context) == p.digest, "not served")
            # Who was there before all of this goes on with his.
            old.sendall(PLAIN)
            assert old.recv(1000).startswith(b"HTTP/1.1 200 ")
            assert digest_of(old) == pairs[0].digest and not faults, faults
    finally:
        over.set()
        for thread in threads:
            thread.join()
    assert not faults, faults
    assert min(asked) > 50, asked
    assert ask(server, context).json["tls"] == "ok"
    old.close()
    wait_for(lambda: len(kept(server)) == 10, lambda: kept(server))
    assert any("tls.key" in m for m in kept(server))


def test_refused_files_are_told_until_they_are_fine(start, tmp_path, pairs):
    mount = Mount(tmp_path / "tls")
    mount.put_pair(pairs[0])
    server = start(*mount.options, "--metrics-listen", "127.0.0.1:0")
    metrics_port = server.read_metrics_port()
    context = trusting(*pairs)
    mount.put(pairs[0].cert.read_bytes(), pairs[1].key.read_bytes())
    wait_for(lambda: metric(server, context, "sluice_tls_certificate_refused") == 1, "not told")
    wait_for(lambda: kept(server), "not logged")
    assert len(kept(server)) == 1
    assert "tls_key: " in kept(server)[0] and str(tmp_path) in kept(server)[0]
    # Whoever needs no key to ask is told no path.
    assert str(tmp_path) not in json.dumps(ask(server, context).json)
    assert ask(server, context).status == 200
    server.signal(1)
    wait_for(lambda: len(kept(server)) == 2, "SIGHUP")
    (tmp_path / "tls" / "..data").unlink()
    wait_for(lambda: "No such file" in messages(server, "error")[-1], "not noticed")
    mount.put_pair(pairs[1])
    wait_for(lambda: metric(server, context, "sluice_tls_certificate_refused") == 0, "still told")
    assert digest_now(server.port, context) == pairs[1].digest
    assert digest_now(metrics_port, context) == pairs[1].digest


def test_expired_certificate_replaces_none_that_is_valid(start, tmp_path):
    old, short = Pair(tmp_path, "old", days=100), Pair(tmp_path, "short", days=20)
    mount = Mount(tmp_path / "tls")
    mount.put_pair(old)
    server = start(*mount.options, "--test-clock")
    context = trusting(old, short)
    client = Client(server.port, tls=context)
    advance(client, 50 * DAY_MS)
    mount.put_pair(short)
    wait_for(lambda: "refused" in ask(server, context).json["tls"], "not refused")
    wait_for(lambda: any("has expired at" in m for m in messages(server, "error")), "not told")
    assert digest_now(server.port, context) == old.digest
    client.close()


def test_expiry_is_warned_of_two_weeks_before(start, tmp_path):
    pair = Pair(tmp_path, "localhost", days=100)
    server = start(*pair.options, "--test-clock")
    context = trusting(pair)
    client = Client(server.port, tls=context)

    def said():
        return len([m for m in messages(server, "warning") if "expires at" in m])

    def look():
        """Has the server look at the time: it has when it answers the second signal."""
        for _ in range(2):
            before = len(messages(server, "info"))
            server.signal(1)
            wait_for(lambda n=before: len(messages(server, "info")) > n, "no answer")

    advance(client, 85 * DAY_MS)
    look()
    assert said() == 0
    advance(client, 2 * DAY_MS)
    wait_for(lambda: said() == 1, "not warned")
    advance(client, DAY_MS // 2)
    look()
    assert said() == 1
    advance(client, DAY_MS)
    wait_for(lambda: said() == 2, "not warned again")
    advance(client, 14 * DAY_MS)
    wait_for(lambda: any("has expired" in m for m in messages(server, "error")), "not told")
    assert ask(server, context).json["tls"] == "the certificate has expired"
    client.close()


# --- those who do not mean well


def hello():
    """The first flight of a real client."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = ssl.create_default_context().wrap_bio(incoming, outgoing, server_hostname="localhost")
    with pytest.raises(ssl.SSLWantReadError):
        tls.do_handshake()
    return outgoing.read()


def test_a_thousand_half_handshakes_hurt_nobody(start, pairs):
    server = start(*pairs[0].options)
    context = trusting(pairs[0])
    greeting, held = hello(), []
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 4096), hard))
    try:
        for i in range(1000):
            sock = socket.create_connection(("127.0.0.1", server.port), timeout=10)
            held.append(sock)
            # Nothing, a byte, half of it, all of it.
            sock.sendall(greeting[:[0, 1, len(greeting) // 2, len(greeting)][i % 4]])
        honest = Client(server.port, tls=context)
        for _ in range(30):
            started = time.monotonic()
            assert honest.get("/api/check?key=a").status == 200
            assert digest_now(server.port, context) == pairs[0].digest
            assert time.monotonic() - started < 1
        honest.close()
    finally:
        for sock in held:
            sock.close()


def test_random_first_bytes_harm_nobody(start, pairs):
    rng = random.Random(os.environ.get("SLUICE_SEED", "tls"))
    server = start(*pairs[0].options, "--header-timeout", "500ms")
    greeting = hello()

    def some():
        kind = rng.randrange(5)
        if kind == 0:
            return rng.randbytes(rng.randrange(1, 2000))
        if kind == 1:
            return bytes([22, 3, rng.randrange(5)]) + rng.randbytes(rng.randrange(1, 20000))
        length = rng.choice([0, 1, 0x3FFF, 0x4000, 0x4800, 0xFFFF])
        if kind == 2:
            return struct.pack(">BHH", rng.randrange(20, 25), 0x0303, length) + rng.randbytes(500)
        cut = bytearray(greeting)
        for _ in range(rng.randrange(1, 8)):
            cut[rng.randrange(len(cut))] = rng.randrange(256)
        return bytes(cut) + (rng.randbytes(200) if kind == 4 else b"")

    socks = []
    for _ in range(400):
        sock = socket.create_connection(("127.0.0.1", server.port), timeout=10)
        try:
            sock.sendall(some())
        except OSError:
            pass
        socks.append(sock)
    for sock in socks:
        got = read_to_end(sock)
        # An alert, the server's part of a handshake, or plain words for what began as HTTP.
        assert got == b"" or got[0] in (21, 22) or got.startswith(b"HTTP/1.1 400 "), got[:50]
        sock.close()
    assert ask(server, trusting(pairs[0])).status == 200


def memory_kib(server):
    status = pathlib.Path(f"/proc/{server.process.pid}/status").read_text(encoding="ascii")
    return int(re.search(r"RssAnon:\s+(\d+) kB", status)[1])


def test_idle_connections_hold_no_buffers(start, pairs):
    """Measured: 15 KiB each. OpenSSL's buffers alone would be 33 more."""
    if "/asan/" in binary():
        pytest.skip("the sanitizer keeps what is freed")
    server = start(*pairs[0].options)
    context = trusting(pairs[0])
    socks = []

    def add(n):
        for _ in range(n):
            sock = connect(server.port, context)
            sock.sendall(PLAIN)
            assert sock.recv(1000).startswith(b"HTTP/1.1 200 ")
            socks.append(sock)

    try:
        add(50)
        before = memory_kib(server)
        add(400)
        each = (memory_kib(server) - before) / 400
        print(f"{each:.1f} KiB each")
        assert each < 24
    finally:
        for sock in socks:
            sock.close()


def test_keys_are_not_in_the_log(start, pairs):
    server = start(*pairs[0].options)
    assert ask(server, trusting(pairs[0])).status == 200
    server.signal(1)
    wait_for(lambda: any("read again" in m for m in messages(server, "info")), "not read")
    assert KEY not in server.stderr() and "PRIVATE" not in server.stderr()
