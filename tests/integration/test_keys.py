"""API keys over HTTP: made, seen, changed, revoked, expired, and what they may not do to each other."""
# SPDX-License-Identifier: MIT
import json
import re
import shutil
import signal
import socket
import subprocess
import threading
import urllib.request

import pytest
from conftest import CHECK_KEY, KEY, Client, advance, wait_for

DAY_MS = 86400 * 1000
RIGHTS = ["check", "limits:read", "limits:write", "metrics:read", "events:read", "keys:read",
          "keys:write", "audit:read", "usage:read"]
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")


def make(client, name="a key", rights=("check",), **more):
    answer = client.post("/api/keys", {"name": name, "rights": list(rights), **more})
    assert answer.status == 201, answer
    return answer.json


def field_of(answer):
    """Status and field of a refusal, whose detail begins with the field."""
    assert answer.header("content-type") == "application/problem+json"
    field = answer.json.get("field")
    assert field is None or answer.json["detail"].startswith(field + ": "), answer
    return answer.status, field


def ids(client):
    return [key["id"] for key in client.get("/api/keys?limit=1000").json["keys"]]


@pytest.fixture
def fresh(start):
    """A server of the test's own, and a client with every right."""
    server = start("--test-clock")
    client = server.client()
    yield server, client
    client.close()


# --- the life of a key -----------------------------------------------------------------------


def test_key_is_made_seen_changed_and_revoked(fresh):
    server, client = fresh
    answer = client.post("/api/keys", {"name": "gateway ü", "rights": ["check", "limits:read"]})
    made = answer.json
    assert answer.status == 201 and answer.header("location") == f"/api/keys/{made['id']}"
    assert answer.header("etag") == f'"{made["revision"]}"'
    assert answer.header("cache-control") == "no-store"
    assert re.fullmatch(r"slk_[0-9A-Za-z]{40}", made["token"])
    assert (made["name"], made["rights"]) == ("gateway ü", ["check", "limits:read"])
    assert made["expires_at"] is None and made["last_used_at"] is None
    assert TIME.fullmatch(made["created_at"]) and made["updated_at"] == made["created_at"]
    user = server.client(made["token"])
    assert user.check("anybody")["allowed"] and user.get("/api/limits").status == 200
    answer = user.post("/api/limits", {"key": "a", "limit": 1, "interval": "1s"})
    assert answer.status == 403 and "limits:write" in answer.json["detail"]
    path = f"/api/keys/{made['id']}"
    seen = client.get(path)
    assert "token" not in seen.json and made["token"].encode() not in seen.body
    advance(client, 1000)
    changed = client.ask("PUT", path, {**seen.json, "name": "other", "rights": ["check"]})
    assert changed.status == 200, changed
    assert (changed.json["name"], changed.json["rights"]) == ("other", ["check"])
    assert changed.json["revision"] > made["revision"]
    assert changed.json["updated_at"] > changed.json["created_at"] == made["created_at"]
    assert user.get("/api/limits").status == 403 and user.check("anybody")["allowed"]
    assert client.ask("DELETE", path).status == 204
    assert user.get("/api/check?key=a").status == 401
    for method in ("GET", "PUT", "DELETE"):
        answer = client.ask(method, path, {} if method == "PUT" else None)
        assert answer.status == 404 and "no such API key" in answer.json["detail"]
    user.close()


def test_keys_survive_a_restart_and_no_token_is_kept(start, tmp_path):
    data = tmp_path / "kept"
    first = start(data=data)
    client = first.client()
    made = make(client, "kept", ["check"], expires_in="30d")
    revoked = make(client, "revoked", ["check"])
    assert client.ask("DELETE", f"/api/keys/{revoked['id']}").status == 204
    client.close()
    first.stop()
    for file in data.iterdir():
        assert made["token"].encode() not in file.read_bytes(), file
    assert made["token"] not in first.stderr()
    second = start(data=data)
    client = second.client()
    assert client.get(f"/api/keys/{made['id']}").json == {
        key: value for key, value in made.items() if key != "token"}
    assert Client(second.port, made["token"]).get("/api/check?key=a").status == 200
    assert Client(second.port, revoked["token"]).get("/api/check?key=a").status == 401
    client.close()


