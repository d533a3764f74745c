"""Bytes on the wire: framing that two servers may read differently, slow peers, pipelines."""
# SPDX-License-Identifier: MIT
import json
import re
import socket
import time

import pytest
from conftest import KEY, exchange, read_to_end

MIB = 1024 * 1024
AUTH = f"Authorization: Bearer {KEY}\r\n"
BODY = '{"key":"framing","peek":true}'


def statuses(got):
    return [int(s) for s in re.findall(rb"HTTP/1\.[01] (\d\d\d) ", got)]


def request(*lines, method="POST", path="/api/check", body="", host="Host: x\r\n"):
    head = "".join(line + "\r\n" for line in lines)
    return f"{method} {path} HTTP/1.1\r\n{host}{AUTH}{head}\r\n{body}".encode("latin-1")


# What follows the refused request would be answered, too, if the connection were kept.
SMUGGLED = request(method="GET", path="/api/limits")
LENGTH = f"Content-Length: {len(BODY)}"
CHUNKED = f"{len(BODY):x}\r\n{BODY}\r\n0\r\n\r\n"

AMBIGUOUS = {
    "length-twice-equal": request(LENGTH, LENGTH, body=BODY),
    "length-twice": request(LENGTH, "Content-Length: 0", body=BODY),
    "length-twice-zero-first": request("Content-Length: 0", LENGTH, body=BODY),
    "length-list": request(f"Content-Length: {len(BODY)}, {len(BODY)}", body=BODY),
    "length-and-chunked": request(LENGTH, "Transfer-Encoding: chunked", body=CHUNKED),
    "chunked-and-length": request("Transfer-Encoding: chunked", LENGTH, body=CHUNKED),
    "chunked-twice": request("Transfer-Encoding: chunked", "Transfer-Encoding: chunked",
                             body=CHUNKED),
    "coding-gzip": request("Transfer-Encoding: gzip", body=CHUNKED),
    "coding-gzip-chunked": request("Transfer-Encoding: gzip, chunked", body=CHUNKED),
    "coding-chunked-identity": request("Transfer-Encoding: chunked, identity", body=CHUNKED),
    "coding-identity": request("Transfer-Encoding: identity", LENGTH, body=BODY),
    "coding-x": request("Transfer-Encoding: xchunked", body=CHUNKED),
    "length-negative": request("Content-Length: -1", body=BODY),
    "length-plus": request(f"Content-Length: +{len(BODY)}", body=BODY),
    "length-hex": request("Content-Length: 0x1d", body=BODY),
    "length-word": request("Content-Length: many", body=BODY),
    "length-empty": request("Content-Length:", body=BODY),
    "length-blank-inside": request("Content-Length: 2 9", body=BODY),
    "length-beyond-64-bits": request("Content-Length: 18446744073709551616", body=BODY),
    "length-before-blank-colon": request(f"Content-Length : {len(BODY)}", body=BODY),
    "chunked-before-blank-colon": request("Transfer-Encoding : chunked", LENGTH, body=BODY),
    "http-1.0-chunked": request("Transfer-Encoding: chunked",
                                body=CHUNKED).replace(b"HTTP/1.1", b"HTTP/1.0", 1),
    "coding-folded": request("Transfer-Encoding:\r\n chunked", body=CHUNKED),
    "length-folded": request(f"Content-Length: 2\r\n {len(BODY)}", body=BODY),
    "header-folded": request("X: a\r\n\tb", LENGTH, body=BODY),
    "header-without-name": request(": x", LENGTH, body=BODY),
    "header-without-colon": request("Content-Length", LENGTH, body=BODY),
    "bare-lf": request(LENGTH, body=BODY).replace(b"\r\n", b"\n"),
    "bare-cr": request("X: a\rContent-Length: 0", LENGTH, body=BODY),
    "nul-in-header": request("X: a\0b", LENGTH, body=BODY),
    "get-with-length": request(LENGTH, method="GET", path="/api/check?key=a", body=BODY),
    "get-with-chunks": request("Transfer-Encoding: chunked", method="GET",
                               path="/api/check?key=a", body=CHUNKED),
    "delete-with-length": request(LENGTH, method="DELETE", path="/api/limits/x", body=BODY),
    "nul-in-target": b"GET /api/check?key=a\0b HTTP/1.1\r\nHost: x\r\n" + AUTH.encode() + b"\r\n",
    "authorization-twice": request(AUTH.strip(), LENGTH, body=BODY),
}


