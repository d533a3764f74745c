"""Who changed what: every change exactly once, with the right actor, whatever comes in between."""
# SPDX-License-Identifier: MIT
import concurrent.futures
import http.client
import json
import os
import pathlib
import random
import re
import resource
import sqlite3
import tempfile
import time

import pytest
from conftest import CHECK_KEY, KEY, PASSWORD, advance, wait_for

KILL_ROUNDS = 200 if os.environ.get("SLUICE_LONG") else 30
LEDGER = "ledger.db"
NO_LIMIT = 10 ** 6


def entries(client, **parameters):
    """All that match, newest first, page by page."""
    query = "&".join(f"{name}={value}" for name, value in {"limit": 1000, **parameters}.items())
    found, cursor = [], ""
    while cursor is not None:
        answer = client.get(f"/api/audit?{query}{cursor and '&cursor=' + cursor}")
        assert answer.status == 200, answer
        found += answer.json["entries"]
        cursor = answer.json["next_cursor"]
    return found


def actions(client, **parameters):
    """Oldest first, but for those of the first start."""
    return [e["action"] for e in reversed(entries(client, **parameters)) if e["actor"] != "bootstrap"]


def ledger_text(client):
    return client.get("/readyz?verbose").json["ledger"]


def own_key(client):
    return next(k for k in client.get("/api/keys").json["keys"] if k["name"] == "bootstrap")


def test_each_change_of_a_limit_has_one_entry_with_what_differs(start):
    client = start("--test-clock").client()
    key = own_key(client)
    first = client.make("user:*", limit=10)
    limit = first["id"]
    advance(client, 1000)
    client.ask("PUT", f"/api/limits/{limit}", {"limit": 20, "name": "twenty"})
    client.post(f"/api/limits/{limit}/reset", {"key": "user:ü"})
    client.post(f"/api/limits/{limit}/reset")
    client.ask("DELETE", f"/api/limits/{limit}")
    got = entries(client, object=limit)
    assert [e["action"] for e in got] == ["limit.delete", "limit.reset", "limit.reset",
                                          "limit.update", "limit.create"]
    assert {(e["actor"], e["actor_name"]) for e in got} == {(key["id"], "bootstrap")}
    assert [e["revision"] for e in got] == sorted({e["revision"] for e in got}, reverse=True)
    assert [e["id"] for e in got] == sorted({e["id"] for e in got}, reverse=True)
    deleted, all_keys, one_key, updated, created = (e["change"] for e in got)
    shown = {name: value for name, value in first.items() if name not in ("revision", "capacity")}
    assert created == {"before": None, "after": shown}
    assert got[-1]["revision"] == first["revision"]
    assert updated == {"before": {"limit": 10, "burst": 10, "name": None},
                       "after": {"limit": 20, "burst": 20, "name": "twenty"}}
    assert one_key == {"key": "user:ü"} and all_keys == {"key": None}
    assert deleted["after"] is None
    assert deleted["before"] == {**shown, **updated["after"],
                                 "updated_at": got[3]["time"]}
    assert got[3]["time"] > created["after"]["created_at"]


def test_entry_says_from_where_and_in_which_request(start):
    server = start()
    client = server.client()
    limit = client.post("/api/limits", {"key": "k", "limit": 1, "interval": "1m"},
                        headers={"X-Request-Id": "from-the-gateway"}).json["id"]
    client.ask("DELETE", f"/api/limits/{limit}")
    deleted, created = entries(client, object=limit)
    assert created["request_id"] == "from-the-gateway" and created["peer"] == "127.0.0.1"
    assert deleted["peer"] == "127.0.0.1"
    assert deleted["request_id"] not in (None, "", "from-the-gateway")
    # One that is not well-formed is not taken over.
    other = client.post("/api/limits", {"key": "k", "limit": 1, "interval": "1m"},
                        headers={"X-Request-Id": 'a"b'}).json["id"]
    assert entries(client, object=other)[0]["request_id"] not in (None, "", 'a"b')


