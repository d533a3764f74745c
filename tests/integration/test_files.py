"""Limits that stand in files: taken at the start, on change and on SIGHUP, whole or not at all."""
# SPDX-License-Identifier: MIT
import os
import random
import signal
import threading

import pytest
from conftest import Server, environment, wait_for
from test_config import run


def write(folder, name, *limits):
    """Puts a file in place at once, as a careful editor does."""
    folder.mkdir(exist_ok=True)
    text = "limits:\n" + "".join(f"- {{{limit}}}\n" for limit in limits)
    (folder / f".{name}.new").write_text(text)
    os.rename(folder / f".{name}.new", folder / name)


def read(client):
    """What is in force: limit by key."""
    return {limit["key"]: limit for limit in client.get("/api/limits").json["limits"]}


def await_limits(client, wanted):
    wait_for(lambda: {key: limit["limit"] for key, limit in read(client).items()} == wanted, lambda: read(client))


@pytest.fixture
def folder(tmp_path):
    write(tmp_path / "limits.d", "a.yaml", "key: a, limit: 5, interval: 1h", "key: b, limit: 6, interval: 1h")
    return tmp_path / "limits.d"


def test_files_are_in_force_before_the_door_opens(start, folder):
    write(folder, "b.yaml", "key: c, limit: 7, interval: 1h, mode: shadow, name: third")
    client = start("--limits", folder).client()
    limits = read(client)
    assert {key: limit["limit"] for key, limit in limits.items()} == {"a": 5, "b": 6, "c": 7}
    assert {limit["origin"] for limit in limits.values()} == {"file"}
    assert limits["c"]["mode"] == "shadow" and limits["c"]["name"] == "third"
    assert client.check("a", cost=5)["remaining"] == 0
    client.close()


def test_api_reads_limits_of_files_and_changes_its_own(start, folder):
    client = start("--limits", folder).client()
    own = client.make("own")
    limit = read(client)["a"]
    path = f"/api/limits/{limit['id']}"
    for answer in (client.ask("PUT", path, {"limit": 9}), client.ask("DELETE", path),
                   client.post(path + "/confirm")):
        assert answer.status == 409 and "file" in answer.json["detail"]
    assert client.get(path).json["limit"] == 5
    assert client.post("/api/limits", {"key": "a", "limit": 1, "interval": "1h"}).status == 409
    assert client.ask("PUT", f"/api/limits/{own['id']}", {"limit": 9}).status == 200
    client.close()


def test_change_is_noticed_and_keeps_what_was_consumed(start, folder):
    client = start("--limits", folder).client()
    before = read(client)["a"]
    assert client.check("a", cost=3)["remaining"] == 2
    write(folder, "a.yaml", "key: a, limit: 50, interval: 1h")
    await_limits(client, {"a": 50})
    assert read(client)["a"]["id"] == before["id"]
    assert client.check("a", peek=1)["remaining"] < 50
    os.unlink(folder / "a.yaml")
    await_limits(client, {})
    client.close()


def test_wrong_change_leaves_the_former_set_and_says_why(start, folder):
    server = start("--limits", folder)
    client = server.client()
    write(folder, "b.yaml", "key: c, limit: 7, interval: 1h", "key: d, limit: 0, interval: 1h")
    server.said("b.yaml:3: limit: must be at least 1")
    assert set(read(client)) == {"a", "b"}
    write(folder, "b.yaml", "key: c, limit: 7, interval: 1h")
    await_limits(client, {"a": 5, "b": 6, "c": 7})
    client.close()


def test_pipe_among_the_files_is_refused_and_holds_nothing_up(start, folder):
    """Whoever waited for its other end would hear no signal any more."""
    server = start("--limits", folder)
    client = server.client()
    os.mkfifo(folder / "p.yaml")
    server.said("p.yaml: cannot be read: it is no plain file")
    await_limits(client, {"a": 5, "b": 6})
    (folder / "p.yaml").unlink()
    write(folder, "b.yaml", "key: c, limit: 7, interval: 1h")
    await_limits(client, {"a": 5, "b": 6, "c": 7})
    client.close()
    server.stop()


def test_set_that_counts_what_the_api_counts_is_refused_whole(start, folder):
    server = start("--limits", folder)
    client = server.client()
    own = client.make("own", interval="1h")
    write(folder, "b.yaml", "key: c, limit: 7, interval: 1h", "key: own, limit: 7, interval: 1h")
    server.said(f"b.yaml:3: key: is counted by {own['id']}")
    assert set(read(client)) == {"a", "b", "own"}
    client.ask("DELETE", f"/api/limits/{own['id']}")
    server.signal(signal.SIGHUP)
    await_limits(client, {"a": 5, "b": 6, "c": 7, "own": 7})
    client.close()


