"""No secret ever reaches a log, a metric or a listing, wherever somebody puts it by mistake."""
# SPDX-License-Identifier: MIT
import base64
import json
import os
import secrets
import signal
import string
import subprocess

import pytest
from certificates import Pair
from conftest import command, environment, exchange, wait_for

PIECE = 12  # characters of a secret that must be nowhere


def make_secret(length=44):
    return "".join(secrets.choice(string.ascii_letters + string.digits) for _ in range(length))


def find_pieces(secret, text):
    """Those pieces of it that the text holds."""
    pieces = (secret[at:at + PIECE] for at in range(len(secret) - PIECE + 1))
    return [piece for piece in pieces if piece in text]


class Known:
    """The secrets that this service and its callers hold."""

    def __init__(self):
        self.admin, self.check, self.password = make_secret(), make_secret(), make_secret(20)
        self.more = [base64.b64encode(f"admin@localhost:{self.password}".encode()).decode()]

    @property
    def all(self):
        return [self.admin, self.check, self.password, *self.more]

    @property
    def environment(self):
        return {"SLUICE_BOOTSTRAP_KEY": self.admin, "SLUICE_BOOTSTRAP_CHECK_KEY": self.check,
                "SLUICE_BOOTSTRAP_PASSWORD": self.password}


def run(*args, env=()):
    """What the binary says, on both."""
    done = subprocess.run(command(*args), env=environment(**dict(env)), capture_output=True, text=True,
                          timeout=30, check=False)
    return done.stdout + done.stderr


# --- mistakes of callers -------------------------------------------------------------------------

def targets(secret):
    yield from ("/api/check?key=a&api_key=" + secret, "/api/check?" + secret, "/api/check?key=" + secret,
                "/api/check?key=a&cost=" + secret, "/api/check?key=a&peek=" + secret, "/api/check?key=%00" + secret,
                "/api/check?key=a&deny_status=" + secret, "/api/limits?cursor=" + secret, "/api/limits?limit=" + secret,
                "/metrics?token=" + secret, "/readyz?verbose&token=" + secret, "/livez?" + secret)
    yield from ("/" + secret, "/api/" + secret, f"/api/limits/{secret}", f"/api/limits/{secret[:31]}",
                f"/api/limits/{secret[:24]}/reset", f"/api/keys/{secret[:30]}", f"/api/keys/{secret}", f"/a/{secret}/b",
                f"//{secret}", f"/api/limits/lim_{secret[:20]}", f"/api/check/{secret}?key=a", f"/%2f{secret}")
    yield from (f"http://{secret}@x/api/limits", f"http://{secret}/nowhere", f"ftp://{secret}/", f"*{secret}", secret)


HEADERS = ("Autorization", "X-Api-Key", "Proxy-Authorization", "Cookie", "If-Match", "Content-Type", "User-Agent", "Referer",
           "X-Forwarded-For", "X-Request-Id", "traceparent", "tracestate", "Accept", "Last-Event-ID")


def header_sets(secret):
    for name in HEADERS:
        yield {name: secret}
        yield {name: f"Bearer {secret}"}
    for value in (secret, f"Basic {secret}", f"Bearer {secret}x", f"Bearer  {secret}", f"Bearer {secret} {secret}",
                  f"Bearer {secret * 10}", f"Digest {secret}", f"bearer:{secret}"):
        yield {"Authorization": value}
    yield {"traceparent": f"00-{secret}-{secret}-01", "X-Request-Id": secret * 7}


def bodies(secret):
    yield from (secret, f'{{"{secret}":1}}', f'{{"key":"a","{secret}":1}}', f'{{"key":"a","cost":"{secret}"}}',
                f'{{"key":"a","limit":"{secret}"}}', f'{{"key":"a","limit":1,"interval":"{secret}"}}',
                f'{{"key":"a","limit":1,"interval":"1s","algorithm":"{secret}"}}', f'{{"checks":["{secret}"]}}',
                f'{{"checks":[{{"key":"a","{secret}":1}}]}}', f'["{secret}"]', f'"{secret}', f'{{"token":"{secret}"}}',
                f'{{"scope":"packet","match":{{"dst":"{secret}"}}}}', f'{{"name":"a","rights":["{secret}"]}}')


