"""Millions of distinct keys through the door: bounded, refused by name, and known keys unhurt."""
# SPDX-License-Identifier: MIT
# run-alone
import contextlib
import os
import time

import pytest
from conftest import CHECK_KEY, binary
from test_attack import P99_MS, Watch, finish, p99, run_script

LONG = bool(os.environ.get("SLUICE_LONG"))
MIB = 1024 * 1024
BATCH = 1000
KNOWN = 50
KEY_BYTES = 80  # at most, of keys of 15 bytes under one limit
REST_BYTES = 128 * MIB  # of all that is no key, at most


def fill(client, first, count, prefix="stranger"):
    """Asks once for each of so many keys; how many were allowed, and the last that was not."""
    allowed, refused = 0, None
    for at in range(first, first + count, BATCH):
        checks = ",".join(f'{{"key":"{prefix}{n:07}"}}' for n in range(at, at + BATCH))
        answer = client.post("/api/check", '{"checks":[' + checks + "]}")
        assert answer.status == 200
        results = answer.json["results"]
        got = sum(result["allowed"] for result in results)
        if got < BATCH:
            refused = next(result for result in results if not result["allowed"])
        allowed += got
    return allowed, refused


@contextlib.contextmanager
def niced():
    """As the other attackers are."""
    os.setpriority(os.PRIO_PROCESS, 0, 10)
    try:
        yield
    finally:
        with contextlib.suppress(PermissionError):
            os.setpriority(os.PRIO_PROCESS, 0, 0)


def key_bytes(client):
    """What the engine says that it holds for keys."""
    (line,) = [row for row in client.get("/metrics").body.decode().splitlines()
               if row.startswith("sluice_key_memory_bytes ")]
    return float(line.split()[1])


def known_remaining(client):
    return [client.check(f"known{n}", peek=1)["remaining"] for n in range(KNOWN)]


# keys_max, distinct keys asked for
SIZES = [(1_000_000, 10_000_000), (10_000_000, 10_200_000)] if LONG else [(100_000, 300_000)]


@pytest.mark.parametrize("keys_max, asked", SIZES)
def test_distinct_keys_beyond_the_bound_hurt_nobody(start, keys_max, asked):
    server = start("--keys-max", keys_max)
    client = server.client()
    client.make("known*", 100, "365d")
    client.make("stranger*", 5, "1h")
    client.make("honest", 10**6, "1d")  # so slow that it always has state
    for n in range(KNOWN):
        assert client.check(f"known{n}", cost=n + 1)["remaining"] == 99 - n
    calm = finish(run_script("honest", server.port, 1, CHECK_KEY), 1)
    # An honest client asks all the while; it knows its own key before the flood.
    seconds = max(3, asked // 250_000)
    honest = run_script("honest", server.port, seconds, CHECK_KEY)
    time.sleep(0.2)
    started = time.monotonic()
    with niced():
        allowed, refused = fill(client, 0, asked)
    took = time.monotonic() - started
    # The known ones and the honest one have their places.
    assert allowed == keys_max - KNOWN - 1
    assert refused["error"]["status"] == 503 and "keys_max" in refused["error"]["detail"], refused
    answer = client.get("/api/check?key=stranger-more")
    assert answer.status == 503 and "keys_max" in answer.json["detail"]
    assert client.get("/api/check?key=stranger-more&peek=1").status == 503
    assert known_remaining(client) == [99 - n for n in range(KNOWN)]
    # A stranger that came in time is counted as ever.
    assert client.check("stranger0000000")["remaining"] == 3
    held, rss = key_bytes(client), Watch(server).rss()
    assert held < keys_max * KEY_BYTES
    assert rss < held + REST_BYTES or "/asan/" in binary()
    seen = finish(honest, seconds)
    print(f"\nkeys_max {keys_max}: {asked} keys in {took:.1f} s, {held / keys_max:.0f} bytes a key, "
          f"{rss / MIB:.0f} MiB in all, "
          f"honest p99 {p99(seen['kept']):.2f} ms kept, {p99(seen['fresh']):.2f} ms new")
    assert seen["failed"] == []
    # Where other work delays even a calm server's clients, the flood may not add as much again.
    assert p99(seen["kept"]) < max(P99_MS, 2 * p99(calm["kept"])) or "/asan/" in binary()


def test_idle_keys_make_room_at_once(start):
    server = start("--keys-max", 20_000, "--test-clock")
    client = server.client()
    client.make("brief*", 5, "1s")
    client.make("slow*", 5, "1h")
    assert fill(client, 0, 10_000, "slow")[0] == 10_000
    assert fill(client, 0, 12_000, "brief")[0] == 10_000
    assert client.get("/api/check?key=slow-one").status == 503
    client.post("/test/clock", {"advance_ms": 1000})
    assert client.check("slow-one", peek=1)["allowed"]
    assert client.check("slow-one")["allowed"]
    assert client.check("slow0000000")["remaining"] == 3
