"""The process: options, first boot, restarts, kills, signals, and what it leaves behind."""
# SPDX-License-Identifier: MIT
import http.client
import json
import os
import random
import re
import resource
import signal
import socket
import stat
import subprocess
import threading
import time

import pytest
from conftest import BOOTSTRAP, CHECK_KEY, KEY, Server, binary, command, environment, wait_for

KILL_ROUNDS = 200 if os.environ.get("SLUICE_LONG") else 20


def run(*args, env=None, cwd=None):
    done = subprocess.run(command(*args), env=env or environment(), cwd=cwd, timeout=20,
                          capture_output=True, text=True, check=False)
    return done.returncode, done.stdout, done.stderr


def test_version_and_help(tmp_path):
    status, out, _ = run("--version")
    assert status == 0 and re.fullmatch(r"sluice \d+\.\d+\.\d+\n", out)
    for args in (["help"], ["--help"], ["serve", "--help"]):
        status, out, _ = run(*args)
        assert status == 0
        for option in ("--listen ADDRESS:PORT", "--data DIR", "--test-clock", "127.0.0.1:4000"):
            assert option in out


@pytest.mark.parametrize("args,words", [
    ([], "command"), (["fly"], "'fly'"),
    (["serve", "--colour"], "--colour"), (["serve", "extra"], "extra"),
    (["serve", "--listen"], "--listen"), (["serve", "--listen", "nowhere"], "'nowhere'"),
    (["serve", "--listen", "127.0.0.1"], "--listen"), (["serve", "--listen", ":4000"], "--listen"),
    (["serve", "--listen", "127.0.0.1:65536"], "--listen"),
    (["serve", "--listen", "127.0.0.1:-1"], "--listen"),
    (["serve", "--listen", "256.0.0.1:0"], "--listen"), (["serve", "--listen", "::1:0"], "--listen"),
    (["serve", "--listen", "[::1:0"], "--listen"), (["serve", "--listen", "192.0.2.1:0"], "--listen"),
    (["serve", "--test-clock=1"], "--test-clock"), (["serve", "--data", ""], "--data"),
    (["serve", "--data", "/dev/null/x"], "/dev/null/x"), (["serve", "--data", "/dev/null"], "/dev/null"),
    (["serve", "--header-timeout", "10"], "--header-timeout"),
    (["serve", "--keys-max", "0"], "--keys-max"),
    (["serve", "--test-clock", "--listen", "0.0.0.0:0"], "loopback"),
    (["serve", "--listen", "[::]:0", "--test-clock"], "loopback"),
])
def test_wrong_command_line_is_one_line_and_status_2(tmp_path, args, words):
    status, out, err = run(*args, cwd=tmp_path)
    assert status == 2 and out == ""
    lines = [line for line in err.splitlines() if not line.startswith("{")]
    assert len(lines) == 1 and words in lines[0], err


def test_occupied_port_is_one_line_and_status_2(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = "127.0.0.1:%d" % taken.getsockname()[1]
        status, _, err = run("serve", "--listen", address, "--data", tmp_path / "data")
    assert status == 2 and "in use" in err.splitlines()[-1], err


@pytest.mark.parametrize("name,value", [
    ("SLUICE_BOOTSTRAP_KEY", "too-short"), ("SLUICE_BOOTSTRAP_KEY", "k" * 257),
    ("SLUICE_BOOTSTRAP_KEY", "with blanks in the middle of it"),
    ("SLUICE_BOOTSTRAP_CHECK_KEY", KEY), ("SLUICE_BOOTSTRAP_EMAIL", "nobody"),
    ("SLUICE_BOOTSTRAP_PASSWORD", "short"),
    ("SLUICE_BOOTSTRAP_EMAIL", "a@b@c"), ("SLUICE_BOOTSTRAP_PASSWORD", "p" * 1025),
])
def test_bad_bootstrap_is_refused_and_leaves_nothing(tmp_path, name, value):
    env = environment(**{**BOOTSTRAP, name: value})
    status, _, err = run("serve", "--listen", "127.0.0.1:0", "--data", tmp_path / "d", env=env)
    assert status == 2 and name in err.splitlines()[-1]
    assert value not in err or value == "short"
    assert not (tmp_path / "d" / "bootstrap.json").exists()


def test_first_boot_makes_up_credentials_that_work_ever_after(start, tmp_path):
    first = start(data=tmp_path / "d", env={})
    path = tmp_path / "d" / "bootstrap.json"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "d").stat().st_mode) == 0o700
    made = json.loads(path.read_text())
    assert set(made) == {"api_key", "check_api_key", "email", "password"}
    assert len(made["api_key"]) >= 24 and made["api_key"] != made["check_api_key"]
    assert made["api_key"] not in first.stderr(), "secrets do not go to a log"
    first.stop()
    # Later environments do not matter: this is no first boot.
    second = start(data=tmp_path / "d")
    assert json.loads(path.read_text()) == made
    client = second.client(made["api_key"])
    assert client.get("/api/limits").status == 200
    assert client.get("/api/limits", headers={"Authorization": f"Bearer {KEY}"}).status == 401
    client.close()


