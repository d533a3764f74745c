"""/api/events: what streams say of real traffic, who may have one, and how they end."""
# SPDX-License-Identifier: MIT
import http.client
import threading
import time

import pytest
from certificates import Pair, trusting
from conftest import CHECK_KEY, KEY, Client, wait_for
from exposition import Scrape
from stream import Stream


@pytest.fixture
def fresh(start):
    server = start()
    client = server.client()
    yield client
    client.close()


def streams_open(client):
    return Scrape(client).value("sluice_event_streams")


def listen(port, query=""):
    """A stream that hears of everything from now on: others' rates show that it was taken in."""
    stream = Stream(port, query)
    with Stream(port, "?only=rates") as other:
        other.next("rates")
    return stream


def add_up(stream, wanted, limit):
    """Reads rates until a limit's checks come to `wanted`, soon; (allowed, denied)."""
    allowed = denied = 0
    until = time.monotonic() + 20
    while round(allowed + denied) < wanted and time.monotonic() < until:
        rates = stream.next("rates")
        (row,) = [row for row in rates["limits"] if row["id"] == limit["id"]]
        allowed += row["allowed_per_s"] * rates["seconds"]
        denied += row["denied_per_s"] * rates["seconds"]
    return round(allowed), round(denied)


def test_rates_add_up_to_what_was_asked(fresh):
    limit = fresh.make("user*", limit=30, interval="1h", name="users")
    with listen(fresh.connection.port) as stream:
        assert stream.status == 200 and b"Content-Type: text/event-stream\r\n" in stream.head
        assert stream.read() == (None, "retry: 2000")
        for i in range(40):
            fresh.check("user1")
            fresh.check(f"user2{i % 2}")
        assert add_up(stream, 80, limit) == (30 + 40, 10)


def test_event_of_rates_has_the_documented_members(fresh):
    limit = fresh.make("user*", limit=3, interval="1h", name="users")
    with listen(fresh.connection.port) as stream:
        for _ in range(5):
            fresh.check("user1")
        while not (rates := stream.next("rates"))["limits"][0]["allowed_per_s"]:
            pass
    assert set(rates) == {"time", "seconds", "sampled_1_of", "checks", "keys_live", "packets",
                          "limits", "others"}
    assert rates["sampled_1_of"] == 1 and rates["packets"] is None and rates["keys_live"] == 1
    assert 0.4 < rates["seconds"] < 5
    assert set(rates["checks"]) == {f"{outcome}_per_s" for outcome in (
        "allowed", "denied", "peeked", "invalid", "keys_max", "failed")}
    (row,) = rates["limits"]
    assert {name: row[name] for name in ("id", "name", "scope", "key", "unit", "limit", "interval",
                                         "mode")} == {
        "id": limit["id"], "name": "users", "scope": "request", "key": "user*", "unit": "requests",
        "limit": 3, "interval": "1h", "mode": "enforce"}
    (key,) = row["keys"]
    assert key["key"] == "user1"
    # A mean over that second and those before.
    assert 0 < key["allowed_per_s"] <= row["allowed_per_s"]
    assert rates["others"] == {"limits": 0, "allowed_per_s": 0, "denied_per_s": 0}


def test_decisions_say_who_was_refused_by_what(fresh):
    limit = fresh.make("a\u20ac", limit=1, interval="1h")
    with listen(fresh.connection.port, "?only=decisions") as stream:
        fresh.check("a\u20ac")
        fresh.check("a\u20ac", cost=7)
        seen = [stream.next("decision") for _ in range(2)]
    seen.sort(key=lambda event: event["cost"])
    for event, (cost, allowed) in zip(seen, [(1, True), (7, False)]):
        assert event.pop("time").endswith("Z")
        assert event == {"key": "a\u20ac", "cost": cost, "allowed": allowed, "limit": limit["id"],
                         "door": "http", "weight": 1}


def test_parameters_narrow_what_is_told(fresh):
    quiet, busy = fresh.make("a", interval="1h"), fresh.make("b", interval="1h")
    with listen(fresh.connection.port, f"?limit={quiet['id']}") as one, \
            Stream(fresh.connection.port, "?only=rates") as rates:
        for _ in range(5):
            fresh.check("b")
        fresh.check("a")
        while (event := one.read())[0] != "rates":
            assert event[0] is None or event[1]["key"] == "a"
        assert [row["id"] for row in event[1]["limits"]] == [quiet["id"]]
        assert {rates.read()[0] for _ in range(3)} == {None, "rates"}
        assert {row["id"] for row in rates.next("rates")["limits"]} == {quiet["id"], busy["id"]}


@pytest.mark.parametrize("query, field", [("?x=1", "x"), ("?only=keys", "only"), ("?only=", "only"),
                                          ("?only=rates&only=rates", "only"), ("?limit=", "limit"),
                                          ("?limit=lim_of_nobody", "limit"),
                                          ("?limit=" + "l" * 5000, "limit")])
def test_wrong_parameters_are_refused(client, query, field):
    answer = client.get("/api/events" + query)
    assert answer.status == (404 if query.startswith("?limit") else 400)
    assert answer.json["field"] == field


def test_right_is_needed(server, client):
    for key, status in [(CHECK_KEY, 403), ("not-a-key-of-this-server", 401), (None, 401)]:
        other = server.client(key)
        assert other.get("/api/events").status == status
        other.close()
    assert client.post("/api/events").status == 405
    head = client.ask("HEAD", "/api/events")
    assert head.status == 200 and head.header("Content-Type") == "text/event-stream"
    assert streams_open(client) == 0


def test_http10_gets_events_until_it_goes(fresh):
    with Stream(fresh.connection.port, version="1.0") as stream:
        assert not stream.chunked
        stream.next("rates")