def test_list_shows_every_key_once_in_pages(fresh):
    _, client = fresh
    for i in range(23):
        make(client, f"page-{i}")  # two are there from the first start
    seen, cursor, pages = [], None, 0
    while True:
        got = client.get("/api/keys?limit=10" + (f"&cursor={cursor}" if cursor else "")).json
        assert list(got) == ["keys", "next_cursor", "total"] and got["total"] == 25
        assert len(got["keys"]) == min(10, 25 - len(seen))
        seen += got["keys"]
        pages += 1
        cursor = got["next_cursor"]
        if cursor is None:
            break
    assert pages == 3 and len({key["id"] for key in seen}) == len(seen) == 25
    assert [key["id"] for key in seen] == sorted(key["id"] for key in seen)
    assert all("token" not in key and "digest" not in key for key in seen)
    assert {key["name"] for key in seen} >= {f"page-{i}" for i in range(23)}
    assert client.ask("HEAD", "/api/keys").status == 200
    for query in ("limit=0", "limit=1001", "limit=x", "cursor=lim_a", "cursor=", "page=1"):
        assert client.get(f"/api/keys?{query}").status == 400


# --- what is sent ----------------------------------------------------------------------------


@pytest.mark.parametrize("body,field", [
    ({}, "name"), ({"name": "a"}, "rights"), ({"rights": ["check"]}, "name"),
    ({"name": "", "rights": ["check"]}, "name"), ({"name": "x" * 64, "rights": ["check"]}, "name"),
    ({"name": "ü" * 32, "rights": ["check"]}, "name"), ({"name": 1, "rights": ["check"]}, "name"),
    ({"name": "a\nb", "rights": ["check"]}, "name"), ({"name": None, "rights": ["check"]}, "name"),
    ({"name": "a\u0085", "rights": ["check"]}, "name"),
    ({"name": "a", "rights": []}, "rights"), ({"name": "a", "rights": "check"}, "rights"),
    ({"name": "a", "rights": ["chek"]}, "rights[0]"), ({"name": "a", "rights": [1]}, "rights[0]"),
    ({"name": "a", "rights": ["check", "CHECK"]}, "rights[1]"),
    ({"name": "a", "rights": ["check", "check"]}, "rights[1]"),
    ({"name": "a", "rights": ["all", "check"]}, "rights[1]"),
    ({"name": "a", "rights": ["x" * 100000]}, "rights[0]"),
    ({"name": "a", "rights": {"check": True}}, "rights"),
    ({"name": "a", "rights": ["check"], "expires_in": "0s"}, "expires_in"),
    ({"name": "a", "rights": ["check"], "expires_in": "500ms"}, "expires_in"),
    ({"name": "a", "rights": ["check"], "expires_in": "3651d"}, "expires_in"),
    ({"name": "a", "rights": ["check"], "expires_in": "-1d"}, "expires_in"),
    ({"name": "a", "rights": ["check"], "expires_in": 30}, "expires_in"),
    ({"name": "a", "rights": ["check"], "expires_in": ""}, "expires_in"),
    ({"name": "a", "rights": ["check"], "expires_at": None}, "expires_at"),
    ({"name": "a", "rights": ["check"], "token": "t" * 40}, "token"),
    ({"name": "a", "rights": ["check"], "id": "key_a"}, "id"),
    ({"name": "a", "rights": ["check"], "colour": "red"}, "colour"),
])
def test_key_that_cannot_be_is_refused_by_its_field(client, body, field):
    before = ids(client)
    answer = client.post("/api/keys", body)
    assert field_of(answer) == (400, field), answer
    assert ids(client) == before


