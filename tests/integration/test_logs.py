"""The log: its lines, which requests have one, request ids, traces, and a reader that stopped."""
# SPDX-License-Identifier: MIT
import fcntl
import json
import os
import re
import resource
import signal
import socket
import subprocess
import time

import pytest
from conftest import CHECK_KEY, KEY, Client, command, environment, exchange, wait_for

WAIT_S = 10
MADE = r"[0-9a-f]{16}-[0-9a-f]+"
TRACE, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"


def lines(server):
    """All of the log, each line an object; the last may still be in the making."""
    text = server.stderr()
    return [json.loads(line) for line in text[:text.rfind("\n") + 1].splitlines()]


def requests(server):
    return [line for line in lines(server) if line["message"] == "request"]


def line_of(server, request_id):
    def find():
        return [line for line in requests(server) if line["request_id"] == request_id]

    (line,) = wait_for(find, request_id)
    return line


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    from conftest import Server
    one = Server(tmp_path_factory.mktemp("logs") / "data", "--log-requests", "all")
    try:
        yield one
        one.stop()
    finally:
        one.kill()


# --- request ids ---------------------------------------------------------------------------------

def test_id_of_the_caller_comes_back_and_is_logged(client, server):
    for target in ("/api/check?key=a", "/api/limits", "/livez", "/metrics", "/nowhere"):
        given = "caller:" + target.replace("?", "~") + "#{}[]!"
        answer = client.get(target, headers={"X-Request-Id": given})
        assert answer.header("X-Request-Id") == given
        assert line_of(server, given)["status"] == answer.status


@pytest.mark.parametrize("given", [
    "", " ", "a b", 'a"b', "a'b", "a\\b", "a\tb", "\xe9", "x" * 129, f"Bearer {KEY}", KEY, CHECK_KEY,
    f"req-{KEY}-1"], ids=lambda given: repr(given)[:12])
def test_id_that_is_malformed_or_a_secret_is_replaced(client, given):
    for target in ("/api/check?key=a", "/api/limits", "/livez"):
        answer = client.get(target, headers={"X-Request-Id": given})
        assert answer.status == 200
        assert re.fullmatch(MADE, answer.header("X-Request-Id"))


def test_longest_id_is_taken(client):
    given = "x" * 128
    assert client.get("/livez", headers={"X-Request-Id": given}).header("X-Request-Id") == given


def test_id_given_twice_is_replaced(server):
    got = exchange(server.port, b"GET /livez HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
                   b"X-Request-Id: one\r\nx-request-id: one\r\n\r\n")
    assert got.startswith(b"HTTP/1.1 200 ")
    assert re.search(rb"\r\nX-Request-Id: " + MADE.encode() + rb"\r\n", got)


def test_every_problem_names_its_request(client, server):
    seen = set()
    for method, target, body in (("GET", "/nowhere", None), ("GET", "/api/check", None), ("GET", "/api/check?kay=a", None),
                                 ("DELETE", "/api/check", None), ("POST", "/api/limits", {}), ("GET", "/api/limits/lim_no", None),
                                 ("POST", "/api/check", {"checks": []}), ("POST", "/api/check", "x" * 4000)):
        answer = client.ask(method, target, body)
        assert answer.status >= 400 and answer.json["request_id"] == answer.header("X-Request-Id")
        assert line_of(server, answer.json["request_id"])["status"] == answer.status
        seen.add(answer.json["request_id"])
    assert len(seen) == 8


def test_what_is_no_http_is_named_as_well(server):
    got = exchange(server.port, b"GET /\x01 HTTP/1.1\r\nHost: x\r\n\r\n")
    head, body = got.split(b"\r\n\r\n", 1)
    assert head.startswith(b"HTTP/1.1 400 ")
    line = line_of(server, json.loads(body)["request_id"])
    assert line["status"] == 400 and line["reason"]


def test_batch_that_a_worker_answers_keeps_the_id(client, server):
    batch = {"checks": [{"key": f"k{i}"} for i in range(200)]}
    answer = client.post("/api/check", batch, headers={"X-Request-Id": "a-large-batch"})
    assert answer.status == 200 and answer.header("X-Request-Id") == "a-large-batch"
    assert line_of(server, "a-large-batch")["route"] == "/api/check"


