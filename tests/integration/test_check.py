"""Checks over HTTP: figures, headers, batches, modes, costs, and exact counts."""
# SPDX-License-Identifier: MIT
import re
import subprocess
import threading

import pytest
from conftest import KEY, advance, wait_for

MEMBERS = ["allowed", "key", "limit", "remaining", "retry_after_ms", "reset_after_ms", "limits"]
HIT_MEMBERS = ["id", "limit", "remaining", "retry_after_ms", "reset_after_ms", "mode"]


def parse_list(text):
    """An RFC 9651 list of strings with integer parameters, as [(name, {parameter: value})]."""
    items = []
    for item in text.split(", "):
        found = re.fullmatch(r'"([ -!#-\[\]-~]*)"((?:;[a-z]+=\d{1,15})*)', item)
        assert found, text
        pairs = [p.split("=") for p in found.group(2).split(";")[1:]]
        items.append((found.group(1), {k: int(v) for k, v in pairs}))
    return items


def test_readme_curls_work(server):
    def curl(*args):
        done = subprocess.run(["curl", "-sS", "-w", "\n%{http_code}", "-H",
                               f"Authorization: Bearer {KEY}", *args],
                              capture_output=True, text=True, timeout=20, check=True)
        return done.stdout.rsplit("\n", 1)

    body = '{"key":"user123","limit":1000,"interval":"1m","algorithm":"token_bucket"}'
    made, status = curl(f"{server.url}/api/limits", "-d", body)
    assert status == "201"
    limit_id = re.search(r'"id":"(lim_[0-9a-z]+)"', made).group(1)
    text, status = curl(f"{server.url}/api/check?key=user123")
    assert status == "200"
    assert text == ('{"allowed":true,"key":"user123","limit":1000,"remaining":999,"retry_after_ms":0,'
                    '"reset_after_ms":60,"limits":[{"id":"%s","limit":1000,"remaining":999,'
                    '"retry_after_ms":0,"reset_after_ms":60,"mode":"enforce"}]}' % limit_id)
    again, status = curl(f"{server.url}/api/limits", "-d", body)
    assert status == "409" and f'"existing_id":"{limit_id}"' in again


def test_key_that_no_limit_covers_is_allowed(client):
    answer = client.get("/api/check?key=x")
    assert answer.body == (b'{"allowed":true,"key":"x","limit":null,"remaining":null,'
                           b'"retry_after_ms":0,"reset_after_ms":0,"limits":[]}')
    assert answer.header("RateLimit") is None and answer.header("RateLimit-Policy") is None


def test_denied_check_says_when_to_come_back(client):
    limit = client.make("deny", limit=3, interval="1m")
    for remaining in (2, 1, 0):
        assert client.check("deny")["remaining"] == remaining
    answer = client.get("/api/check?key=deny")
    assert answer.status == 200
    assert list(answer.json) == MEMBERS and list(answer.json["limits"][0]) == HIT_MEMBERS
    assert answer.json["allowed"] is False and answer.json["remaining"] == 0
    assert answer.json["retry_after_ms"] == 20000 and answer.json["reset_after_ms"] == 60000
    assert answer.header("Retry-After") == "20"
    assert answer.header("Cache-Control") == "no-store"
    assert parse_list(answer.header("RateLimit-Policy")) == [(limit["id"], {"q": 3, "w": 60})]
    assert parse_list(answer.header("RateLimit")) == [(limit["id"], {"r": 0, "t": 20})]
    advance(client, 19999)
    assert client.check("deny", peek=1)["allowed"] is False
    advance(client, 1)
    assert client.check("deny")["allowed"] is True


def test_deny_status_is_used_only_when_denied(client):
    client.make("status", limit=1)
    assert client.get("/api/check?key=status&deny_status=429").status == 200
    answer = client.get("/api/check?key=status&deny_status=429")
    assert answer.status == 429 and answer.json["allowed"] is False
    assert answer.header("Retry-After") == "60"
    assert client.get("/api/check?key=status").status == 200
    assert client.post("/api/check?deny_status=429", {"key": "status"}).status == 429


