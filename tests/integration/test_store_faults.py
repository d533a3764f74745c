"""The store's disk misbehaves, at the start and while serving: said, refused, and never lost in silence."""
# SPDX-License-Identifier: MIT
import http.client
import json
import os
import shutil
import signal
import sqlite3
import subprocess
import threading
import time

import pytest
from conftest import CHECK_KEY, command, environment, wait_for

WAIT_S = 15


def run(*args, **options):
    done = subprocess.run(command(*args), env=environment(), timeout=30, capture_output=True, text=True, check=False,
                          **options)
    return done.returncode, done.stdout, done.stderr


@pytest.fixture
def used(start, tmp_path):
    """A data directory with a limit, whose service has stopped."""
    server = start(data=tmp_path / "d")
    client = server.client()
    client.make("k", limit=10, interval="365d")
    client.check("k", cost=4)
    client.close()
    server.stop()
    return tmp_path / "d"


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.suffix in (".db", ".journal", ".json")}


def damage(path):
    """The header and the cell pointers of every page but the first."""
    with open(path, "r+b") as file:
        for at in range(4096, os.path.getsize(path), 4096):
            file.seek(at)
            file.write(b"\xff" * 64)


def make_newer(path):
    database = sqlite3.connect(path)
    database.execute("PRAGMA user_version=99")
    database.commit()
    database.close()


def make_foreign(path):
    path.unlink()
    database = sqlite3.connect(path)
    database.execute("CREATE TABLE t (a)")
    database.commit()
    database.close()


@pytest.mark.parametrize("spoil, words", [
    (damage, "the file is damaged; put back a backup or move it away"),
    (make_newer, "written by a newer Sluice; run that version or put back a backup"),
    (make_foreign, "not a file of Sluice's"),
    (lambda path: path.write_text("no database, but long enough to be one"), "not a file of Sluice's"),
    (lambda path: os.truncate(path, 5000), "the file is damaged"),
], ids=["damaged", "newer", "foreign", "text", "cut"])
def test_start_on_a_store_that_is_wrong_is_one_line_and_touches_nothing(used, spoil, words):
    spoil(used / "store.db")
    before = contents(used)
    status, out, err = run("serve", "--listen", "127.0.0.1:0", "--data", used, "--pin-dir", f"{used}.pins")
    lines = [line for line in err.splitlines() if not line.startswith("{")]
    assert (status, out) == (2, "") and len(lines) == 1, err
    assert words in lines[0] and str(used / "store.db") in lines[0]
    assert contents(used) == before


class Disk:
    """A small disk that gets into trouble."""

    def __init__(self, path):
        self.path = path

    def remount(self, how):
        subprocess.run(["mount", "-o", f"remount,{how}", self.path], check=True)

    def fill(self):
        with open(self.path / "filler", "ab", buffering=0) as file:
            try:
                while file.write(bytes(4096)):
                    pass
            except OSError:
                pass

    def free(self):
        (self.path / "filler").unlink()


@pytest.fixture
def disk(small_disk):
    return Disk(small_disk)


def test_start_on_a_read_only_mount_is_one_line_and_touches_nothing(disk, used):
    shutil.copytree(used, disk.path / "d")
    before = contents(disk.path / "d")
    disk.remount("ro")
    status, out, err = run("serve", "--listen", "127.0.0.1:0", "--data", disk.path / "d", "--pin-dir", f"{used}.pins")
    lines = [line for line in err.splitlines() if not line.startswith("{")]
    assert (status, out) == (2, "") and len(lines) == 1, err
    assert "Read-only file system" in lines[0] or "cannot be written" in lines[0], lines
    assert contents(disk.path / "d") == before


def state(client):
    answer = client.get("/readyz?verbose")
    assert answer.status == 200, "checks go on"
    return answer.json["store"]


def make(client, key):
    return client.post("/api/limits", {"key": key, "limit": 5, "interval": "1h"})


def refused(client, key):
    answer = make(client, key)
    return answer.json["detail"] if answer.status == 503 else None


def failing(client):
    return b"\nsluice_store_failing 1\n" in client.get("/metrics").body