def test_what_fails_leaves_no_entry(start):
    client = start().client()
    limit = client.make("k")["id"]
    before = len(entries(client))
    assert client.post("/api/limits", {"key": "k", "limit": 1, "interval": "1m"}).status == 409
    assert client.post("/api/limits", {"key": "", "limit": 1, "interval": "1m"}).status == 400
    assert client.ask("PUT", f"/api/limits/{limit}", {"limit": 0}).status == 400
    assert client.ask("PUT", f"/api/limits/{limit}", {"limit": 5},
                      headers={"If-Match": '"77"'}).status == 412
    assert client.ask("DELETE", "/api/limits/lim_none").status == 404
    assert client.post("/api/limits/lim_none/reset").status == 404
    assert client.post(f"/api/limits/{limit}/reset", {"key": ""}).status == 400
    assert client.post(f"/api/limits/{limit}/confirm").status == 409
    assert client.ask("DELETE", "/api/keys/" + own_key(client)["id"]).status == 409
    assert len(entries(client)) == before


def test_confirmed_and_expired_limits_say_who_decided(start):
    server = start("--test-clock")
    client = server.client()
    kept = client.make("kept", confirm="60s")
    gone = client.make("gone", confirm="60s")
    assert client.post(f"/api/limits/{kept['id']}/confirm").status == 200
    assert entries(client, object=kept["id"])[0]["change"] == {
        "before": {"confirm_by": kept["confirm_by"]}, "after": {"confirm_by": None}}
    advance(client, 61000)
    wait_for(lambda: client.get(f"/api/limits/{gone['id']}").status == 404)
    got = entries(client, object=gone["id"])
    assert [(e["action"], e["actor"]) for e in got] == [("limit.expire", "keeper"),
                                                        ("limit.create", own_key(client)["id"])]
    assert got[0]["change"]["before"]["confirm_by"] == gone["confirm_by"]
    assert got[0]["actor_name"] is None
    assert actions(client, object=kept["id"]) == ["limit.create", "limit.confirm"]


def write_limits(folder, count, limit=10):
    text = "limits:\n" + "".join(f"  - {{name: n{i}, key: k{i}, limit: {limit}, interval: 1m}}\n"
                                 for i in range(count))
    fresh = folder / "a.yaml.new"
    fresh.write_text(text)
    fresh.rename(folder / "a.yaml")


def test_limits_of_files_are_changed_by_the_file(start, tmp_path):
    folder = tmp_path / "limits"
    folder.mkdir()
    write_limits(folder, 50)
    client = start("--limits", folder).client()
    got = entries(client, actor="file")
    assert len(got) == 50 and {e["action"] for e in got} == {"limit.create"}
    write_limits(folder, 40, limit=20)
    wait_for(lambda: len(client.get("/api/limits").json["limits"]) == 40 and
             len(entries(client, actor="file")) == 100)
    got = entries(client, actor="file")[:50]
    assert sum(e["action"] == "limit.delete" for e in got) == 10
    assert {json.dumps(e["change"]) for e in got if e["action"] == "limit.update"} == {
        json.dumps({"before": {"limit": 10, "burst": 10}, "after": {"limit": 20, "burst": 20}})}
    assert len({e["object"] for e in entries(client, actor="file")}) == 50


def test_first_start_and_keys_are_in_the_audit(start):
    client = start().client()
    made = client.post("/api/keys", {"name": "robot", "rights": ["limits:write", "limits:read"]}).json
    robot = client.__class__(client.connection.port, made["token"])
    limit = robot.make("k")["id"]
    client.ask("PUT", f"/api/keys/{made['id']}", {"name": "android"})
    robot.ask("DELETE", f"/api/limits/{limit}")
    client.ask("DELETE", f"/api/keys/{made['id']}")
    assert [(e["action"], e["actor_name"]) for e in entries(client, object=limit)] == [
        ("limit.delete", "android"), ("limit.create", "robot")]
    assert {e["actor"] for e in entries(client, object=limit)} == {made["id"]}
    revoked, updated, created = entries(client, object=made["id"])
    assert updated["change"] == {"before": {"name": "robot"}, "after": {"name": "android"}}
    assert created["change"]["after"]["rights"] == ["limits:read", "limits:write"]
    assert revoked["change"]["before"]["name"] == "android" and revoked["action"] == "key.revoke"
    first = [e for e in entries(client) if e["actor"] == "bootstrap"]
    assert sorted(e["action"] for e in first) == ["key.create", "key.create", "user.create"]