def test_check_that_nobody_asks_about_is_as_it_ever_was(start):
    server = start()
    raw = f"GET /api/check?key=a HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {KEY}\r\nConnection: close\r\n\r\n"
    head, body = exchange(server.port, raw.encode()).split(b"\r\n\r\n")
    names = [line.split(b":")[0] for line in head.split(b"\r\n")]
    assert names == [b"HTTP/1.1 200 OK", b"Date", b"Content-Length", b"Connection", b"Content-Type", b"Cache-Control"]
    assert b"request_id" not in body
    assert server.client().get("/livez").header("X-Request-Id") is None
    assert re.fullmatch(MADE, server.client().get("/api/limits").header("X-Request-Id"))
    assert requests(server) == []


# --- traces --------------------------------------------------------------------------------------

@pytest.mark.parametrize("given,read", [
    (f"00-{TRACE}-{PARENT}-01", True), (f"cc-{TRACE}-{PARENT}-00-later", True),
    (f"00-{TRACE}-{PARENT}-01-later", False), (f"00-{TRACE.upper()}-{PARENT}-01", False),
    (f"ff-{TRACE}-{PARENT}-01", False), (f"00-{'0' * 32}-{PARENT}-01", False), (KEY, False), ("", False)])
def test_trace_is_in_the_line_or_ignored(client, server, given, read):
    answer = client.get("/api/check?key=a", headers={"traceparent": given})
    assert answer.status == 200 and answer.header("traceparent") is None
    line = line_of(server, answer.header("X-Request-Id"))
    if not read:
        assert not {"trace_id", "span_id", "parent_id"} & line.keys()
        return
    assert (line["trace_id"], line["parent_id"]) == (TRACE, PARENT)
    assert re.fullmatch("[0-9a-f]{16}", line["span_id"]) and line["span_id"] != PARENT


def test_trace_given_twice_is_ignored(server):
    trace = f"traceparent: 00-{TRACE}-{PARENT}-01\r\n".encode()
    exchange(server.port, b"GET /livez HTTP/1.1\r\nHost: x\r\nConnection: close\r\nX-Request-Id: twice\r\n"
             + trace + trace + b"\r\n")
    assert "trace_id" not in line_of(server, "twice")


# --- what a line says ----------------------------------------------------------------------------

def test_line_says_what_was_asked_and_by_whom(client, server):
    made = client.post("/api/limits", {"key": "of:the:line", "limit": 5, "interval": "1m"})
    line = line_of(server, made.header("X-Request-Id"))
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", line.pop("time"))
    assert 0 < line.pop("duration_us") < WAIT_S * 1000000
    assert line.pop("key_id").startswith("key_")
    assert 0 < line.pop("peer_port") < 65536
    assert line == {"level": "info", "message": "request", "method": "POST", "route": "/api/limits", "status": 201,
                    "bytes": len(made.body), "tenant": "default", "peer": "127.0.0.1",
                    "request_id": made.header("X-Request-Id")}

    shown = client.get(f"/api/limits/{made.json['id']}")
    line = line_of(server, shown.header("X-Request-Id"))
    assert (line["route"], line["id"]) == ("/api/limits/{id}", made.json["id"])


def test_key_of_a_check_is_shown_whatever_its_bytes(client, server):
    key = 'two words "quoted" \\ \n\x1b[31m \u20ac'
    answer = client.get("/api/check?" + "key=two+words+%22quoted%22+%5C+%E2%82%AC")
    assert line_of(server, answer.header("X-Request-Id"))["key"] == key.replace("\n\x1b[31m ", "")
    answer = client.get("/api/check?key=" + "k" * 512)
    shown = line_of(server, answer.header("X-Request-Id"))["key"]
    assert shown.startswith("k" * 500)