def test_refused_right_names_those_there_are(client):
    detail = client.post("/api/keys", {"name": "a", "rights": ["fly"]}).json["detail"]
    assert all(right in detail for right in [*RIGHTS, "all", "fly"]), detail
    assert client.post("/api/keys", {"name": "a", "rights": ["check"] * 3000}).status == 400
    for body in (b"", b"[]", b"{", b'{"name":"a","name":"b","rights":["check"]}'):
        assert client.post("/api/keys", body).status == 400
    assert client.post("/api/keys?x=1", {"name": "a", "rights": ["check"]}).status == 400


def test_every_right_opens_its_own_routes_only(fresh):
    server, client = fresh
    routes = {"check": "/api/check?key=a", "limits:read": "/api/limits",
              "metrics:read": "/metrics", "keys:read": "/api/keys"}
    for right in RIGHTS:
        made = make(client, right, [right])
        assert made["rights"] == [right]
        user = server.client(made["token"])
        for needed, path in routes.items():
            answer = user.get(path)
            assert answer.status == (200 if needed == right else 403), (right, path, answer)
            if needed != right:
                assert needed in answer.json["detail"]
        user.close()
    made = make(client, "all", ["all"])
    assert made["rights"] == ["all"] and make(client, "each", RIGHTS)["rights"] == ["all"]


def test_update_names_what_is_wrong_and_changes_nothing(client):
    made = make(client, "left alone")
    path = f"/api/keys/{made['id']}"
    for body, field in (({"id": "key_other"}, "id"), ({"name": ""}, "name"), ({"rights": []}, "rights"),
                        ({"expires_in": "1x"}, "expires_in"), ({"nam": "x"}, "nam")):
        assert field_of(client.ask("PUT", path, body)) == (400, field)
    assert client.ask("PUT", path, [1]).status == 400
    assert client.get(path).json == {k: v for k, v in made.items() if k != "token"}
    same = client.ask("PUT", path, {})
    assert same.status == 200 and same.json["name"] == "left alone"
    assert client.ask("PATCH", path, {}).status == 405
    assert client.ask("DELETE", path).status == 204


def test_if_match_guards_update_and_revocation(client):
    made = make(client, "guarded")
    path, old = f"/api/keys/{made['id']}", f'"{made["revision"]}"'
    now = client.ask("PUT", path, {"name": "moved on"}, headers={"If-Match": old})
    assert now.status == 200
    for method, body in (("PUT", {"name": "late"}), ("DELETE", None)):
        answer = client.ask(method, path, body, headers={"If-Match": old})
        assert answer.status == 412 and "API key has changed" in answer.json["detail"]
    assert client.get(path).json["name"] == "moved on"
    assert client.ask("DELETE", path, headers={"If-Match": now.header("etag")}).status == 204


# --- revoked means revoked -------------------------------------------------------------------


def test_revoked_key_ends_on_every_open_connection(fresh):
    server, client = fresh
    made = make(client, "revoked")
    users = [server.client(made["token"]) for _ in range(8)]
    for _ in range(3):
        assert all(user.get("/api/check?key=a").status == 200 for user in users)
    sockets = [user.connection.sock for user in users]
    assert client.ask("DELETE", f"/api/keys/{made['id']}").status == 204
    for user, sock in zip(users, sockets):
        assert user.get("/api/check?key=a").status == 401
        assert user.connection.sock is sock
        user.close()
    assert client.get("/api/check?key=a").status == 200


def test_key_without_a_right_any_more_loses_it_on_open_connections(fresh):
    server, client = fresh
    made = make(client, "reduced", ["check", "limits:read"])
    user = server.client(made["token"])
    assert user.get("/api/limits").status == 200
    assert client.ask("PUT", f"/api/keys/{made['id']}", {"rights": ["check"]}).status == 200
    assert user.get("/api/limits").status == 403
    assert user.get("/api/check?key=a").status == 200
    user.close()