def test_bootstrap_takes_the_environment(start):
    server = start()
    made = json.loads((server.data / "bootstrap.json").read_text())
    assert made["api_key"] == KEY and made["check_api_key"] == CHECK_KEY
    for file in server.data.iterdir():
        assert KEY.encode() not in file.read_bytes() or file.name == "bootstrap.json"


def test_file_size_limit_refuses_changes_but_not_checks(start):
    server = start()
    client = server.client()
    assert client.get("/readyz").status == 200
    resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE, (200000, resource.RLIM_INFINITY))
    made = [client.post("/api/limits", {"key": f"full-{i}", "limit": 5, "interval": "1m"})
            for i in range(500)]
    assert {answer.status for answer in made} == {201, 503}, "and it lives"
    assert "nothing was changed" in made[-1].json["detail"]
    assert client.get("/api/check?key=full-0").json["limit"] == 5
    client.close()
    server.stop()


def is_served(address):
    with socket.socket() as sock:
        return sock.connect_ex(address) == 0


def test_closed_output_lands_in_no_file(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as free:
        address = free.getsockname()
    process = subprocess.Popen(
        ["sh", "-c", 'exec "$@" <&- >&- 2>&-', "sh",
         *command("serve", "--listen", "%s:%d" % address, "--data", tmp_path / "d")],
        env=environment(**BOOTSTRAP))
    try:
        wait_for(lambda: is_served(address) or process.poll() is not None)
        assert process.returncode is None
    finally:
        process.terminate()
        assert process.wait(10) == 0
    assert (tmp_path / "d" / "store.db-lock").read_text() == f"{process.pid}\n"


def test_test_clock_is_not_there_without_its_option(start):
    client = start().client()
    assert client.post("/test/clock", {"advance_ms": 1}).status == 404
    client.close()


def has_ipv6():
    try:
        with socket.socket(socket.AF_INET6) as sock:
            sock.bind(("::1", 0))
            return True
    except OSError:
        return False


def test_ipv6_is_served(tmp_path):
    if not has_ipv6():
        pytest.skip("this machine has no IPv6")
    server = Server(tmp_path / "data", listen="[::1]:0")
    try:
        with socket.create_connection(("::1", server.port), timeout=5) as sock:
            sock.sendall(b"GET /livez HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            assert sock.recv(4096).startswith(b"HTTP/1.1 200 ")
        server.stop()
    finally:
        server.kill()


def test_listening_beyond_loopback_warns(start):
    server = start(listen="0.0.0.0:0")
    server.said("without TLS")


def test_data_directory_is_served_by_one(start, tmp_path):
    server = start(data=tmp_path / "d")
    status, _, err = run("serve", "--listen", "127.0.0.1:0", "--data", tmp_path / "d")
    assert status == 2 and err.strip(), err
    client = server.client()
    assert client.get("/readyz").status == 200
    client.close()


def test_restart_keeps_limits_and_their_revisions(start, tmp_path):
    first = start(data=tmp_path / "d")
    client = first.client()
    client.make("kept", limit=7, name="the kept one")
    gone = client.make("gone")
    client.ask("DELETE", f"/api/limits/{gone['id']}")
    before = client.get("/api/limits")
    client.close()
    first.stop()
    client = start(data=tmp_path / "d").client()
    after = client.get("/api/limits")
    assert after.body == before.body and len(after.json["limits"]) == 1
    assert client.check("kept")["limit"] == 7
    assert client.post("/api/limits", {"key": "kept", "limit": 1, "interval": "1m"}).status == 409
    client.close()


def write_until_killed(server, round_number, acknowledged, wrong):
    """Creates, changes and deletes limits; notes what was acknowledged before the kill, and what was not right."""
    client = server.client()
    try:
        for i in range(10000):
            limit = client.make(f"kill-{round_number}-{i}")
            acknowledged[limit["id"]] = 10
            if i % 3 == 1:
                pending = limit["id"]
                acknowledged[pending] = None  # either number until the answer is there
                assert client.ask("PUT", f"/api/limits/{pending}", {"limit": 20}).status == 200
                acknowledged[pending] = 20
            elif i % 3 == 2:
                acknowledged.pop(limit["id"])
                assert client.ask("DELETE", f"/api/limits/{limit['id']}").status == 204
                acknowledged[limit["id"]] = 0
    except (OSError, http.client.HTTPException):
        pass  # killed
    except Exception as error:  # pylint: disable=broad-except
        wrong.append(repr(error))


def test_kill_at_any_moment_keeps_every_acknowledged_change(tmp_path):
    choose = random.Random(2)
    acknowledged, wrong = {}, []
    for round_number in range(KILL_ROUNDS):
        server = Server(tmp_path / "d")
        writer = threading.Thread(target=write_until_killed,
                                  args=(server, round_number, acknowledged, wrong))
        writer.start()
        time.sleep(choose.uniform(0.02, 0.25))
        server.kill()
        writer.join()
    assert not wrong
    server = Server(tmp_path / "d")
    try:
        client = server.client()
        for limit_id, wanted in acknowledged.items():
            answer = client.get(f"/api/limits/{limit_id}")
            if wanted == 0:
                assert answer.status == 404, limit_id
            else:
                assert answer.status == 200, (limit_id, answer)
                assert answer.json["limit"] == wanted or wanted is None, (limit_id, answer)
        assert len(acknowledged) > KILL_ROUNDS
        client.close()
        server.stop()
    finally:
        server.kill()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_stop_under_load_answers_what_is_under_way(start, number):
    server = start()
    lost, served, lock = [], [0], threading.Lock()

    def ask():
        client = server.client()
        count = on_connection = 0
        try:
            while True:
                on_connection = 0
                client.connection.connect()
                closing = False
                while not closing:
                    answer = client.get("/api/check?key=load")
                    assert answer.status == 200
                    on_connection += 1
                    closing = answer.header("Connection") == "close"
                count += on_connection
                client.close()
        except Exception as error:  # pylint: disable=broad-except
            # Who came too late, or stood in the backlog when the listener closed, lost nothing.
            if on_connection or not isinstance(error, OSError):
                with lock:
                    lost.append((on_connection, repr(error)))
        with lock:
            served[0] += count

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    time.sleep(0.4)
    server.signal(number)
    server.finish()
    for thread in threads:
        thread.join()
    assert served[0] > 100
    assert lost == []


def test_stop_waits_for_a_body_under_way_and_for_writes(start):
    server = start()
    body = b'{"key":"late","limit":5,"interval":"1m"}'
    head = (f"POST /api/limits HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {KEY}\r\n"
            f"Content-Length: {len(body)}\r\n\r\n").encode()
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as sock:
        sock.sendall(head + body[:10])
        time.sleep(0.1)
        server.signal()
        time.sleep(0.5)
        sock.sendall(body[10:])
        got = sock.recv(65536)
        assert got.startswith(b"HTTP/1.1 201 "), got
        assert b"connection: close" in got.lower()
    server.finish()


def test_readyz_says_that_it_stops(start):
    server = start()
    client = server.client()
    assert client.get("/readyz").status == 200
    server.signal()
    deadline = time.monotonic() + 0.24
    while (answer := client.get("/readyz")).status == 200 and time.monotonic() < deadline:
        pass
    assert answer.status == 503 and answer.json["reason"] == "stopping"
    server.finish()


def test_idle_and_slow_connections_do_not_delay_the_stop(start):
    server = start()
    idle = [socket.create_connection(("127.0.0.1", server.port)) for _ in range(20)]
    idle[0].sendall(b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n")
    idle[1].sendall(b"GET /liv")
    assert idle[0].recv(4096)
    server.stop()
    for sock in idle:
        sock.close()


def test_nothing_but_the_store_is_left(start, tmp_path):
    server = start(data=tmp_path / "d")
    client = server.client()
    client.make("left")
    client.close()
    server.stop()
    names = {path.name for path in (tmp_path / "d").iterdir()}
    assert "bootstrap.json" in names and "store.db" in names
    assert not [name for name in names if name.endswith(".new")]
    for path in (tmp_path / "d").iterdir():
        assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0, path


def test_binary_is_the_one_under_test():
    assert os.access(binary(), os.X_OK)
