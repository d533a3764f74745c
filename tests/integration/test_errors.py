"""Whatever is wrong with a request is a 4xx that says what, and names the field."""
# SPDX-License-Identifier: MIT
import json

import pytest
from conftest import CHECK_KEY, KEY

GOOD = {"key": "user", "limit": 10, "interval": "1m"}
MISSING = object()


def assert_problem(answer, status, field=None):
    assert answer.status == status, answer
    assert answer.header("Content-Type") == "application/problem+json"
    assert answer.header("Cache-Control") == "no-store"
    problem = answer.json
    assert problem["status"] == status
    assert problem["type"] and problem["title"] and problem["detail"]
    assert problem.get("field") == field, problem


BAD_LIMITS = [
    ("key", MISSING), ("key", ""), ("key", 7), ("key", None), ("key", ["a"]),
    ("key", "k" * 513), ("key", "é" * 257), ("key", "*" * 5), ("key", "a\\b"),
    ("limit", MISSING), ("limit", 0), ("limit", -1), ("limit", "10"), ("limit", 1.5),
    ("limit", None), ("limit", True), ("limit", 2**63 - 1),
    ("interval", MISSING), ("interval", "0s"), ("interval", "999us"), ("interval", "366d"),
    ("interval", "1"), ("interval", 60), ("interval", ""), ("interval", "1 m"), ("interval", "-1m"),
    ("interval", "1y"), ("interval", "99999999999999999999d"),
    ("burst", 0), ("burst", -5), ("burst", "10"), ("burst", 1e3),
    ("algorithm", "leaky_bucket"), ("algorithm", 1), ("algorithm", None),
    ("mode", "on"), ("mode", True),
    ("unit", "bytes"), ("unit", "apples"),
    ("scope", "world"),
    ("strategy", "shared"), ("strategy", "none"),
    ("on_failure", "explode"),
    ("name", 5), ("name", "n" * 129),
    ("id", "lim_mine"), ("revision", 1), ("created_at", 1), ("origin", "file"),
    ("colour", "red"), ("Key", "user"),
]


@pytest.mark.parametrize("field,value", BAD_LIMITS, ids=lambda v: repr(v)[:24])
def test_limit_with_a_bad_member_is_refused(client, field, value):
    body = {**GOOD, field: value}
    if value is MISSING:
        del body[field]
    assert_problem(client.post("/api/limits", body), 400, field)


WORD_OVERFLOWS = [
    ("limit", {"limit": 10**12, "interval": "1s"}),
    ("burst", {"limit": 1, "interval": "365d", "burst": 10**6}),
    ("burst", {"algorithm": "fixed_window", "burst": 20}),
    ("limit", {"algorithm": "sliding_window", "limit": 2**24}),
    ("limit", {"algorithm": "fixed_window", "limit": 2**48}),
]


@pytest.mark.parametrize("field,more", WORD_OVERFLOWS, ids=lambda v: repr(v)[:40])
def test_limit_that_no_word_holds_is_refused(client, field, more):
    assert_problem(client.post("/api/limits", {**GOOD, **more}), 400, field)


BAD_BODIES = {
    "empty": b"", "blank": b"  ", "broken": b'{"key":', "comma": b'{"key":"a",}',
    "trailing": b'{"key":"a"} x', "array": b"[]", "null": b"null", "string": b'"key"',
    "number": b"1", "single-quotes": b"{'key':'a'}", "form": b"key=user&limit=1",
    "deep": b'{"key":' * 200 + b"1" + b"}" * 200, "deep-array": b"[" * 100000,
    "twice": b'{"key":"a","key":"b","limit":1,"interval":"1m"}',
    "not-utf-8": b'{"key":"\xff","limit":1,"interval":"1m"}',
    "surrogate": b'{"key":"\xed\xa0\x80","limit":1,"interval":"1m"}',
    "lone-escape": b'{"key":"\\ud800","limit":1,"interval":"1m"}',
    "nul-escape": b'{"key":"a\\u0000b","limit":1,"interval":"1m"}',
    "nul": b'{"key":"a\0b","limit":1,"interval":"1m"}',
    "over-64-bits": b'{"key":"a","limit":9223372036854775808,"interval":"1m"}',
    "bom": b'\xef\xbb\xbf{"key":"a"}', "huge-number": b'{"limit":1e999}',
    "nan": b'{"limit":NaN}', "comment": b'{"key":"a"} // x',
}


@pytest.mark.parametrize("body", BAD_BODIES.values(), ids=BAD_BODIES.keys())
@pytest.mark.parametrize("path", ["/api/limits", "/api/check", "/test/clock"])
def test_body_that_is_no_object_is_refused(client, path, body):
    answer = client.post(path, body)
    assert answer.status == 400, answer
    assert answer.header("Content-Type") == "application/problem+json"