def test_requests_sent_ahead_are_not_served_after_the_revocation(fresh):
    """Pipelined behind one that waits: what a stolen key has under way makes no new key."""
    server, client = fresh
    thief = make(client, "thief", ["keys:read", "keys:write"])
    body = b'{"name":"loot","rights":["keys:write"]}'
    request = (b"POST /api/keys HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer %s\r\n"
               b"Content-Length: %d\r\n\r\n%s" % (thief["token"].encode(), len(body), body))
    with socket.create_connection(("127.0.0.1", server.port), timeout=20) as sock:
        sock.sendall(request)
        assert b" 201 " in sock.recv(65536)
        assert client.ask("DELETE", f"/api/keys/{thief['id']}").status == 204
        sock.sendall(request * 3)
        assert b" 401 " in sock.recv(65536)
    names = [key["name"] for key in client.get("/api/keys").json["keys"]]
    assert names.count("loot") == 1


# --- time ------------------------------------------------------------------------------------


def test_expired_key_is_told_so_and_shown_until_it_is_removed(fresh):
    server, client = fresh
    made = make(client, "for a day", expires_in="1d")
    user = server.client(made["token"])
    assert user.get("/api/check?key=a").status == 200
    advance(client, DAY_MS - 1)
    assert user.get("/api/check?key=a").status == 200
    advance(client, 1)
    answer = user.get("/api/check?key=a")
    assert answer.status == 401 and "has expired" in answer.json["detail"]
    assert answer.header("www-authenticate") == "Bearer"
    path = f"/api/keys/{made['id']}"
    assert client.get(path).json == {**client.get(path).json, "expired": True,
                                     "expires_at": made["expires_at"]}
    longer = client.ask("PUT", path, {"expires_in": "1h"}).json
    assert longer["expires_at"] > made["expires_at"] and user.get("/api/check?key=a").status == 200
    assert client.ask("PUT", path, {"expires_in": None}).json["expires_at"] is None
    advance(client, 400 * DAY_MS)
    assert user.get("/api/check?key=a").status == 200
    user.close()


def test_put_of_what_was_read_leaves_the_expiry(fresh):
    _, client = fresh
    made = make(client, "kept", expires_in="2d")
    advance(client, DAY_MS)
    path = f"/api/keys/{made['id']}"
    changed = client.ask("PUT", path, {**client.get(path).json, "name": "renamed"})
    assert changed.status == 200 and changed.json["expires_at"] == made["expires_at"]


def test_key_that_expires_makes_none_that_outlasts_it(fresh):
    server, client = fresh
    guest = make(client, "guest", ["check", "keys:read", "keys:write"], expires_in="10d")
    user = server.client(guest["token"])
    for more in ({}, {"expires_in": None}, {"expires_in": "11d"}):
        answer = user.post("/api/keys", {"name": "mine", "rights": ["check"], **more})
        assert field_of(answer) == (403, "expires_in") and guest["expires_at"] in answer.json["detail"]
    mine = make(user, "mine", ["check"], expires_in="10d")
    path = f"/api/keys/{mine['id']}"
    assert user.ask("PUT", path, {"expires_in": "11d"}).status == 403
    assert user.ask("PUT", path, {"expires_in": None}).status == 403
    assert user.ask("PUT", f"/api/keys/{guest['id']}", {"expires_in": None}).status == 403
    assert user.ask("PUT", path, {"name": "still mine", "expires_in": "5d"}).status == 200
    lasting = make(client, "lasting", ["check"])
    assert user.ask("PUT", f"/api/keys/{lasting['id']}", {"name": "renamed"}).status == 200
    user.close()


def test_last_use_is_shown_to_the_minute(fresh):
    server, client = fresh
    made = make(client, "used")
    path = f"/api/keys/{made['id']}"
    user = server.client(made["token"])
    assert client.get(path).json["last_used_at"] is None
    assert user.get("/api/limits").status == 403  # a refusal is a use as well
    first = client.get(path).json["last_used_at"]
    assert TIME.fullmatch(first)
    assert user.get("/api/check?key=a").status == 200
    assert client.get(path).json["last_used_at"] == first
    # What requests read of the time is at most some 150 ms of real time old.
    advance(client, 120 * 1000)
    for _ in range(200):
        assert user.get("/api/check?key=a").status == 200
        if client.get(path).json["last_used_at"] != first:
            break
        threading.Event().wait(0.02)
    later = client.get(path).json["last_used_at"]
    assert later > first
    assert client.ask("PUT", path, {"name": "renamed"}).json["last_used_at"] == later
    assert [key["last_used_at"] for key in client.get("/api/keys").json["keys"]
            if key["id"] == made["id"]] == [later]
    user.close()