def raw_requests(secret):
    """What no client library would send."""
    text = secret.encode()
    yield from (text + b"\r\n\r\n", text + b" / HTTP/1.1\r\nHost: x\r\n\r\n", b"GET / " + text + b"\r\nHost: x\r\n\r\n",
                b"GET / HTTP/1.1\r\nHost: x\r\n" + text + b"\r\n\r\n", b"GET / HTTP/1.1\r\nConnection: close\r\nHost: " + text + b"\r\n\r\n",
                b"GET / HTTP/1.1\r\nHost: x\r\n" + text + b": 1\r\n" + text + b": 2\r\nConnection: close\r\n\r\n",
                b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nA: " + text * 300 + b"\r\n\r\n", b"GET /\x01" + text + b" HTTP/1.1\r\nHost: x\r\n\r\n",
                b"POST /api/check HTTP/1.1\r\nHost: x\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n2;" + text +
                b"\r\n{}\r\n0\r\n" + text + b": 1\r\n\r\n",
                b"POST /api/check HTTP/1.1\r\nHost: x\r\nContent-Length: " + text + b"\r\n\r\n",
                b"POST /api/check HTTP/1.1\r\nHost: x\r\nExpect: " + text + b"\r\nConnection: close\r\n\r\n",
                b"GET /livez HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer " + text + b"\r\nAuthorization: Bearer " + text +
                b"\r\nConnection: close\r\n\r\n")


def own_words(secret):
    """Where a caller's own words are logged: an API key is recognized there, a password cannot be."""
    return "/api/check?key=" + secret, {"X-Request-Id": secret}


def ask(server, key, method, target, body=None, headers=None):
    client = server.client(key)
    client.ask(method, target, body, headers)
    client.close()
    return 1


def ask_targets(server, secret, admin, is_token):
    wanted = [target for target in targets(secret) if is_token or target not in own_words(secret)]
    return (sum(ask(server, None, method, target) for target in wanted for method in ("GET", "DELETE")) +
            sum(ask(server, admin, "GET", target) for target in wanted))


def ask_headers(server, secret, admin, is_token):
    wanted = [headers for headers in header_sets(secret) if is_token or headers not in own_words(secret)]
    return sum(ask(server, key, "GET", target, headers=headers) for key in (None, admin) for headers in wanted
               for target in ("/api/check?key=a", "/api/limits"))


def ask_bodies(server, secret, admin, _):
    asked = sum(ask(server, key, "POST", target, body) for key in (None, admin) for body in bodies(secret)
                for target in ("/api/check", "/api/limits", "/api/keys", "/api/nowhere"))
    return asked + sum(len(exchange(server.port, raw)) > 0 for raw in raw_requests(secret))


# --- mistakes of operators -----------------------------------------------------------------------

def settings(secret):
    """Files of settings with a secret where none belongs."""
    yield from (f"bootstrap_key: {secret}\n", f"bootstrap_key_file: {secret}\n", f"bootstrap_password: {secret}\n",
                f"keys_max: {secret}\n", f"- {secret}\n", f"bootstrap_check_key_file: '{secret}'\n",
                f"log_level: {secret}\n", f"listen: {secret}\n", f"idle_timeout: {secret}\n", f"packet_memory: {secret}\n",
                f"&{secret} a: 1\n", f"a: *{secret}\n", f"a: !{secret} b\n", f"{secret}\n", f"\"{secret}\n", f"iface: [{secret}]\n",
                f"test_clock: {secret}\n")


def limit_files(secret):
    yield from (f"limits:\n- {{key: a, limit: {secret}, interval: 1s}}\n", f"limits:\n- {{key: a, limit: 1, interval: {secret}}}\n",
                f"limits: {secret}\n", f"limits:\n- {secret}\n",
                f"limits:\n- {{key: a, limit: 1, interval: 1s, algorithm: {secret}}}\n",
                f"limits:\n- {{scope: packet, match: {{dst: {secret}}}, limit: 1, interval: 1s}}\n")