@pytest.mark.parametrize("raw", AMBIGUOUS.values(), ids=AMBIGUOUS.keys())
def test_ambiguous_request_gets_one_refusal_and_the_end(server, raw):
    got = exchange(server.port, raw + SMUGGLED)
    assert len(statuses(got)) == 1, got
    assert statuses(got)[0] in (400, 501), got
    assert b'"limits"' not in got


def test_length_over_the_cap_is_413_before_the_body(server):
    raw = request(f"Content-Length: {MIB + 1}")
    got = exchange(server.port, raw)
    assert statuses(got) == [413], got


def test_chunks_over_the_cap_are_413(server):
    chunk = b"10000\r\n" + b" " * 65536 + b"\r\n"
    raw = request("Transfer-Encoding: chunked") + chunk * 20 + b"0\r\n\r\n" + SMUGGLED
    got = exchange(server.port, raw)
    assert statuses(got) == [413], got


def test_endless_chunks_are_cut_off(server):
    chunk = b"100000\r\n" + b" " * MIB + b"\r\n"
    got = exchange(server.port, request("Transfer-Encoding: chunked") + chunk * 64, timeout_s=20)
    assert statuses(got) in ([], [413])


def test_body_of_the_cap_is_read(server):
    body = BODY[:-1] + " " * (MIB - len(BODY)) + "}"
    got = exchange(server.port, request(f"Content-Length: {MIB}", "Connection: close", body=body))
    assert statuses(got) == [200], got[:500]


def test_chunked_body_is_read(server):
    body = "".join(f"1;x=y\r\n{c}\r\n" for c in BODY) + "0\r\nTrailer: x\r\n\r\n"
    got = exchange(server.port, request("Transfer-Encoding: chunked", "Connection: close", body=body))
    assert statuses(got) == [200], got


def test_body_is_read_in_any_pieces_and_type(server):
    raw = request(LENGTH, "Content-Type: application/x-www-form-urlencoded", "Connection: close",
                  body=BODY)
    with socket.create_connection(("127.0.0.1", server.port)) as sock:
        for at in range(0, len(raw), 7):
            sock.sendall(raw[at:at + 7])
            time.sleep(0.0005)
        assert statuses(read_to_end(sock)) == [200]


def test_expect_gets_100_then_the_answer(server):
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as sock:
        sock.sendall(request(LENGTH, "Expect: 100-continue", "Connection: close"))
        assert sock.recv(4096) == b"HTTP/1.1 100 Continue\r\n\r\n"
        sock.sendall(BODY.encode())
        assert statuses(read_to_end(sock)) == [200]


def test_expect_of_a_refused_request_gets_no_100(server):
    raw = request(LENGTH, "Expect: 100-continue").replace(KEY.encode(), b"wrong" * 8)
    got = exchange(server.port, raw)
    assert statuses(got) == [401], got


def test_http_1_0_is_answered_and_closed(server):
    got = exchange(server.port, f"GET /api/check?key=old HTTP/1.0\r\n{AUTH}\r\n".encode())
    assert statuses(got) == [200]
    assert b"chunked" not in got.lower()


def test_absolute_target_is_understood(server):
    got = exchange(server.port, request("Connection: close", method="GET",
                                        path="http://sluice.example/api/check?key=a"))
    assert statuses(got) == [200]


@pytest.mark.parametrize("raw", [
    b"\r\n\r\n\r\n\r\n\r\nx", b"GET\r\n\r\n", b"GET /livez\r\n\r\n", b"GET /livez HTTP/3.0\r\n\r\n",
    b"GET /livez HTTP/1.1\r\n\r\n", b"GET livez HTTP/1.1\r\nHost: x\r\n\r\n",
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    b"GET /livez HTTP/1.1\r\nHost: x\r\nno colon\r\n\r\n",
    b"GET /livez HTTP/1.1\r\nHost: x\r\n: empty\r\n\r\n",
])
def test_noise_gets_at_most_one_refusal(start, raw):
    server = start("--header-timeout", "300ms")
    got = exchange(server.port, raw)
    assert len(statuses(got)) <= 1 and all(s >= 400 for s in statuses(got)), got


def test_target_or_headers_that_are_too_long_are_refused(server):
    long = request(method="GET", path="/api/check?key=" + "k" * 9000)
    assert statuses(exchange(server.port, long)) in ([414], [431])
    huge = request("X: " + "x" * 100000, method="GET", path="/livez")
    got = exchange(server.port, huge)
    assert statuses(got)[:1] in ([431], [413], [400]), got