def test_directory_that_is_exchanged_is_noticed(start, folder):
    server = start("--limits", folder)
    client = server.client()
    for i in range(1, 4):
        write(folder.with_name(f"new{i}"), "a.yaml", f"key: new, limit: {i}, interval: 1h")
        os.rename(folder, folder.with_name(f"old{i}"))
        os.rename(folder.with_name(f"new{i}"), folder)
        await_limits(client, {"new": i})
    client.close()


def test_hangup_reads_a_directory_that_was_exchanged(start, folder):
    server = start("--limits", folder)
    client = server.client()
    os.rename(folder, folder.with_name("old"))
    write(folder, "a.yaml", "key: new, limit: 1, interval: 1h")
    server.signal(signal.SIGHUP)
    await_limits(client, {"new": 1})
    write(folder, "a.yaml", "key: newer, limit: 2, interval: 1h")
    await_limits(client, {"newer": 2})
    client.close()


def test_hangup_ends_no_service_that_has_a_file(start, tmp_path):
    (tmp_path / "s.yaml").write_text("keys_max: 5\n")
    server = start("--config", tmp_path / "s.yaml")
    server.signal(signal.SIGHUP)
    server.said("settings are read again")
    client = server.client()
    assert client.get("/readyz").status == 200
    client.close()


def test_start_without_the_directory_removes_its_limits(start, folder, tmp_path):
    first = start("--limits", folder, data=tmp_path / "d")
    client = first.client()
    client.make("own")
    client.close()
    first.stop()
    client = start(data=tmp_path / "d").client()
    assert set(read(client)) == {"own"}
    client.close()


def test_restart_goes_on_with_the_same_limits(start, folder, tmp_path):
    first = start("--limits", folder, data=tmp_path / "d")
    client = first.client()
    before = read(client)
    client.close()
    first.stop()
    client = start("--limits", folder, data=tmp_path / "d").client()
    assert read(client) == before
    client.close()


@pytest.mark.parametrize("limit,words", [
    ("key: c, limit: 7", "b.yaml:2: interval: "), ("key: a, limit: 7, interval: 1h", "a.yaml:2"),
    ("key: c, limitt: 7, interval: 1h", "limitt: "), ("key: [c", "not YAML"),
])
def test_wrong_files_are_refused_at_start_and_by_check(folder, tmp_path, limit, words):
    write(folder, "b.yaml", limit)
    (tmp_path / "s.yaml").write_text(f"limits: {folder}\nlisten: 127.0.0.1:0\ndata: {tmp_path}/d\n"
                                     f"pin_dir: {tmp_path}/pins\n")
    for args in (("serve", "--config", tmp_path / "s.yaml"), ("config", "check", tmp_path / "s.yaml")):
        status, out, err = run(*args)
        lines = [line for line in err.splitlines() if not line.startswith("{")]
        assert (status, out) == (2, "") and len(lines) == 1 and words in lines[0], err


def test_kill_at_any_moment_leaves_limits_that_the_next_start_makes_whole(tmp_path):
    """Sets of 60 take several transactions: a kill may fall between two."""
    choose = random.Random(4)
    folder = tmp_path / "limits.d"

    def put(number):
        write(folder, "a.yaml", *[f"key: k{number % 3}-{i}, limit: {number + 1}, interval: 1h" for i in range(60)])

    for number in range(8):
        put(number)
        server = Server(tmp_path / "d", "--limits", folder)
        put(number + 1)
        killer = threading.Timer(choose.uniform(0.09, 0.14), server.kill)
        killer.start()
        killer.join()
    server = Server(tmp_path / "d", "--limits", folder)
    try:
        client = server.client()
        limits = client.get("/api/limits?limit=1000").json["limits"]
        assert {limit["key"]: limit["limit"] for limit in limits} == {f"k{8 % 3}-{i}": 9 for i in range(60)}
        assert len(limits) == 60
        client.close()
        server.stop()
    finally:
        server.kill()


def test_environment_names_the_directory(start, folder):
    client = start(env={**environment(), "SLUICE_LIMITS": str(folder)}).client(key=None)
    assert client.get("/readyz").status == 200
    client.close()