BAD_QUERIES = [
    ("", "key"), ("?", "key"), ("?cost=1", "key"), ("?key=", "key"), ("?key", "key"),
    ("?key=" + "k" * 513, "key"), ("?key=%00", "key"), ("?key=a%00b", "key"), ("?key=%ff", "key"),
    ("?key=%c0%80", "key"), ("?key=%", "key"), ("?key=%4", "key"), ("?key=%zz", "key"),
    ("?key=a&key=b", "key"), ("?key=a&ke%79=b", "key"), ("?key=a&cost=1&cost=1", "cost"),
    ("?key=a&cost=", "cost"), ("?key=a&cost=x", "cost"), ("?key=a&cost=1.5", "cost"),
    ("?key=a&cost=%2B1", "cost"), ("?key=a&cost=9223372036854775808", "cost"),
    ("?key=a&peek=2", "peek"), ("?key=a&peek=yes", "peek"),
    ("?key=a&deny_status=500", "deny_status"), ("?key=a&deny_status=", "deny_status"),
    ("?key=a&colour=red", "colour"), ("?key=a&KEY=b", "KEY"), ("?key=a&=x", None),
]


@pytest.mark.parametrize("query,field", BAD_QUERIES, ids=lambda v: repr(v)[:32])
def test_check_with_a_bad_query_is_refused(client, query, field):
    assert_problem(client.get("/api/check" + query), 400, field)


BAD_CHECKS = [
    ({}, "key"), ({"cost": 1}, "key"), ({"key": ""}, "key"), ({"key": 1}, "key"),
    ({"key": "k" * 513}, "key"), ({"key": "a", "cost": "1"}, "cost"),
    ({"key": "a", "cost": 1.0}, "cost"), ({"key": "a", "cost": None}, "cost"),
    ({"key": "a", "peek": 1}, "peek"), ({"key": "a", "colour": 1}, "colour"),
    ({"checks": []}, "checks"), ({"checks": {}}, "checks"), ({"checks": "a"}, "checks"),
    ({"checks": [{"key": "a"}] * 1001}, "checks"),
    ({"checks": [{"key": "a"}], "key": "a"}, "key"),
    ({"checks": [{"key": "a"}, 5]}, "checks[1]"),
    ({"checks": [{"key": "a"}, {"key": "b"}, {"key": "c"}, {"key": ""}]}, "checks[3].key"),
    ({"checks": [{"key": "a"}, {}]}, "checks[1].key"),
    ({"checks": [{"key": "a", "cost": "x"}]}, "checks[0].cost"),
    ({"checks": [{"key": "a", "checks": []}]}, "checks[0].checks"),
]


@pytest.mark.parametrize("body,field", BAD_CHECKS, ids=lambda v: repr(v)[:32])
def test_check_with_a_bad_body_is_refused(client, body, field):
    assert_problem(client.post("/api/check", body), 400, field)


@pytest.mark.parametrize("query,field", [
    ("?limit=0", "limit"), ("?limit=1001", "limit"), ("?limit=x", "limit"), ("?limit=", "limit"),
    ("?cursor=", "cursor"), ("?cursor=zzz", "cursor"), ("?cursor=" + "c" * 200, "cursor"), ("?page=2", "page"),
    ("?limit=1&limit=2", "limit"),
])
def test_list_with_a_bad_query_is_refused(client, query, field):
    assert_problem(client.get("/api/limits" + query), 400, field)


@pytest.mark.parametrize("body,field", [
    ({"advance_ms": -1}, "advance_ms"), ({"advance_ms": "1"}, "advance_ms"), ({}, "advance_ms"),
    ({"advance_ms": 2**62}, "advance_ms"), ({"advance_ms": 1, "x": 1}, "x"),
])
def test_test_clock_with_a_bad_body_is_refused(client, body, field):
    assert_problem(client.post("/test/clock", body), 400, field)


@pytest.mark.parametrize("body,field", [({"key": ""}, "key"), ({"key": 5}, "key"),
                                        ({"key": "k" * 513}, "key"), ({"keys": "a"}, "keys")])
def test_reset_with_a_bad_body_is_refused(client, body, field):
    limit = client.make("reset-bad-" + json.dumps(body)[:40].replace("*", ""))
    assert_problem(client.post(f"/api/limits/{limit['id']}/reset", body), 400, field)


NOWHERE = ["/", "/api", "/api/", "/api/check/", "/api/checks", "/API/check", "/api/limits/",
           "/api//limits", "/api/limits/a/b", "/api/limits/x/reset/y", "/api/%63heck", "/metrics/",
           "/livez/x", "/api/limits/" + "i" * 100, "/../etc/passwd", "/api/limits/x/"]