def test_many_headers_do_no_harm(server):
    many = request(*(f"X-{i}: {i}" for i in range(2000)), "Connection: close", method="GET",
                   path="/livez")
    assert len(statuses(exchange(server.port, many))) == 1


def test_pipelined_requests_are_answered_in_order(server):
    raw = b"".join(request(method="GET", path=f"/api/check?key=pipe{i}") for i in range(50))
    raw += request(LENGTH, body=BODY) + request(method="GET", path="/api/limits?limit=1")
    raw += request("Connection: close", method="GET", path="/api/check?key=last")
    got = exchange(server.port, raw)
    assert statuses(got) == [200] * 53
    keys = [k.decode() for k in re.findall(rb'"key":"(pipe\d+|framing|last)"', got)]
    assert keys == [f"pipe{i}" for i in range(50)] + ["framing", "last"]


def test_answer_ends_where_its_length_says(server):
    got = exchange(server.port, request("Connection: close", method="GET", path="/api/check?key=a"))
    head, _, body = got.partition(b"\r\n\r\n")
    assert int(re.search(rb"Content-Length: (\d+)", head).group(1)) == len(body)
    assert json.loads(body)["key"] == "a"


# Slow peers. 400 ms stand for the 10 s; whoever trickles sends a byte every 50 ms.

def trickle(sock, raw, seconds):
    """Sends byte by byte until the server hangs up; how long that took, or None."""
    started = time.monotonic()
    sock.settimeout(0.05)
    for byte in raw:
        try:
            sock.sendall(bytes([byte]))
            if sock.recv(4096) == b"":
                return time.monotonic() - started
        except socket.timeout:
            pass
        except (BrokenPipeError, ConnectionResetError):
            return time.monotonic() - started
        if time.monotonic() - started > seconds:
            return None
    return None


TRICKLED = b"GET /livez HTTP/1.1\r\nHost: x\r\nX-Long: " + b"x" * 2000


@pytest.fixture(scope="module")
def hasty(tmp_path_factory):
    from conftest import Server
    one = Server(tmp_path_factory.mktemp("hasty") / "data", "--header-timeout", "400ms",
                 "--body-timeout", "700ms", "--idle-timeout", "1500ms")
    yield one
    one.stop()


def test_silent_connection_is_closed_after_the_header_timeout(hasty):
    started = time.monotonic()
    with socket.create_connection(("127.0.0.1", hasty.port)) as sock:
        got = read_to_end(sock, 5)
    assert all(s == 408 for s in statuses(got))
    assert 0.3 < time.monotonic() - started < 1.2


def test_trickled_headers_are_closed_however_steadily_they_come(hasty):
    with socket.create_connection(("127.0.0.1", hasty.port)) as sock:
        took = trickle(sock, TRICKLED, 5)
    assert took is not None and 0.3 < took < 1.2


def test_trickled_headers_of_a_later_request_are_closed_as_well(hasty):
    with socket.create_connection(("127.0.0.1", hasty.port), timeout=5) as sock:
        sock.sendall(request(method="GET", path="/livez"))
        assert statuses(sock.recv(4096)) == [200]
        took = trickle(sock, TRICKLED, 5)
    assert took is not None and 0.3 < took < 1.4


def test_idle_connection_outlives_the_header_timeout_and_ends_after_its_own(hasty):
    with socket.create_connection(("127.0.0.1", hasty.port), timeout=5) as sock:
        for pause in (0, 0.9):
            time.sleep(pause)
            sock.sendall(request(method="GET", path="/livez"))
            assert statuses(sock.recv(4096)) == [200]
        started = time.monotonic()
        assert read_to_end(sock, 5) == b""
    assert 1.2 < time.monotonic() - started < 2.6


def test_trickled_body_is_closed_after_the_body_timeout(hasty):
    with socket.create_connection(("127.0.0.1", hasty.port), timeout=5) as sock:
        sock.sendall(request("Content-Length: 5000"))
        took = trickle(sock, b" " * 2000, 5)
    assert took is not None and 0.5 < took < 1.6


def test_slow_connections_do_not_hinder_others(hasty):
    slow = [socket.create_connection(("127.0.0.1", hasty.port)) for _ in range(200)]
    for sock in slow:
        sock.sendall(TRICKLED[:20])
    client = hasty.client()
    started = time.monotonic()
    assert all(client.get("/livez").status == 200 for _ in range(50))
    assert time.monotonic() - started < 2
    for sock in slow:
        sock.close()
    client.close()