def reload_wrongly(server, file, folder, secret, good):
    """SIGHUP on each broken file; the log has a line about each."""
    def reload():
        before = server.stderr().count("SIGHUP: ")
        server.signal(signal.SIGHUP)
        wait_for(lambda: server.stderr().count("SIGHUP: ") > before, lambda: server.stderr()[-2000:])

    for text in settings(secret):
        file.write_text(text)
        reload()
    file.write_text(good)
    for text in limit_files(secret):
        (folder / "x.yaml").write_text(text)
        reload()
    (folder / "x.yaml").unlink()
    reload()


def start_wrongly(tmp_path, secret):
    """What the binary says to settings that start nothing."""
    data = ("--data", tmp_path / "never", "--pin-dir", tmp_path / "pins")
    said = ""
    for args in (("--bootstrap-key-file", secret), ("--bootstrap-key", secret), (f"--bootstrap-key={secret}",), (secret,),
                 ("--keys-max", secret), ("--log-level", secret), (f"--bootstrap-key-file={secret}",),
                 ("--bootstrap-password-file", secret), ("--bootstrap-password", secret)):
        said += run("serve", *args, *data)
        said += run("config", "show", *args)
    for name in ("KEYS_MAX", "LISTEN", "BOOTSTRAP_KEY_FILE", "BOOTSTRAP_PASSWORD_FILE", "IFACE"):
        said += run("serve", *data, env={f"SLUICE_{name}": secret})
        said += run("config", "show", env={f"SLUICE_{name}": secret})
    for number, text in enumerate(settings(secret)):
        file = tmp_path / f"wrong{number}.yaml"
        file.write_text(text)
        said += run("config", "check", file)
    return said


def start_with_tls(tmp_path, pair, wrong):
    """What `serve` says to such a file as key, and as certificate."""
    file, said = tmp_path / "wrong.pem", ""
    file.write_text(wrong)
    for files in ((pair.cert, file), (file, pair.key)):
        said += run("serve", "--tls-cert", files[0], "--tls-key", files[1], "--data", tmp_path / "never",
                    "--pin-dir", tmp_path / "pins", "--listen", "192.0.2.1:0")
    return said


# --- the places to look at -----------------------------------------------------------------------

def texts(server, known, args):
    """Everything that somebody without the secrets may read, by name."""
    yield "stderr", server.stderr()
    admin = server.client(known.admin)
    for target in ("/metrics", "/readyz?verbose", "/livez", "/api/audit", "/api/keys", "/api/usage", "/api/packets"):
        yield target, admin.get(target).body.decode()
    admin.close()
    yield "config show", run("config", "show", *args, env=known.environment)
    yield "config show -o json", run("config", "show", "-o", "json", *args, env=known.environment)


def data_files(server):
    for path in sorted(server.data.iterdir()):
        if path.name != "bootstrap.json" and path.is_file():
            yield str(path.name), path.read_bytes().decode("latin-1")


def assert_clean(name, text, known):
    found = [(secret, piece) for secret in known.all for piece in find_pieces(secret, text)]
    about = [line[:1000] for line in text.splitlines() if found and found[0][1] in line][:3]
    assert not found, f"{name} holds {len(found)} pieces of secrets: {found[0]} in {about}"


@pytest.fixture
def known():
    return Known()


def test_finder_finds_a_secret_where_it_is(known, start):
    server = start(env=known.environment)
    held = (server.data / "bootstrap.json").read_text()
    for secret in (known.admin, known.check, known.password):
        assert len(find_pieces(secret, held)) == len(secret) - PIECE + 1
    assert find_pieces(known.admin, "!" + known.admin[5:5 + PIECE] + "!") == [known.admin[5:5 + PIECE]]


def requests(server):
    return [line for line in map(json.loads, server.stderr().splitlines()) if line["message"] == "request"]