def test_key_that_is_revoked_listens_no_longer(fresh):
    made = fresh.post("/api/keys", {"name": "watcher", "rights": ["events:read", "check"]}).json
    fresh.make("a")
    with Stream(fresh.connection.port, key=made["token"]) as revoked, \
            Stream(fresh.connection.port) as other:
        revoked.next("rates")
        assert fresh.ask("DELETE", f"/api/keys/{made['id']}").status == 204
        revoked.drain()
        other.next("rates")
    narrowed = fresh.post("/api/keys", {"name": "watcher", "rights": ["events:read"]}).json
    with Stream(fresh.connection.port, key=narrowed["token"]) as stream:
        stream.next("rates")
        assert fresh.ask("PUT", f"/api/keys/{narrowed['id']}", {"rights": ["check"]}).status == 200
        stream.drain()


def test_no_more_streams_than_events_max(start):
    server = start("--events-max", "2")
    client = server.client()
    first, second = Stream(server.port), Stream(server.port)
    refused = client.get("/api/events")
    assert refused.status == 503 and refused.header("Retry-After") == "5"
    assert "2 streams of events are open" in refused.json["detail"]
    assert streams_open(client) == 2
    first.close()
    wait_for(lambda: streams_open(client) == 1)
    with Stream(server.port) as third:
        third.next("rates")
    second.next("rates")
    second.close()
    wait_for(lambda: streams_open(client) == 0)
    client.close()


def test_events_max_0_turns_them_off(start):
    server = start("--events-max", "0")
    client = server.client()
    answer = client.get("/api/events")
    assert answer.status == 503 and "events_max" in answer.json["detail"]
    assert answer.header("Retry-After") is None
    client.close()


def test_stop_ends_streams_with_the_last_chunk(start):
    server = start()
    streams = [Stream(server.port) for _ in range(5)]
    deaf = [Stream(server.port, buffer=4096) for _ in range(5)]
    for stream in streams:
        stream.next("rates")
    server.signal()
    for stream in streams:
        stream.drain()
    server.finish()
    for stream in streams + deaf:
        stream.close()


def test_streams_over_tls_are_those_of_plain(start, tmp_path):
    pair = Pair(tmp_path, "localhost")
    server = start(*pair.options)
    streams = [Stream(server.port, tls=trusting(pair)) for _ in range(10)]
    # Larger than a record of TLS, and what is behind does not get lost.
    client = Client(server.port, tls=trusting(pair))
    for i in range(100):
        client.make(f"{i}{'k' * 300}", name="n" * 100)
    for stream in streams:
        assert len(stream.next("rates")) and len(stream.next("rates")["limits"]) > 50
    client.close()
    streams[0].close()
    server.signal()
    for stream in streams[1:]:
        stream.drain()
    server.finish()
    for stream in streams[1:]:
        stream.close()


def test_worker_threads_are_free_whatever_streams_there_are(fresh):
    """There are four workers at most; streams beyond that many hold none."""
    streams = [Stream(fresh.connection.port) for _ in range(20)]
    for i in range(20):
        fresh.make(f"k{i}")
    for stream in streams:
        stream.next("rates")
        stream.close()


def flood(port, key, stop):
    """Checks of long keys, so that events are long."""
    client = Client(port, KEY)
    while not stop.is_set():
        checks = [{"key": f"{key}{i:02}" + "x" * 400} for i in range(20)]
        client.post("/api/check", {"checks": checks})
    client.close()


def test_client_that_was_behind_is_told_how_much_it_missed(start):
    server = start()
    client = server.client()
    for i in range(100):
        client.make(f"{'y' * 300}{i}")
    client.make("flood*", limit=10)
    stop = threading.Event()
    thread = threading.Thread(target=flood, args=(server.port, "flood", stop))
    thread.start()
    try:
        with Stream(server.port, buffer=4096) as slow, Stream(server.port) as other:
            lost = lambda: Scrape(client).value("sluice_events_lost_total")
            wait_for(lambda: lost() > 0, timeout_s=30)
            other.next("rates")
            missed, counted = 0, 1
            while missed < counted:
                missed += slow.next("lost", 20)["events"]
                stop.set()
                counted = lost()
            assert missed == counted
    finally:
        stop.set()
        thread.join()
    client.close()


def test_sampled_counts_come_out_right_under_load(start):
    """What samples say of a flood's keys beside what its limit counted."""
    server = start("--http-threads", "1")
    client = server.client()
    client.make("k*", limit=10**6, interval="1s")
    stop = threading.Event()
    thread = threading.Thread(target=send_batches, args=(server.port, stop))
    thread.start()
    try:
        with Stream(server.port, "?only=rates") as stream:
            for _ in range(4):
                stream.next("rates")
            seen = stream.next("rates")
    finally:
        stop.set()
        thread.join()
    (row,) = seen["limits"]
    assert seen["checks"]["allowed_per_s"] > 5000, "no load to speak of"
    assert seen["sampled_1_of"] > 1
    keys = {key["key"]: key["allowed_per_s"] for key in row["keys"]}
    assert set(keys) == {f"k{i}" for i in range(4)}
    # The fading mean is of some seconds of a load that is not quite even.
    assert sum(keys.values()) == pytest.approx(row["allowed_per_s"], rel=0.4)
    assert keys["k0"] == pytest.approx(sum(keys.values()) * 0.4, rel=0.25)
    client.close()


def send_batches(port, stop):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    checks = ",".join('{"key":"k%d"}' % (0, 1, 0, 2, 3)[i % 5] for i in range(1000))
    body = '{"checks":[' + checks + "]}"
    while not stop.is_set():
        connection.request("POST", "/api/check", body, {"Authorization": f"Bearer {KEY}"})
        connection.getresponse().read()
    connection.close()