def test_seconds_in_headers_are_rounded_up(client):
    client.make("fast", limit=1, interval="1500ms")
    client.check("fast")
    answer = client.get("/api/check?key=fast")
    assert answer.json["retry_after_ms"] == 1500
    assert answer.header("Retry-After") == "2"
    assert parse_list(answer.header("RateLimit-Policy"))[0][1]["w"] == 2
    advance(client, 1400)
    answer = client.get("/api/check?key=fast")
    assert answer.json["retry_after_ms"] == 100 and answer.header("Retry-After") == "1"


def test_cost_that_never_fits_has_no_retry(client):
    client.make("never", limit=5)
    answer = client.get("/api/check?key=never&cost=6")
    assert answer.json["allowed"] is False and answer.json["retry_after_ms"] is None
    assert answer.json["limits"][0]["retry_after_ms"] is None
    assert answer.header("Retry-After") is None
    assert answer.json["remaining"] == 5


def test_cost_is_consumed_and_refunded(client):
    client.make("cost", limit=10)
    assert client.check("cost", cost=7)["remaining"] == 3
    assert client.check("cost", cost=4)["allowed"] is False
    assert client.check("cost", cost=-2)["remaining"] == 5
    assert client.check("cost", cost=0)["remaining"] == 5
    assert client.check("cost", cost=-1000)["remaining"] == 10
    assert client.check("cost", cost=5)["remaining"] == 5


def test_peek_consumes_nothing_and_foretells(client):
    client.make("peek", limit=2)
    for _ in range(5):
        assert client.check("peek", peek=1)["allowed"] is True
    assert client.check("peek", cost=2)["allowed"] is True
    assert client.check("peek", peek=1)["allowed"] is False
    assert client.post("/api/check", {"key": "peek", "peek": True}).json["allowed"] is False


def test_tightest_limit_speaks_and_all_are_charged_or_none(client):
    wide = client.make("multi-*", limit=100, interval="1h")
    narrow = client.make("multi-a", limit=2, interval="1m")
    answer = client.get("/api/check?key=multi-a")
    assert answer.json["limit"] == 2 and answer.json["remaining"] == 1
    assert [h["id"] for h in answer.json["limits"]] == [wide["id"], narrow["id"]]
    assert [n for n, _ in parse_list(answer.header("RateLimit"))] == [narrow["id"], wide["id"]]
    client.check("multi-a")
    for _ in range(5):
        assert client.check("multi-a")["allowed"] is False
    hits = {h["id"]: h["remaining"] for h in client.check("multi-a", peek=1)["limits"]}
    assert hits == {wide["id"]: 98, narrow["id"]: 0}
    assert client.check("multi-b")["remaining"] == 99


def test_shadow_counts_and_never_denies(client):
    limit = client.make("shadow", limit=1, mode="shadow")
    for _ in range(3):
        answer = client.get("/api/check?key=shadow")
        assert answer.json["allowed"] is True and answer.json["limit"] is None
        assert answer.json["limits"][0]["mode"] == "shadow"
        assert answer.header("RateLimit") is None
    stats = client.get(f"/api/limits/{limit['id']}").json["stats"]
    assert stats == {"allowed": 1, "denied": 2}


def test_off_is_as_if_there_were_none_and_keeps_what_was_consumed(client):
    limit = client.make("off", limit=1)
    path = f"/api/limits/{limit['id']}"
    assert client.check("off")["allowed"] is True
    assert client.ask("PUT", path, {"mode": "off"}).status == 200
    assert client.check("off")["limits"] == []
    assert client.ask("PUT", path, {"mode": "enforce"}).status == 200
    assert client.check("off")["allowed"] is False


@pytest.mark.parametrize("algorithm", ["fixed_window", "sliding_window", "token_bucket"])
def test_algorithm_admits_its_limit_and_again_after_the_interval(client, algorithm):
    client.make(f"algorithm-{algorithm}", limit=5, interval="10s", algorithm=algorithm)
    advance(client, 10000)
    allowed = [client.check(f"algorithm-{algorithm}")["allowed"] for _ in range(8)]
    assert allowed == [True] * 5 + [False] * 3
    advance(client, 20000)
    assert client.check(f"algorithm-{algorithm}")["remaining"] == 4