def test_path_that_leads_nowhere_is_bounded_and_shows_no_secret(client, server):
    for path, shown in (("/api/checks", "/api/checks"), (f"/api/limits/{KEY}/x", "/api/limits/*/x"),
                        (f"/{KEY}?{KEY}", "/*"), ("/%1b%22//", "/%1b%22//"), ("/a" * 2000, "/a" * 100 + "/...")):
        answer = client.get(path)
        line = line_of(server, answer.header("X-Request-Id"))
        assert answer.status == 404 and line["path"] == shown and "route" not in line


def test_peer_of_ipv6_is_shown(start):
    if not socket.has_ipv6:
        pytest.skip("no IPv6")
    server = start("--log-requests", "all", listen="[::1]:0")
    with socket.create_connection(("::1", server.port), timeout=WAIT_S) as sock:
        sock.sendall(b"GET /livez HTTP/1.1\r\nHost: x\r\nX-Request-Id: six\r\n\r\n")
        assert sock.recv(1000)
        assert line_of(server, "six")["peer_port"] == sock.getsockname()[1]
    assert line_of(server, "six")["peer"] == "::1"


def test_text_is_for_people(start):
    server = start("--log-format", "text", "--log-requests", "all")
    server.client().get("/livez", headers={"X-Request-Id": "in=text"})
    wait_for(lambda: re.search(r'^\S+Z INFO  request method=GET route=/livez status=200 .* request_id="in=text"$',
                               server.stderr(), re.M), server.stderr())


# --- which requests ------------------------------------------------------------------------------

ASKED = (  # what is asked, from which setting on it is logged
    ("GET", "/api/check?key=a", None, "all"), ("GET", "/api/check?key=a&deny_status=429&cost=9", None, "all"),
    ("GET", "/livez", None, "all"), ("GET", "/api/limits", None, "all"), ("GET", "/metrics", None, "all"),
    ("GET", "/api/check", None, "errors"), ("GET", "/nowhere", None, "errors"),
    ("POST", "/api/limits", {"key": "b", "limit": 1, "interval": "1h"}, "changes"),
    ("POST", "/api/limits", {"key": "b", "limit": 1, "interval": "1h"}, "changes"),
    ("DELETE", "/api/limits/lim_none", None, "changes"),
    ("GET", "/api/check?key=c", None, "changes"),  # 503: too many keys
)
ORDER = ("none", "changes", "errors", "all")


def test_setting_says_which_requests_are_logged_also_after_sighup(start, tmp_path):
    file = tmp_path / "s.yaml"
    file.write_text("log_requests: none\nkeys_max: 1\n")
    server = start("--config", file)
    client = server.client()
    client.make("*", limit=1)
    client.check("a")
    for at, word in enumerate(ORDER):
        file.write_text(f"log_requests: {word}\nkeys_max: 1\n")
        server.signal(signal.SIGHUP)
        wait_for(lambda n=at + 1: server.stderr().count("SIGHUP: settings are read again") == n)
        wanted = []
        for number, (method, target, body, least) in enumerate(ASKED):
            name = f"{word}-{number}"
            status = client.ask(method, target, body, headers={"X-Request-Id": name}).status
            if ORDER.index(least) <= at:
                wanted.append((name, status, "warning" if status >= 500 else "info"))
        end = f"{word}-end"
        if word != "none":
            client.post("/api/limits", {}, headers={"X-Request-Id": end})
            line_of(server, end)
        got = [(line["request_id"], line["status"], line["level"]) for line in requests(server)
               if line["request_id"].startswith(word + "-") and line["request_id"] != end]
        assert got == wanted
    client.close()


def test_key_of_a_check_is_shown_only_when_all_requests_are_logged(start):
    server = start("--log-requests", "errors")
    client = server.client()
    answer = client.get("/api/check?key=customer&cost=x")
    line_of(server, answer.header("X-Request-Id"))
    assert "customer" not in server.stderr()


def test_level_leaves_out_what_is_less_grave(start):
    server = start("--log-level", "warning", "--log-requests", "all")
    client = server.client()
    for _ in range(20):
        assert client.get("/livez").status == 200
    server.stop()
    assert "request" not in server.stderr() and "stopping" not in server.stderr()


