"""Limits over HTTP: making, reading, changing, deleting, resetting, listing."""
# SPDX-License-Identifier: MIT
import threading

import pytest
from conftest import advance


def path_of(limit):
    return f"/api/limits/{limit['id']}"


def test_created_limit_has_defaults_location_and_etag(client):
    answer = client.post("/api/limits", {"key": "made", "limit": 60, "interval": "60s"})
    assert answer.status == 201
    limit = answer.json
    assert answer.header("Location") == path_of(limit)
    assert answer.header("ETag") == f'"{limit["revision"]}"'
    assert limit["interval"] == "1m" and limit["burst"] == 60
    assert (limit["algorithm"], limit["mode"], limit["scope"]) == ("token_bucket", "enforce", "request")
    got = client.get(answer.header("Location"))
    assert got.json["stats"] == {"allowed": 0, "denied": 0}
    assert {k: v for k, v in got.json.items() if k != "stats"} == limit
    assert got.header("ETag") == answer.header("ETag")


@pytest.mark.parametrize("more,status", [
    ({}, 409), ({"limit": 99}, 409), ({"burst": 5}, 409), ({"mode": "shadow"}, 409),
    ({"interval": "60s"}, 409), ({"interval": "2m"}, 201), ({"algorithm": "fixed_window"}, 201),
    ({"key": "twin*"}, 201),
])
def test_equal_limit_is_409_with_the_id_of_the_first(client, more, status):
    first = client.post("/api/limits", {"key": "twin", "limit": 10, "interval": "1m"})
    first_id = first.json.get("id") or first.json["existing_id"]
    answer = client.post("/api/limits", {"key": "twin", "limit": 10, "interval": "1m", **more})
    assert answer.status == status, answer
    if status == 409:
        assert answer.json["existing_id"] == first_id and answer.json["field"] == "key"