def test_key_is_any_text(client):
    for key in ("ключ/λ 😀", 'quote"\\back', "a b+c%&=", "k" * 512, "<script>", "\x01\x7f"):
        answer = client.post("/api/check", {"key": key})
        assert answer.status == 200 and answer.json["key"] == key
    assert client.check("ключ/λ 😀 a+b&c=d")["key"] == "ключ/λ 😀 a+b&c=d"


def test_pattern_gives_each_key_its_own_bucket(client):
    client.make("own:*:x", limit=1)
    for key in ("own:a:x", "own:b:x", "own::x"):
        assert client.check(key)["allowed"] is True
        assert client.check(key)["allowed"] is False
    assert client.check("own:a:y")["limits"] == []


def test_batch_answers_in_order(client):
    client.make("batch", limit=3)
    checks = [{"key": "batch", "cost": 2}, {"key": "batch", "cost": 2}, {"key": "nobody"},
              {"key": "batch"}, {"key": "batch", "cost": -3}, {"key": "batch", "peek": True}]
    answer = client.post("/api/check", {"checks": checks})
    assert answer.status == 200 and answer.header("RateLimit") is None
    results = answer.json["results"]
    assert [r["key"] for r in results] == [c["key"] for c in checks]
    assert [r["allowed"] for r in results] == [True, False, True, True, True, True]
    assert [r["remaining"] for r in results] == [1, 1, None, 0, 3, 3]


def test_batch_of_a_thousand_is_answered(client):
    client.make("thousand", limit=600)
    results = client.post("/api/check", {"checks": [{"key": "thousand"}] * 1000}).json["results"]
    assert [r["allowed"] for r in results] == [True] * 600 + [False] * 400


def test_batch_with_one_bad_entry_consumes_nothing(client):
    client.make("atomic", limit=5)
    answer = client.post("/api/check", {"checks": [{"key": "atomic"}] * 3 + [{"key": ""}]})
    assert answer.status == 400 and answer.json["field"] == "checks[3].key"
    assert client.check("atomic", peek=1)["remaining"] == 5


def test_keys_beyond_the_bound_are_503_and_known_ones_go_on(start):
    client = start("--test-clock", "--keys-max", 3).client()
    client.make("bound-*", limit=5)
    for i in range(3):
        assert client.check(f"bound-{i}")["remaining"] == 4
    answer = client.get("/api/check?key=bound-3")
    assert answer.status == 503 and answer.json["field"] == "key"
    assert answer.header("Content-Type") == "application/problem+json"
    assert client.check("bound-1")["remaining"] == 3
    assert client.check("free")["allowed"] is True
    checks = [{"key": "bound-0"}, {"key": "bound-9"}, {"key": "bound-2"}]
    results = client.post("/api/check", {"checks": checks}).json["results"]
    assert [r.get("remaining") for r in results] == [3, None, 3]
    assert results[1]["error"]["status"] == 503 and results[1]["allowed"] is False
    advance(client, 3600 * 1000)
    # The sweep goes by real time: a pass over all keys takes at most 10 s.
    answer = wait_for(lambda: (got := client.get("/api/check?key=bound-3")).status != 503 and got, timeout_s=15)
    assert answer.json["remaining"] == 4
    client.close()


def test_stats_equal_the_requests_of_many_clients(server, client):
    limit = client.make("crowd", limit=700, interval="1h")
    outcomes, lock = [], threading.Lock()

    def ask():
        one = server.client()
        seen = [one.check("crowd")["allowed"] for _ in range(150)]
        one.close()
        with lock:
            outcomes.extend(seen)

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(outcomes) == 1200 and sum(outcomes) == 700
    stats = client.get(f"/api/limits/{limit['id']}").json["stats"]
    assert stats == {"allowed": 700, "denied": 500}