class Service:
    """Serves from a directory whose store has trouble in the middle."""

    def __init__(self, start, data):
        self.server = start(data=data)
        self.client = self.server.client()
        self.client.make("before", limit=1000)
        self.before = self.client.get("/api/limits").json["limits"]
        assert state(self.client) == "ok" and not failing(self.client)

    def must_refuse(self, words):
        """Changes are answered 503 with the reason, which everybody is told; checks and reads go on."""
        client, numbers = self.client, iter(range(10000))
        detail = wait_for(lambda: refused(client, f"in-trouble-{next(numbers)}"), timeout_s=WAIT_S)
        assert "nothing was changed" in detail and words in detail, detail
        assert client.check("before")["allowed"]
        assert client.get("/api/limits").status == 200
        for method, path, body in (("PUT", f"/api/limits/{self.before[0]['id']}", {"limit": 7}),
                                   ("DELETE", f"/api/limits/{self.before[0]['id']}", None),
                                   ("POST", f"/api/limits/{self.before[0]['id']}/reset", None)):
            answer = client.ask(method, path, body)
            assert answer.status == 503, (method, answer, [line for line in self.server.stderr().splitlines() if "failed" in line or "error" in line][-4:])
        assert words in state(client) and failing(client)
        self.server.said("changes are refused")
        assert self.server.stderr().count("changes are refused") == 1

    def must_recover(self):
        """Without a restart, and before anybody tries a change."""
        wait_for(lambda: state(self.client) == "ok", timeout_s=WAIT_S)
        assert not failing(self.client)
        assert make(self.client, "after").status == 201
        self.server.said("changes are written again")

    def must_hold(self, start, data, *keys):
        """After a restart: what was acknowledged is there."""
        listed = {limit["key"] for limit in self.client.get("/api/limits?limit=1000").json["limits"]}
        self.client.close()
        self.server.stop()
        client = start(data=data).client()
        found = {limit["key"] for limit in client.get("/api/limits?limit=1000").json["limits"]}
        assert found == listed and {"before", *keys} <= found
        client.close()


def test_full_disk_refuses_changes_until_there_is_room(disk, start):
    service = Service(start, disk.path / "d")
    disk.fill()
    service.must_refuse("the disk is full or takes no writes; free some space")
    disk.free()
    service.must_recover()
    service.must_hold(start, disk.path / "d", "after")


def test_directory_that_is_removed_takes_no_changes_that_nobody_would_find(start, tmp_path):
    data = tmp_path / "d"
    service = Service(start, data)
    os.rename(data, tmp_path / "elsewhere")
    service.must_refuse("removed or replaced while in use")
    # Another one of that name is not it.
    shutil.copytree(tmp_path / "elsewhere", data)
    service.must_refuse("removed or replaced while in use")
    shutil.rmtree(data)
    os.rename(tmp_path / "elsewhere", data)
    service.must_recover()
    service.must_hold(start, data, "after")


@pytest.mark.parametrize("name", ["store.db", "store.db-wal"])
def test_file_that_is_removed_takes_no_changes_that_nobody_would_find(start, tmp_path, name):
    service = Service(start, tmp_path / "d")
    (tmp_path / "d" / name).unlink()
    service.must_refuse("removed or replaced while in use")
    service.client.close()
    service.server.kill()


def test_damage_while_it_serves_is_said_and_nothing_is_made_up(start, tmp_path):
    data = tmp_path / "d"
    service = Service(start, data)
    for number in range(300):
        service.client.make(f"many-{number}")
    # What was written so far is in the file, and read from there.
    database = sqlite3.connect(data / "store.db")
    wait_for(lambda: database.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0] == 0)
    database.close()
    damage(data / "store.db")
    service.must_refuse("the file is damaged; put back a backup")
    assert len(service.client.get("/api/limits?limit=1000").json["limits"]) >= 301
    service.client.close()
    service.server.kill()
    status, _, err = run("serve", "--listen", "127.0.0.1:0", "--data", data, "--pin-dir", f"{data}.pins")
    assert status == 2 and "the file is damaged" in err


class Load(threading.Thread):
    """Consumes until the service is gone; counts what was admitted, and what may have been."""

    def __init__(self, port, key):
        super().__init__()
        self.port, self.key = port, key
        self.admitted, self.cut_off = 0, []

    def run(self):
        while self.one_connection():
            pass

    def one_connection(self):
        """False once nobody listens any more."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        asked = answered = 0
        try:
            connection.connect()
            closing = False
            while not closing:
                asked += 1
                connection.request("GET", f"/api/check?key={self.key}", headers={"Authorization": f"Bearer {CHECK_KEY}"})
                answer = connection.getresponse()
                assert json.loads(answer.read())["allowed"]
                answered += 1
                closing = answer.getheader("Connection") == "close"
            return True
        except (OSError, http.client.HTTPException) as error:
            # Whoever stood in the backlog as it closed was never served.
            if answered:
                self.cut_off.append(repr(error))
            return False
        finally:
            self.admitted += answered
            connection.close()


def test_stop_under_load_forgets_no_quota_and_takes_less_than_5_s(start, tmp_path):
    limit = 10000000
    server = start("--snapshot-interval", "1d", data=tmp_path / "d")
    client = server.client()
    for algorithm in ("fixed_window", "sliding_window"):
        client.make("k*", limit=limit, interval="365d", algorithm=algorithm)
    client.close()
    loads = [Load(server.port, f"k{number % 3}") for number in range(6)]
    for load in loads:
        load.start()
    time.sleep(1)
    began = time.monotonic()
    server.signal(signal.SIGTERM)
    server.finish()
    assert time.monotonic() - began < 5
    for load in loads:
        load.join()
    assert not any(load.cut_off for load in loads), [load.cut_off for load in loads]
    client = start(data=tmp_path / "d").client()
    for key in ("k0", "k1", "k2"):
        admitted = sum(load.admitted for load in loads if load.key == key)
        assert admitted > 10
        assert {hit["remaining"] for hit in client.check(key, peek=1)["limits"]} == {limit - admitted}
    client.close()
