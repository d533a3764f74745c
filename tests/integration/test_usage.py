"""How much was asked: each check once, in its hour, and at most an interval lost by a kill."""
# SPDX-License-Identifier: MIT
import concurrent.futures
import http.client
import json
import os
import pathlib
import random
import sqlite3
import tempfile
import time

import pytest
from conftest import KEY, advance, wait_for

KILL_ROUNDS = 200 if os.environ.get("SLUICE_LONG") else 15
HOUR_MS = 3600 * 1000
# What a check may be late by, beyond its interval, on a machine that is busy.
SLACK_S = 0.4


def usage(client, query=""):
    answer = client.get(f"/api/usage{query}")
    assert answer.status == 200, answer
    return answer.json["entries"]


def sums(client, query="?by=day"):
    rows = usage(client, query)
    return {name: sum(row[name] for row in rows) for name in ("allowed", "denied", "tokens", "refunded")}


def utc(unix_ms):
    return time.strftime("%Y-%m-%dT%H:00:00.000Z", time.gmtime(unix_ms // 1000))


def move(client, ms):
    """Asking before and after makes what was asked before it fall into the hour that it was in."""
    usage(client)
    now = advance(client, ms)
    usage(client)
    return now


def test_each_kind_of_check_counts_as_it_says(start):
    client = start("--test-clock").client()
    client.make("k", limit=10)
    client.make("quiet", limit=2, mode="shadow")
    client.check("k", cost=4)
    client.check("k", cost=7)
    client.check("k", cost=-3)
    client.check("k", peek=1)
    client.check("k", cost=0)
    client.check("nobody", cost=1000)
    client.check("quiet", cost=1000)
    client.get("/api/check?key=")
    assert sums(client) == {"allowed": 5, "denied": 1, "tokens": 4, "refunded": 3}
    batch = [{"key": "k"}, {"key": "k", "peek": True}, {"key": "k", "cost": 100}, {"key": "k", "cost": 2}]
    assert client.post("/api/check", {"checks": batch}).status == 200
    assert sums(client) == {"allowed": 7, "denied": 2, "tokens": 7, "refunded": 3}
    # A batch that is refused whole asked nothing.
    assert client.post("/api/check", {"checks": [{"key": "k"}, {"key": ""}]}).status == 400
    assert sums(client)["allowed"] == 7
    # Of one cost only so much counts.
    client.make("huge", limit=2 ** 48 - 1, interval="1d", algorithm="fixed_window")
    client.check("huge", cost=2 ** 47)
    assert sums(client)["tokens"] == 7 + 2 ** 40


def test_checks_count_into_their_hour_and_day(start):
    client = start("--test-clock").client()
    client.make("k", limit=1000)
    now = client.post("/test/clock", {"advance_ms": 0}).json["now_ms"]
    expected = {}
    for step in range(30):
        client.check("k")
        expected[utc(now)] = expected.get(utc(now), 0) + 1
        now = move(client, HOUR_MS)
    everything = f"?from={utc(now - 40 * HOUR_MS)}&to={utc(now + HOUR_MS)}"
    assert {row["start"]: row["allowed"] for row in usage(client, everything)} == expected
    # By default the last 24 hours: the one under way, in which nothing was asked, and 23 more.
    assert len(usage(client)) == 23
    days = usage(client, everything + "&by=day")
    assert sum(row["allowed"] for row in days) + sum(
        n for start_at, n in expected.items() if start_at[:10] < days[0]["start"][:10]) == 30
    assert all(row["start"].endswith("T00:00:00.000Z") for row in days)
    found, cursor = [], ""
    while cursor is not None:
        page = client.get(f"/api/usage{everything}&limit=7{cursor and '&cursor=' + cursor}").json
        found += page["entries"]
        cursor = page["next_cursor"]
    assert {row["start"]: row["allowed"] for row in found} == expected and len(found) == 30


@pytest.mark.parametrize("query, field", [
    ("by=week", "by"), ("from=now", "from"), ("to=1", "to"), ("limit=0", "limit"), ("cursor=x", "cursor"),
    ("tenant=other", "tenant")])
def test_wrong_parameter_is_named(client, query, field):
    answer = client.get(f"/api/usage?{query}")
    assert (answer.status, answer.json["field"]) == (400, field)


def test_right_is_asked_for(server, client):
    made = client.post("/api/keys", {"name": "other", "rights": ["audit:read"]}).json
    other = server.client(made["token"])
    answer = other.get("/api/usage")
    assert answer.status == 403 and "usage:read" in answer.json["detail"]
    other.close()


def test_stops_and_starts_neither_lose_nor_double(start, tmp_path):
    total = 0
    for n in range(1, 5):
        server = start(data=tmp_path / "d")
        client = server.client()
        assert sums(client)["allowed"] == total
        for _ in range(n):
            client.check("k")
        total += n
        if n % 2:
            assert sums(client)["allowed"] == total
        client.close()
        server.stop()


def test_usage_is_written_without_being_asked_for(start, tmp_path):
    server = start("--snapshot-interval", "100ms", data=tmp_path / "d")
    client = server.client()
    for _ in range(5):
        client.check("k")
    usage(client)
    client.check("k")

    def written():
        with sqlite3.connect(f"file:{tmp_path}/d/ledger.db?mode=ro", uri=True) as db:
            return db.execute("SELECT sum(allowed) FROM usage").fetchone()[0]

    wait_for(lambda: written() == 6)
    client.close()


def test_hours_are_forgotten_when_their_time_is_over(start):
    client = start("--test-clock", "--usage-keep", "2h", "--snapshot-interval", "100ms").client()
    client.check("k")
    assert sums(client)["allowed"] == 1
    move(client, 2 * HOUR_MS)
    client.check("k")
    # One more hour, so that the first one ended two hours ago.
    move(client, HOUR_MS)
    wait_for(lambda: sums(client, "?from=2020-01-01")["allowed"] == 1)


def hammer(port, sent, answered):
    """Checks until the server dies; notes what was sent, and when it was answered."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    body = json.dumps({"checks": [{"key": "k"}] * 3})
    try:
        while True:
            sent.append(3)
            connection.request("POST", "/api/check", body, {"Authorization": f"Bearer {KEY}"})
            if connection.getresponse().read():
                answered.append((time.monotonic(), 3))
    except (OSError, http.client.HTTPException):
        pass
    finally:
        connection.close()


@pytest.fixture
def quick_disk():
    """A directory in memory, where no other writer delays a sync."""
    with tempfile.TemporaryDirectory(dir="/dev/shm" if os.path.isdir("/dev/shm") else None) as path:
        yield pathlib.Path(path)


def test_kills_under_load_lose_an_interval_at_most_and_double_nothing(quick_disk, start):
    data, rng = quick_disk / "d", random.Random(3)
    interval_s = 0.1
    options = ("--snapshot-interval", "100ms")
    server = start(*options, data=data)
    counted = lost = 0
    for _ in range(KILL_ROUNDS):
        sent, answered = [], []
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            for _ in range(2):
                pool.submit(hammer, server.port, sent, answered)
            time.sleep(rng.uniform(0.3, 0.6))
            killed = time.monotonic()
            server.kill()
        server = start(*options, data=data)
        client = server.client()
        before, counted = counted, sums(client)["allowed"]
        client.close()
        surely = sum(n for at, n in answered if at < killed - interval_s - SLACK_S)
        assert before + surely <= counted <= before + sum(sent)
        lost += sum(sent) - (counted - before)
    assert lost > 0, "the kills came at no bad moment"


def test_many_additions_under_load_and_a_stop_count_exactly(quick_disk, start):
    data, sent, answered = quick_disk / "d", [], []
    server = start("--snapshot-interval", "100ms", data=data)
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        for _ in range(2):
            pool.submit(hammer, server.port, sent, answered)
        time.sleep(1.5)
        server.stop()
    client = start(data=data).client()
    # What was sent last may have found the door closed.
    assert sum(n for _, n in answered) <= sums(client)["allowed"] <= sum(sent)
    assert len(sent) - len(answered) <= 2
    client.close()