# --- who may do what to whom -----------------------------------------------------------------


def test_nobody_grants_what_they_do_not_have(fresh):
    server, client = fresh
    weak = make(client, "weak", ["check", "keys:read", "keys:write"])
    user = server.client(weak["token"])
    for rights, missing in ((["limits:read"], "limits:read"), (["all"], "limits:read"),
                            (["check", "usage:read"], "usage:read")):
        answer = user.post("/api/keys", {"name": "more", "rights": rights})
        assert field_of(answer) == (403, "rights") and missing in answer.json["detail"]
    mine = make(user, "mine", ["check"])
    answer = user.ask("PUT", f"/api/keys/{mine['id']}", {"rights": ["check", "audit:read"]})
    assert answer.status == 403 and "audit:read" in answer.json["detail"]
    answer = user.ask("PUT", f"/api/keys/{weak['id']}", {"rights": ["all"]})
    assert answer.status == 403 and client.get(f"/api/keys/{weak['id']}").json["rights"] == weak["rights"]
    assert user.ask("PUT", f"/api/keys/{mine['id']}", {"name": "renamed"}).status == 200
    assert user.ask("DELETE", f"/api/keys/{mine['id']}").status == 204
    user.close()


def test_weaker_key_neither_changes_nor_revokes_a_stronger_one(fresh):
    server, client = fresh
    weak = make(client, "weak", ["keys:read", "keys:write"])
    user = server.client(weak["token"])
    for key in client.get("/api/keys").json["keys"]:
        if key["id"] == weak["id"]:
            continue
        for method, body in (("PUT", {"name": "taken"}), ("PUT", {"rights": ["keys:read"]}),
                             ("DELETE", None)):
            answer = user.ask(method, f"/api/keys/{key['id']}", body)
            assert answer.status == 403 and "lacks the right check" in answer.json["detail"]
    assert client.get("/api/check?key=a").status == 200
    user.close()


def test_no_key_revokes_itself_and_the_last_way_in_stays(fresh):
    server, client = fresh
    own = next(key for key in client.get("/api/keys").json["keys"] if key["rights"] == ["all"])
    path = f"/api/keys/{own['id']}"
    answer = client.ask("DELETE", path)
    assert answer.status == 409 and "cannot revoke itself" in answer.json["detail"]
    second = make(client, "second", ["all"], expires_in="1d")
    other = server.client(second["token"])
    for method, body in (("DELETE", None), ("PUT", {"rights": RIGHTS[:-1]}),
                         ("PUT", {"expires_in": "30d"})):
        for who in (client, other):
            if (method, who) == ("DELETE", client):
                continue
            answer = who.ask(method, path, body)
            # One that expires may not even set a later end.
            assert answer.status == (403 if body == {"expires_in": "30d"} and who is other else 409)
            if answer.status == 409:
                assert "make another one first" in answer.json["detail"], answer
    assert client.ask("PUT", path, {"name": "renamed"}).status == 200
    third = make(client, "third", ["all"])
    last = server.client(third["token"])
    assert last.ask("DELETE", path).status == 204
    assert client.get("/api/keys").status == 401
    assert last.ask("PUT", f"/api/keys/{third['id']}", {"rights": ["keys:write"]}).status == 409
    other.close()
    last.close()