def test_sighup_changes_level_and_format_at_once(start, tmp_path):
    file = tmp_path / "s.yaml"
    file.write_text("log_requests: all\n")
    server = start("--config", file)

    def reload(text, said):
        file.write_text("log_requests: all\n" + text)
        server.signal(signal.SIGHUP)
        wait_for(lambda: server.stderr().count("SIGHUP: settings are read again") == said, server.stderr)

    client = server.client()
    reload("log_format: text\n", 1)
    client.get("/livez", headers={"X-Request-Id": "in-text"})
    wait_for(lambda: re.search("^[^{].* INFO  request .*request_id=in-text$", server.stderr(), re.M))
    reload("log_level: warning\n", 2)

    def is_silent():
        before = server.stderr().count("\n")
        assert client.get("/livez").status == 200
        time.sleep(0.05)
        return server.stderr().count("\n") == before

    wait_for(is_silent)
    client.close()


def test_listener_of_metrics_is_logged_too(start):
    server = start("--metrics-listen", "127.0.0.1:0", "--log-requests", "all")
    one = Client(server.read_metrics_port(), None)
    assert one.get("/metrics", headers={"X-Request-Id": "scrape"}).header("X-Request-Id") == "scrape"
    assert line_of(server, "scrape")["route"] == "/metrics"
    answer = one.get("/nowhere")
    assert answer.json["request_id"] == answer.header("X-Request-Id")
    assert line_of(server, answer.json["request_id"])["path"] == "/nowhere"
    one.close()


def test_strangers_cannot_fill_the_log(start):
    server = start("--log-requests", "errors")
    stranger, known = server.client(key="x" * 30), server.client()
    began = time.monotonic()
    for _ in range(3000):
        assert stranger.get("/api/check?key=a").status == 401
    took = time.monotonic() - began
    answer = known.get("/api/check", headers={"X-Request-Id": "others-have-a-bound-of-their-own"})
    assert answer.status == 400
    line_of(server, "others-have-a-bound-of-their-own")
    of_strangers = [line for line in requests(server) if line["status"] == 401]
    assert 100 <= len(of_strangers) <= 100 + 10 * took + 2
    time.sleep(0.15)
    assert stranger.get("/api/check?key=a", headers={"X-Request-Id": "the-last"}).status == 401
    line_of(server, "the-last")
    of_strangers = [line for line in requests(server) if line["status"] == 401]
    assert len(of_strangers) + sum(line.get("left_out", 0) for line in of_strangers) == 3001


# --- beginning and end ---------------------------------------------------------------------------

def without(line, *names):
    return {name: value for name, value in line.items() if name not in names}


def test_beginning_and_end_say_what_is_served_why_it_stops_and_what_was_saved(start, tmp_path):
    (tmp_path / "limits.d").mkdir()
    (tmp_path / "limits.d" / "a.yaml").write_text("limits:\n- {key: a, limit: 5, interval: 1h}\n")
    server = start("--limits", tmp_path / "limits.d", "--metrics-listen", "127.0.0.1:0")
    metrics = server.read_metrics_port()
    server.client().check("a")
    server.stop()
    (started,), (stopping,), (stopped,) = ([line for line in lines(server) if line["message"] == word]
                                           for word in ("started", "stopping", "stopped"))
    assert 0 < started["took_ms"] < 20000 and 0 < stopped["took_ms"] < 5000
    assert without(started, "time", "version", "took_ms") == {
        "level": "info", "message": "started", "listen": f"127.0.0.1:{server.port}", "metrics_listen": f"127.0.0.1:{metrics}",
        "data": str(server.data), "limits_dir": str(tmp_path / "limits.d"), "limits": 1, "packet_limits": 0}
    assert without(stopping, "time") == {"level": "info", "message": "stopping", "signal": "SIGTERM", "sent_by_pid": os.getpid()}
    assert without(stopped, "time", "took_ms") == {"level": "info", "message": "stopped", "snapshot": "saved", "ledger": "saved"}
    assert lines(server)[-1] == stopped


def test_address_in_use_says_how_to_find_by_whom(server, tmp_path):
    argv = command("serve", "--listen", f"127.0.0.1:{server.port}", "--data", tmp_path / "other",
                   "--pin-dir", tmp_path / "pins")
    done = subprocess.run(argv, env=environment(), capture_output=True, text=True, timeout=WAIT_S, check=False)
    assert done.returncode == 2 and done.stderr.splitlines()[-1] == (
        "sluice: --listen: cannot listen on this address: Address already in use; `ss -ltnp` shows who listens there")