@pytest.mark.parametrize("which", ["admin", "made", "password"])
@pytest.mark.parametrize("ask_wrongly", [ask_targets, ask_headers, ask_bodies])
def test_no_secret_is_anywhere_after_every_mistake_of_callers(known, start, ask_wrongly, which):
    args = ("--log-requests", "all", "--log-level", "debug")
    server = start(*args, "--metrics-listen", "127.0.0.1:0", env=known.environment)
    server.read_metrics_port()
    admin = server.client(known.admin)
    made = admin.post("/api/keys", {"name": "made", "rights": ["all"]})
    assert made.status == 201, made
    admin.close()
    known.more.append(made.json["token"])
    secret = {"admin": known.admin, "made": made.json["token"], "password": known.password}[which]
    asked = ask_wrongly(server, secret, known.admin, which != "password")
    assert asked > 50
    for name, text in texts(server, known, args):
        assert_clean(name, text, known)
    server.stop()
    # Every request has its line: none hides behind the bound of refusals.
    assert len(requests(server)) >= asked and not [line for line in requests(server) if "left_out" in line]
    assert_clean("stderr", server.stderr(), known)
    for name, text in data_files(server):
        assert_clean(name, text, known)


def test_no_secret_is_anywhere_after_every_mistake_of_operators(known, start, tmp_path):
    file, folder = tmp_path / "s.yaml", tmp_path / "limits.d"
    folder.mkdir()
    for name, secret in (("key", known.admin), ("password", known.password)):
        (tmp_path / name).write_text(secret + "\n")
    good = f"limits: {folder}\nlog_level: debug\nbootstrap_key_file: {tmp_path}/key\nbootstrap_password_file: {tmp_path}/password\n"
    file.write_text(good)
    server = start("--config", file, env={"SLUICE_BOOTSTRAP_CHECK_KEY": known.check})
    for secret in (known.admin, known.password):
        reload_wrongly(server, file, folder, secret, good)
        assert_clean("start", start_wrongly(tmp_path, secret), known)
    (tmp_path / "key").write_text("short\n")
    server.signal(signal.SIGHUP)
    (tmp_path / "key").write_text(known.admin)
    known.more.append("none-such-" + make_secret())
    for name, text in texts(server, known, ("--config", file)):
        assert_clean(name, text, known)
    server.stop()
    assert_clean("stderr", server.stderr(), known)
    for name, text in data_files(server):
        assert_clean(name, text, known)


def test_tls_key_is_nowhere_after_every_mistake_with_its_files(known, start, tmp_path):
    pair, locked = Pair(tmp_path, "one"), Pair(tmp_path, "locked", passphrase="a-pass-phrase-of-the-key")
    server = start(*pair.options, "--log-level", "debug", "--log-requests", "all", env=known.environment)
    cert, key = pair.cert.read_text(), pair.key.read_text()
    known.more = ["".join(key.splitlines()[1:-1]), "".join(locked.key.read_text().splitlines()[1:-1]), "a-pass-phrase-of-the-key"]
    assert find_pieces(known.more[0], key.replace("\n", ""))
    for wrong in (key[:len(key) // 2], key.replace("\n", ""), locked.key.read_text(), cert, key.splitlines()[1], "x" + key):
        for file, good in ((pair.key, key), (pair.cert, cert)):
            before = server.stderr().count('"level":"error"')
            file.write_text(wrong if wrong != file.read_text() else key)
            wait_for(lambda n=before: server.stderr().count('"level":"error"') > n,
                     lambda w=wrong: (w, server.stderr()[-2000:]))
            file.write_text(good)
        exchange(server.port, f"GET /?{wrong} HTTP/1.1\r\nX-Request-Id: {wrong}\r\n\r\n".encode())
        assert_clean("start", start_with_tls(tmp_path, pair, wrong), known)
    said = run("config", "show", *pair.options, env=known.environment)
    server.stop()
    for name, text in (("stderr", server.stderr()), ("config show", said), *data_files(server)):
        assert_clean(name, text.replace("\\n", ""), known)


def test_backup_says_nothing_of_what_it_holds(known, start, tmp_path):
    server = start(env=known.environment)
    server.stop()
    said = run("backup", "--data", server.data, tmp_path / "b", env=known.environment)
    assert_clean("backup", said, known)
    assert os.path.exists(server.data / "bootstrap.json") and json.loads((server.data / "bootstrap.json").read_text())