def test_two_that_revoke_each_other_at_once_leave_one(fresh):
    server, client = fresh
    for _ in range(10):
        made = [make(client, "twin", ["all"]) for _ in range(2)]
        own = next(key for key in client.get("/api/keys").json["keys"] if key["name"] == "bootstrap")
        users = [server.client(key["token"]) for key in made]
        # Now the two are the only ones that last.
        assert client.ask("PUT", f"/api/keys/{own['id']}", {"expires_in": "1d"}).status == 200
        gate, statuses = threading.Barrier(2), [None, None]

        def revoke(i):
            gate.wait()
            statuses[i] = users[i].ask("DELETE", f"/api/keys/{made[1 - i]['id']}").status

        threads = [threading.Thread(target=revoke, args=(i,)) for i in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(statuses)[0] == 204 and sorted(statuses)[1] in (401, 403, 409), statuses
        left = [key for key in client.get("/api/keys").json["keys"]
                if key["name"] == "twin" and key["rights"] == ["all"]]
        assert len(left) == 1
        survivor = users[[key["id"] for key in made].index(left[0]["id"])]
        assert survivor.ask("PUT", f"/api/keys/{own['id']}", {"expires_in": None}).status == 200
        assert client.ask("DELETE", f"/api/keys/{left[0]['id']}").status == 204
        for user in users:
            user.close()


def test_strangers_learn_nothing(client):
    for key in (None, CHECK_KEY, KEY + "x", "slk_" + "a" * 40):
        stranger = Client(client.connection.port, key)
        for method, path in (("GET", "/api/keys"), ("POST", "/api/keys"), ("GET", "/api/keys/key_a"),
                             ("PUT", "/api/keys/key_a"), ("DELETE", "/api/keys/key_a")):
            answer = stranger.ask(method, path, {} if method in ("POST", "PUT") else None)
            assert answer.status == (403 if key == CHECK_KEY else 401), answer
        stranger.close()
    for name in ("key_none", "..", "%2e%2e", "lim_a", "key_" + "a" * 60):
        assert client.get(f"/api/keys/{name}").status == 404


def test_scraper_with_metrics_read_only_scrapes_and_nothing_else(fresh):
    server, client = fresh
    scraper = server.client(make(client, "prometheus", ["metrics:read"])["token"])
    client.check("a")
    answer = scraper.get("/metrics")
    assert answer.status == 200 and answer.header("content-type").startswith("text/plain")
    assert re.search(rb'^sluice_checks_total\{.*\} \d+$', answer.body, re.MULTILINE)
    for path in ("/api/limits", "/api/packets", "/api/keys", "/api/check?key=a"):
        assert scraper.get(path).status == 403
    scraper.close()


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return taken.getsockname()[1]


@pytest.mark.skipif(not shutil.which("prometheus"), reason="there is no prometheus here")
def test_prometheus_scrapes_with_a_key_for_that_alone(fresh, tmp_path):
    server, client = fresh
    made = make(client, "prometheus", ["metrics:read"])
    (tmp_path / "token").write_text(made["token"] + "\n")
    (tmp_path / "prometheus.yml").write_text(f"""
global: {{ scrape_interval: 200ms, scrape_timeout: 200ms }}
scrape_configs:
  - job_name: sluice
    authorization: {{ credentials_file: {tmp_path}/token }}
    static_configs: [{{ targets: ["127.0.0.1:{server.port}"] }}]
""")
    url = f"http://127.0.0.1:{(port := free_port())}/api/v1/targets"
    said = open(tmp_path / "said", "wb")
    with subprocess.Popen(
            ["prometheus", f"--config.file={tmp_path}/prometheus.yml", f"--web.listen-address=127.0.0.1:{port}",
             f"--storage.tsdb.path={tmp_path}/tsdb"], stdout=said, stderr=said) as prometheus:
        try:
            def health():
                """Of the one target: what the last scrape said, once there was one."""
                try:
                    with urllib.request.urlopen(url, timeout=5) as answer:
                        target, = json.load(answer)["data"]["activeTargets"]
                        return target["health"], target["lastError"]
                except (OSError, ValueError):
                    return "unknown", ""

            def last_error(wanted):
                return wait_for(lambda: (now := health())[0] == wanted and now,
                                lambda: (health(), (tmp_path / "said").read_text()), 20)[1]

            assert last_error("up") == ""
            assert client.ask("DELETE", f"/api/keys/{made['id']}").status == 204
            assert "401" in last_error("down")
        finally:
            prometheus.send_signal(signal.SIGTERM)
            prometheus.wait(20)
            said.close()