def test_change_that_fails_is_found_by_the_id_in_its_answer(start, pipe):
    server = start(stderr=pipe[1])
    client = server.client()
    client.make("before")
    resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE, (0, resource.RLIM_INFINITY))
    answer = client.post("/api/limits", {"key": "b", "limit": 1, "interval": "1h"})
    resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    assert answer.status == 503
    about = [line for line in map(json.loads, read_all(pipe[0]).splitlines())
             if line.get("request_id") == answer.json["request_id"]]
    assert [(line["level"], line["message"]) for line in about] == [
        ("warning", "a change was refused: the store takes no writes"), ("warning", "request")]
    assert about[0]["why"] and about[1]["status"] == 503


def test_audit_knows_the_request_and_the_peer(client):
    client.post("/api/limits", {"key": "of:the:audit", "limit": 1, "interval": "1h"},
                headers={"X-Request-Id": "in-the-audit"})

    def find():
        return [entry for entry in client.get("/api/audit").json["entries"] if entry.get("request_id") == "in-the-audit"]

    (entry,) = wait_for(find)
    assert entry["peer"] == "127.0.0.1"


# --- a log that nobody reads ---------------------------------------------------------------------

@pytest.fixture
def pipe():
    reader, writer = os.pipe()
    yield reader, writer
    for fd in (reader, writer):
        try:
            os.close(fd)
        except OSError:
            pass


def read_all(reader):
    fcntl.fcntl(reader, fcntl.F_SETFL, os.O_NONBLOCK)
    got, quiet = b"", 0
    while quiet < 30:
        try:
            chunk = os.read(reader, 1 << 20)
        except BlockingIOError:
            quiet, chunk = quiet + 1, b""
            time.sleep(0.01)
        got += chunk
        quiet = 0 if chunk else quiet
    return got


def ask_many(port, n):
    """Pipelined checks; how many were answered 200."""
    one = f"GET /api/check?key={'k' * 400} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {KEY}\r\n\r\n".encode()
    answered = 0
    with socket.create_connection(("127.0.0.1", port), timeout=WAIT_S) as sock:
        for _ in range(n // 50):
            sock.sendall(one * 50)
            got = b""
            while got.count(b'"limits":[]}') < 50:
                chunk = sock.recv(1 << 20)
                assert chunk
                got += chunk
            answered += got.count(b"HTTP/1.1 200 OK")
    return answered


def test_pipe_that_nobody_reads_stops_no_check_and_what_is_lost_is_counted(start, pipe):
    reader, writer = pipe
    server = start("--log-requests", "all", stderr=writer)
    assert ask_many(server.port, 5000) == 5000
    got = read_all(reader)
    assert ask_many(server.port, 50) == 50
    got += read_all(reader)
    seen = [json.loads(line) for line in got.splitlines()]
    asked = sum(line["message"] == "request" for line in seen)
    lost = sum(line.get("lost", 0) for line in seen)
    assert lost > 0 and asked + lost == 5050
    assert re.fullmatch(r"\d+ lines lost: .*", next(line["message"] for line in seen if "lost" in line))


def test_pipe_that_nobody_reads_does_not_hold_up_the_end(start, pipe):
    server = start("--log-requests", "all", stderr=pipe[1])
    assert ask_many(server.port, 2000) == 2000
    server.stop()


def test_pipe_that_is_closed_stops_no_check(start, pipe):
    reader, writer = pipe
    server = start("--log-requests", "all", stderr=writer)
    os.close(writer)
    os.close(reader)
    assert ask_many(server.port, 2000) == 2000


def test_log_on_a_full_disk_stops_no_check(start, tmp_path):
    if not os.access("/dev/full", os.W_OK):
        pytest.skip("needs /dev/full")
    with open("/dev/full", "wb", buffering=0) as full:
        server = start("--log-requests", "all", stderr=full)
        assert ask_many(server.port, 2000) == 2000
        server.stop()