def test_list_is_paged_and_narrowed(start):
    client = start("--test-clock").client()
    since = None
    made = []
    for i in range(25):
        if i == 20:
            now = advance(client, 60000)
            since = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(now // 1000))
        made.append(client.make(f"k{i}")["id"])
    key = own_key(client)["id"]
    assert [e["object"] for e in entries(client, limit=3, actor=key)] == made[::-1]
    assert [e["object"] for e in entries(client, since=since)] == made[:19:-1]
    assert entries(client, object="lim_none") == []
    page = client.get("/api/audit?limit=1").json
    assert page["waiting"] == 0 and page["next_cursor"] == page["entries"][0]["id"]


@pytest.mark.parametrize("query, field", [
    ("limit=0", "limit"), ("limit=1001", "limit"), ("cursor=lim_1", "cursor"),
    ("since=yesterday", "since"), ("since=2026-02-30", "since"), ("who=me", "who"),
    ("since=2026-01-01T00:00:00+01:00", "since"), ("since=", "since")])
def test_wrong_parameter_is_named(client, query, field):
    answer = client.get(f"/api/audit?{query}")
    assert (answer.status, answer.json["field"]) == (400, field)


def test_right_is_asked_for(server, client):
    made = client.post("/api/keys", {"name": "other", "rights": ["usage:read", "limits:read"]}).json
    other = server.client(made["token"])
    answer = other.get("/api/audit")
    assert answer.status == 403 and "audit:read" in answer.json["detail"]
    other.close()


def test_page_of_large_entries_ends_early_and_goes_on(start):
    client = start().client()
    key = "\\u0001" * 500
    for i in range(400):
        body = '{"key":"%s%d","limit":1,"interval":"1m"}' % (key, i)
        assert client.post("/api/limits", body).status == 201
    answer = client.get("/api/audit?limit=1000")
    assert len(answer.body) < 1.2 * 2 ** 20 and answer.json["next_cursor"]
    assert len([e for e in entries(client) if e["action"] == "limit.create"]) == 400


def test_entries_are_forgotten_when_their_time_is_over(start):
    client = start("--test-clock", "--audit-keep", "2h", "--snapshot-interval", "100ms").client()
    client.make("old")
    advance(client, 3600 * 1000)
    client.make("new")
    assert len(actions(client)) == 2
    advance(client, 3600 * 1000 + 1000)
    wait_for(lambda: len(entries(client)) == 1)
    assert entries(client)[0]["change"]["after"]["key"] == "new"


def test_secrets_are_in_no_byte_of_the_data(start, tmp_path):
    data = tmp_path / "d"
    server = start(data=data)
    client = server.client()
    made = client.post("/api/keys", {"name": "robot", "rights": ["all"]}).json
    robot = server.client(made["token"])
    robot.make("k")
    robot.ask("PUT", f"/api/keys/{made['id']}", {"name": "android"})
    assert len(actions(client)) == 3
    client.close()
    robot.close()
    for stopped in (False, True):
        for path in data.iterdir():
            held = path.read_bytes()
            for secret in (made["token"], KEY, CHECK_KEY, PASSWORD):
                if path.name != "bootstrap.json":
                    assert secret.encode() not in held, path
        for name in (LEDGER, LEDGER + "-wal"):
            held = (data / name).read_bytes() if (data / name).exists() else b""
            assert b"argon2" not in held and b"digest" not in held
            assert not held or oct((data / name).stat().st_mode)[-3:] == "600"
        if not stopped:
            server.stop()


def change_until_killed(port, worker, told):
    """Creates, changes and deletes limits of its own; notes each that was acknowledged."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    headers = {"Authorization": f"Bearer {KEY}"}

    def ask(method, path, body=None):
        connection.request(method, path, body and json.dumps(body), headers)
        answer = connection.getresponse()
        return answer.status, answer.read()

    try:
        for i in range(NO_LIMIT):
            name = f"{worker}-{time.monotonic_ns()}"
            status, body = ask("POST", "/api/limits", {"key": name, "limit": 5, "interval": "1m"})
            assert status == 201
            limit = json.loads(body)["id"]
            told.append((limit, "limit.create"))
            if i % 2:
                assert ask("PUT", f"/api/limits/{limit}", {"limit": 6})[0] == 200
                told.append((limit, "limit.update"))
                assert ask("DELETE", f"/api/limits/{limit}")[0] == 204
                told.append((limit, "limit.delete"))
    except (OSError, http.client.HTTPException):
        pass
    finally:
        connection.close()


@pytest.fixture
def quick_disk():
    """A directory in memory, where no other writer delays a sync."""
    with tempfile.TemporaryDirectory(dir="/dev/shm" if os.path.isdir("/dev/shm") else None) as path:
        yield pathlib.Path(path)


def read_ledger(path):
    """What another process sees while it is written."""
    with sqlite3.connect(f"file:{path}?mode=ro", uri=True) as db:
        return db.execute("SELECT object, action FROM audit").fetchall()


def test_kills_under_writes_lose_no_entry_and_double_none(quick_disk, start):
    data, rng = quick_disk / "d", random.Random(5)
    told = []
    server = start(data=data)
    for _ in range(KILL_ROUNDS):
        with concurrent.futures.ThreadPoolExecutor(3) as pool:
            for worker in range(3):
                pool.submit(change_until_killed, server.port, worker, told)
            time.sleep(rng.uniform(0.02, 0.25))
            server.kill()
        server = start(data=data)
    client = server.client()
    found = [(e["object"], e["action"]) for e in entries(client)]
    assert len(found) == len(set(found)), "an entry is there twice"
    lost = set(told) - set(found)
    assert not lost, f"{len(lost)} of {len(told)} acknowledged changes have no entry"
    # What is there and was not acknowledged: at most one change of each worker in each round.
    first_start = 3
    assert len(found) - len(told) - first_start <= 3 * KILL_ROUNDS
    assert len(told) > KILL_ROUNDS
    # There is an entry exactly for what happened.
    alive = {e[0] for e in found if e[1] == "limit.create"} - {e[0] for e in found if
                                                              e[1] == "limit.delete"}
    shown, cursor = set(), ""
    while cursor is not None:
        page = client.get(f"/api/limits?limit=1000{cursor and '&cursor=' + cursor}").json
        shown |= {limit["id"] for limit in page["limits"]}
        cursor = page["next_cursor"]
    assert alive == shown
    assert sorted(read_ledger(data / LEDGER)) == sorted(found)
    client.close()


def make_database(path, application, version):
    with sqlite3.connect(path) as db:
        db.execute("CREATE TABLE t (a)")
        db.execute("INSERT INTO t VALUES ('precious')")
        db.execute(f"PRAGMA application_id={application}")
        db.execute(f"PRAGMA user_version={version}")
    db.close()


def test_ledger_of_a_newer_version_is_left_alone_and_entries_wait(start, tmp_path):
    data = tmp_path / "d"
    start(data=data).stop()
    (data / LEDGER).unlink()
    make_database(data / LEDGER, 0x534c4c47, 99)
    held = (data / LEDGER).read_bytes()
    server = start(data=data)
    client = server.client()
    limit = client.make("k")["id"]
    assert client.check("k")["allowed"]
    wait_for(lambda: "newer" in ledger_text(client))
    answer = client.get("/api/audit")
    assert answer.status == 503 and "newer" in answer.json["detail"]
    assert client.get("/api/usage").status == 503
    server.said("newer")
    assert b"sluice_ledger_failing 1" in client.get("/metrics").body
    client.close()
    server.stop()
    assert (data / LEDGER).read_bytes() == held
    # Once it is out of the way, what waited comes in.
    (data / LEDGER).rename(tmp_path / "newer.db")
    client = start(data=data).client()
    wait_for(lambda: ledger_text(client) == "ok")
    assert actions(client, object=limit) == ["limit.create"]
    assert client.get("/api/usage").json["entries"] == []
    client.close()


@pytest.mark.parametrize("damage", ["garbage", "page", "foreign"])
def test_damaged_ledger_is_put_aside_and_said(start, tmp_path, damage):
    data = tmp_path / "d"
    server = start(data=data)
    client = server.client()
    for i in range(50):
        client.make(f"k{i}")
    client.close()
    server.stop()
    path = data / LEDGER
    if damage == "garbage":
        path.write_bytes(b"no database at all")
    elif damage == "foreign":
        path.unlink()
        make_database(path, 7, 1)
    else:
        held = bytearray(path.read_bytes())
        for at in range(4096, len(held), 4096):
            held[at:at + 64] = b"\xff" * 64
        path.write_bytes(held)
    held = path.read_bytes()
    server = start(data=data)
    client = server.client()
    said = wait_for(lambda: LEDGER + ".refused-1" in (text := ledger_text(client)) and text)
    assert "damaged" in said
    server.said(said)
    assert (data / (LEDGER + ".refused-1")).read_bytes() == held
    limit = client.make("fresh")["id"]
    assert [e["object"] for e in entries(client)] == [limit]
    client.close()


def test_missing_ledger_is_made_anew(start, tmp_path):
    data = tmp_path / "d"
    server = start(data=data)
    server.client().make("k")
    server.stop()
    (data / LEDGER).unlink()
    client = start(data=data).client()
    client.make("k2")
    assert actions(client) == ["limit.create"]
    wait_for(lambda: ledger_text(client) == "ok")
    client.close()


def metric(client, name):
    found = re.search(rf"^{name} (\d+)$", client.get("/metrics").body.decode(), re.MULTILINE)
    return int(found[1])


def test_full_disk_is_said_and_nothing_is_lost_but_what_it_could_not_take(start):
    server = start("--snapshot-interval", "100ms")
    client = server.client()
    limit = client.make("k", limit=1000, interval="365d")["id"]
    wait_for(lambda: ledger_text(client) == "ok")
    resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE, (8000, resource.RLIM_INFINITY))
    for _ in range(10):
        assert client.check("k")["allowed"]
    assert client.post("/api/limits", {"key": "other", "limit": 1, "interval": "1m"}).status == 503
    # The next start could undo it: without a record it does not happen.
    assert client.post(f"/api/limits/{limit}/reset").status == 503
    assert client.check("k", peek=1)["remaining"] == 990
    assert metric(client, "sluice_audit_lost_total") == 0
    said = wait_for(lambda: "full" in (text := ledger_text(client)) and text)
    assert "not written" in said
    server.said(said)
    assert "without an entry" not in server.stderr()
    assert metric(client, "sluice_ledger_failing") == 1
    # What is there can be read.
    assert actions(client) == ["limit.create"]
    resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE,
                     (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    client.ask("DELETE", f"/api/limits/{limit}")
    assert actions(client) == ["limit.create", "limit.delete"]
    wait_for(lambda: ledger_text(client) == "ok")
    assert sum(row["allowed"] for row in client.get("/api/usage").json["entries"]) == 10
    server.said("written again")
    assert server.stderr().count(said) == 1, "it is said once"
    client.close()


def test_many_clients_at_once_have_one_entry_each(start):
    server = start()

    def make(worker):
        client = server.client()
        made = [client.make(f"{worker}-{i}")["id"] for i in range(50)]
        client.close()
        return made

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        made = sum(pool.map(make, range(8)), [])
    client = server.client()
    found = [e["object"] for e in entries(client) if e["action"] == "limit.create"]
    assert sorted(found) == sorted(made)
    metrics = client.get("/metrics").body.decode()
    assert f"sluice_audit_entries_total {len(made) + 3}\n" in metrics
    assert "sluice_audit_lost_total 0\n" in metrics
    client.close()