def test_equal_limits_made_at_once_leave_one(server, client):
    answers, lock = [], threading.Lock()
    barrier = threading.Barrier(8)

    def make():
        one = server.client()
        barrier.wait()
        answer = one.post("/api/limits", {"key": "race", "limit": 10, "interval": "1m"})
        one.close()
        with lock:
            answers.append(answer)

    threads = [threading.Thread(target=make) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    made = [a for a in answers if a.status == 201]
    assert len(made) == 1 and {a.status for a in answers} == {201, 409}, answers
    assert {a.json["existing_id"] for a in answers if a.status == 409} == {made[0].json["id"]}
    assert len(client.check("race", peek=1)["limits"]) == 1


def test_put_takes_effect_at_once_and_keeps_what_was_consumed(client):
    limit = client.make("put", limit=10, interval="1m")
    assert client.check("put", cost=6)["remaining"] == 4
    answer = client.ask("PUT", path_of(limit), {"limit": 100})
    assert answer.status == 200 and answer.json["limit"] == 100 and answer.json["burst"] == 100
    assert answer.json["revision"] > limit["revision"]
    assert client.check("put", peek=1)["remaining"] == 94
    assert client.ask("PUT", path_of(limit), {"limit": 3}).status == 200
    assert client.check("put", peek=1)["allowed"] is False
    advance(client, 120000)
    assert client.check("put", peek=1)["remaining"] == 3


def test_put_of_what_was_read_is_taken(client):
    limit = client.make("echo", limit=10, name="an echo")
    read = client.get(path_of(limit)).json
    read.pop("stats")
    answer = client.ask("PUT", path_of(limit), {**read, "limit": 11})
    assert answer.status == 200 and answer.json["limit"] == 11 and answer.json["name"] == "an echo"


@pytest.mark.parametrize("body,field", [
    ({"key": "other"}, "key"), ({"limit": 0}, "limit"), ({"id": "lim_x"}, "id"),
    ({"scope": "packet"}, "scope"), ({"colour": 1}, "colour"), ({"interval": "0s"}, "interval"),
])
def test_put_that_is_wrong_changes_nothing(client, body, field):
    name = "put-wrong-" + "-".join(body)
    limit = client.make(name)
    answer = client.ask("PUT", path_of(limit), body)
    assert answer.status == 400 and answer.json["field"] == field, answer
    assert client.get(path_of(limit)).json["revision"] == limit["revision"]


def test_put_onto_the_subject_of_another_is_409(client):
    first = client.make("clash", interval="1m")
    second = client.make("clash", interval="2m")
    answer = client.ask("PUT", path_of(second), {"interval": "1m"})
    assert answer.status == 409 and answer.json["existing_id"] == first["id"]
    assert client.get(path_of(second)).json["interval"] == "2m"


def test_if_match_guards_put_and_delete(client):
    limit = client.make("match", limit=10)
    old = f'"{limit["revision"]}"'
    new = client.ask("PUT", path_of(limit), {"limit": 20}, headers={"If-Match": old}).header("ETag")
    assert new and new != old
    for stale in (old, f"W/{new}", '"0"', '"x"'):
        answer = client.ask("PUT", path_of(limit), {"limit": 30}, headers={"If-Match": stale})
        assert answer.status == 412, (stale, answer)
        assert client.ask("DELETE", path_of(limit), headers={"If-Match": stale}).status == 412
    for bad in ("x", '"', "1", ""):
        answer = client.ask("PUT", path_of(limit), {"limit": 30}, headers={"If-Match": bad})
        assert answer.status == 400 and answer.json["field"] == "If-Match", (bad, answer)
    assert client.get(path_of(limit)).json["limit"] == 20
    headers = {"If-Match": f'{old}, {new}'}
    assert client.ask("PUT", path_of(limit), {"limit": 40}, headers=headers).status == 200
    assert client.ask("DELETE", path_of(limit), headers={"If-Match": "*"}).status == 204


def test_one_of_two_writers_with_one_etag_wins(server, client):
    limit = client.make("writers", limit=10)
    statuses, lock = [], threading.Lock()
    barrier = threading.Barrier(6)

    def write(number):
        one = server.client()
        barrier.wait()
        answer = one.ask("PUT", path_of(limit), {"limit": 100 + number},
                         headers={"If-Match": f'"{limit["revision"]}"'})
        one.close()
        with lock:
            statuses.append(answer.status)

    threads = [threading.Thread(target=write, args=(i,)) for i in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(statuses) == [200] + [412] * 5


def test_deleted_limit_is_gone_and_its_subject_free(client):
    limit = client.make("gone", limit=1)
    client.check("gone")
    answer = client.ask("DELETE", path_of(limit))
    assert answer.status == 204 and answer.body == b""
    for method in ("GET", "DELETE"):
        assert client.ask(method, path_of(limit)).status == 404
    assert client.ask("PUT", path_of(limit), {"limit": 5}).status == 404
    assert client.check("gone")["limits"] == []
    again = client.make("gone", limit=1)
    assert again["id"] != limit["id"] and client.check("gone")["allowed"] is True


@pytest.mark.parametrize("body", [None, {}])
def test_reset_without_a_key_forgets_all(client, body):
    limit = client.make(f"reset-{body}-*", limit=1)
    for key in ("a", "b"):
        client.check(f"reset-{body}-{key}")
    answer = client.post(path_of(limit) + "/reset", body)
    assert answer.status == 204
    assert client.check(f"reset-{body}-a")["allowed"] is True
    assert client.check(f"reset-{body}-b")["allowed"] is True


def test_reset_of_one_key_leaves_the_others(client):
    limit = client.make("reset-one-*", limit=1)
    for key in ("a", "b"):
        client.check(f"reset-one-{key}")
    assert client.post(path_of(limit) + "/reset", {"key": "reset-one-a"}).status == 204
    assert client.post(path_of(limit) + "/reset", {"key": "never-seen"}).status == 204
    assert client.check("reset-one-a")["allowed"] is True
    assert client.check("reset-one-b")["allowed"] is False


def test_pages_show_every_limit_once(start):
    client = start().client()
    made = [client.make(f"page-{i}")["id"] for i in range(25)]
    seen, cursor, pages = [], None, 0
    while True:
        answer = client.get("/api/limits?limit=10" + (f"&cursor={cursor}" if cursor else ""))
        assert list(answer.json) == ["limits", "next_cursor", "total"]
        seen += [limit["id"] for limit in answer.json["limits"]]
        pages += 1
        cursor = answer.json["next_cursor"]
        if pages == 1:
            # A page goes on behind its last limit, even when that is gone meanwhile.
            client.ask("DELETE", f"/api/limits/{seen[-1]}")
        if cursor is None:
            break
    assert pages == 3 and seen == sorted(made)
    assert client.get("/api/limits?limit=24").json["next_cursor"] is None
    assert len(client.get("/api/limits").json["limits"]) == 24
    client.close()


def test_head_of_a_list_has_no_body(client):
    answer = client.ask("HEAD", "/api/limits")
    assert answer.status == 200 and answer.body == b""
    assert int(answer.header("Content-Length")) > 0