@pytest.mark.parametrize("path", NOWHERE, ids=lambda v: v[:24])
def test_path_that_is_nowhere_is_404(client, path):
    for method in ("GET", "POST", "DELETE"):
        assert_problem(client.ask(method, path), 404)


@pytest.mark.parametrize("method,path", [
    ("GET", "/api/limits/lim_none"), ("DELETE", "/api/limits/lim_none"),
    ("PUT", "/api/limits/lim_none"), ("POST", "/api/limits/lim_none/reset"),
])
def test_limit_that_is_unknown_is_404(client, method, path):
    assert_problem(client.ask(method, path, None if method in ("GET", "DELETE") else {}), 404)


METHODS = ["GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "PROPFIND"]
ALLOWED = {
    "/api/check": "GET, POST",
    "/api/limits": "GET, HEAD, POST",
    "/api/limits/lim_none": "GET, HEAD, PUT, DELETE",
    "/api/limits/lim_none/reset": "POST",
    "/livez": "GET, HEAD", "/readyz": "GET, HEAD", "/healthz": "GET, HEAD",
    "/test/clock": "POST",
}


@pytest.mark.parametrize("path", ALLOWED)
def test_method_that_a_path_lacks_is_405_and_names_the_others(client, path):
    for method in METHODS:
        answer = client.ask(method, path)
        if method in ALLOWED[path].split(", "):
            assert answer.status != 405, (method, answer)
            assert answer.header("Allow") is None
        else:
            assert answer.status == 405, (method, answer)
            assert answer.header("Allow") == ALLOWED[path]


def test_method_that_nobody_knows_is_405(server):
    from conftest import exchange
    got = exchange(server.port, b"BREW /api/check HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    assert got.startswith(b"HTTP/1.1 405 "), got
    got = got.lower()
    assert got.count(b"http/1.1 ") == 1 and b"\r\nallow: get" in got


BAD_CREDENTIALS = [
    None, "", "Bearer", "Bearer ", f"Basic {KEY}", KEY, f"Bearer {KEY}x", f"Bearer {KEY[:-1]}",
    f"Bearer  {KEY}", f"Bearer {KEY} x", f"Bearer {KEY.upper()}", "Bearer " + "x" * 300,
    "Bearer \xe9", f"Bearer {KEY},",
]


@pytest.mark.parametrize("value", BAD_CREDENTIALS, ids=lambda v: repr(v)[:24])
def test_credentials_that_are_wrong_are_all_answered_alike(server, value):
    answers = []
    for target in ("/api/check?key=a", "/api/limits", "/api/limits/lim_none"):
        anonymous = server.client(key=None)
        answers.append(anonymous.get(target, headers={} if value is None else
                                     {"Authorization": value}))
        anonymous.close()
    for answer in answers:
        assert_problem(answer, 401)
        assert answer.header("WWW-Authenticate") == "Bearer"
        assert {**answer.json, "request_id": ""} == {**answers[0].json, "request_id": ""}


def test_scheme_is_read_without_case(server):
    anonymous = server.client(key=None)
    answer = anonymous.get("/api/check?key=a", headers={"Authorization": f"bEARER {KEY}"})
    assert answer.status == 200
    anonymous.close()


@pytest.mark.parametrize("method,path,right", [
    ("GET", "/api/limits", "limits:read"), ("GET", "/api/limits/lim_none", "limits:read"),
    ("POST", "/api/limits", "limits:write"), ("PUT", "/api/limits/lim_none", "limits:write"),
    ("DELETE", "/api/limits/lim_none", "limits:write"),
    ("POST", "/api/limits/lim_none/reset", "limits:write"), ("GET", "/metrics", "metrics:read"),
])
def test_key_without_the_right_is_403_naming_it(server, method, path, right):
    checker = server.client(key=CHECK_KEY)
    answer = checker.ask(method, path, GOOD if method in ("POST", "PUT") else None)
    assert_problem(answer, 403)
    assert right in answer.json["detail"]
    assert checker.get("/api/check?key=a").status == 200
    checker.close()


def test_health_needs_no_key(server):
    anonymous = server.client(key=None)
    for path in ("/livez", "/readyz", "/healthz", "/readyz?verbose"):
        answer = anonymous.get(path)
        assert answer.status == 200 and answer.json["status"] == "ok"
        assert answer.header("Cache-Control") == "no-store"
    anonymous.close()


def test_get_with_a_body_is_refused(server):
    one = server.client()
    assert_problem(one.ask("GET", "/api/check?key=a", b"{}"), 400)
    one.close()


def test_refused_body_leaves_the_connection_usable(server):
    one = server.client(key="nobody-has-this-key-here")
    assert one.post("/api/limits", GOOD).status == 401
    sock = one.connection.sock
    one.key = KEY
    assert one.get("/api/check?key=a").status == 200
    assert one.connection.sock is sock and sock is not None
    one.close()
