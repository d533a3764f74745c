"""`sluice backup`: whole and checked or not there; restored, nothing that was acknowledged lacks."""
# SPDX-License-Identifier: MIT
import http.client
import itertools
import json
import os
import pathlib
import pwd
import random
import resource
import shutil
import signal
import sqlite3
import subprocess
import tarfile
import tempfile
import threading
import time

import pytest
from conftest import CHECK_KEY, KEY, Server, binary, command, environment, wait_for
from test_config import run

BACKUPS = 200 if os.environ.get("SLUICE_LONG") else 30
INTERVAL_S = 1
BIG = 10000000
NOBODY = pwd.getpwnam("nobody")


def backup(file, data, *args, **options):
    return run("backup", file, "--data", data, *args, **options)


def take(file, data, *args):
    """Makes one that must be whole; its description."""
    status, out, err = backup(file, data, "-o", "json", *args)
    assert (status, err) == (0, ""), err
    assert not os.path.exists(f"{file}.part")
    return json.loads(out)


def unpack(file, folder):
    """What an operator does: tar -xf FILE -C DIR."""
    folder.mkdir()
    subprocess.run(["tar", "-xf", file, "-C", folder], check=True)
    return folder


def judge(folder):
    """SQLite itself finds nothing wrong."""
    for name in ("store.db", "ledger.db"):
        database = sqlite3.connect(folder / name)
        assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        database.close()


def limits_of(client):
    found, cursor = {}, ""
    while cursor is not None:
        page = client.get(f"/api/limits?limit=1000{cursor and '&cursor=' + cursor}").json
        found.update({limit["id"]: limit for limit in page["limits"]})
        cursor = page["next_cursor"]
    return found


@pytest.fixture
def filled(start, tmp_path):
    """A running service with a limit, of which a snapshot is on disk."""
    server = start("--snapshot-interval", "100ms", data=tmp_path / "d")
    client = server.client()
    client.make("k", limit=10, interval="365d")
    client.check("k", cost=4)
    wait_for((tmp_path / "d" / "state.journal").exists)
    client.close()
    return server


def test_backup_is_private_and_says_what_is_inside(filled, tmp_path):
    file = tmp_path / "b.tar"
    said = take(file, filled.data)
    assert file.stat().st_mode & 0o7777 == 0o600 and file.stat().st_size == said["bytes"]
    assert {part["name"]: part["schema"] for part in said["parts"]} == {
        "store.db": 1, "ledger.db": 1, "state.journal": 2}
    assert [part["name"] for part in said["left_out"]] == ["bootstrap.json"] and said["complete"]
    with tarfile.open(file) as tar:
        inside = {member.name: member for member in tar.getmembers()}
        assert set(inside) == {"backup.json", "store.db", "store.db-wal", "ledger.db", "ledger.db-wal", "state.journal"}
        assert {member.mode for member in inside.values()} == {0o600}
        assert {part["name"]: part["bytes"] for part in said["parts"]} == {
            name: inside[name].size for name in ("store.db", "ledger.db", "state.journal")}
        manifest = json.load(tar.extractfile("backup.json"))
    assert manifest == {name: said[name] for name in manifest} and "made_at" in manifest
    status, out, err = backup(tmp_path / "c.tar", filled.data)
    assert (status, err) == (0, "") and "checked and read back" in out and "left out" in out


def test_credentials_are_in_it_only_when_asked_for(filled, tmp_path):
    take(tmp_path / "b.tar", filled.data, "--with-bootstrap")
    folder = unpack(tmp_path / "b.tar", tmp_path / "r")
    assert json.loads((folder / "bootstrap.json").read_text())["api_key"] == KEY
    take(tmp_path / "c.tar", filled.data)
    assert KEY.encode() not in (tmp_path / "c.tar").read_bytes()


def test_file_that_is_there_is_replaced_only_by_force(filled, tmp_path):
    file = tmp_path / "b.tar"
    file.write_text("mine")
    status, out, err = backup(file, filled.data)
    assert (status, out) == (2, "") and "is there already; --force replaces it" in err and str(file) in err
    assert file.read_text() == "mine"
    take(file, filled.data, "--force")
    judge(unpack(file, tmp_path / "r"))
    link, folder = tmp_path / "link", tmp_path / "folder"
    link.symlink_to(file)
    folder.mkdir()
    for other in (link, folder, "/dev/null"):
        status, _, err = backup(other, filled.data, "--force")
        assert status == 2 and "no file that could be replaced" in err
    assert os.path.islink(link) and not os.path.exists("/dev/null.part")


@pytest.mark.parametrize("args, words", [
    ((), "takes FILE"), (("",), "takes FILE"), (("--force",), "takes FILE"), (("b.tar", "-o", "yaml"), "-o: takes json"),
    (("b.tar", "--date", "d"), "there is no such option"), (("b.tar", "--data"), "needs a value"),
    (("b.tar", "--data", "nowhere"), "there is no such file: nowhere/store.db"),
    (("nowhere/b.tar", "--data", "d"), "cannot use nowhere/b.tar.part: No such file or directory"),
])
def test_call_that_is_wrong_is_status_2_and_makes_nothing(filled, tmp_path, monkeypatch, args, words):
    monkeypatch.chdir(tmp_path)
    status, out, err = run("backup", *args)
    assert (status, out) == (2, "") and words in err and len(err.splitlines()) == 1, err
    assert not list(tmp_path.glob("b.tar*")) and not (tmp_path / "nowhere").exists()


def test_directory_comes_from_the_settings_too(filled, tmp_path):
    (tmp_path / "s.yaml").write_text(f"data: {filled.data}\n")
    for args in (("--config", tmp_path / "s.yaml", tmp_path / "a.tar"), (tmp_path / "b.tar",)):
        status, _, err = run("backup", *args, SLUICE_DATA=str(filled.data))
        assert status == 0, err


def test_stdout_takes_it_as_well(filled, tmp_path):
    done = subprocess.run(command("backup", "-", "--data", filled.data), env=environment(TMPDIR=str(tmp_path)),
                          capture_output=True, timeout=20, check=True)
    (tmp_path / "b.tar").write_bytes(done.stdout)
    judge(unpack(tmp_path / "b.tar", tmp_path / "r"))
    assert b"store.db" in done.stderr and not list(tmp_path.glob("sluice-backup*"))


@pytest.mark.parametrize("end", ["stop", "kill"])
def test_service_that_does_not_run_can_be_backed_up(filled, start, tmp_path, end):
    getattr(filled, end)()
    before = {path.name: path.read_bytes() for path in filled.data.iterdir() if path.suffix not in (".db-shm",)}
    take(tmp_path / "b.tar", filled.data)
    after = {path.name: path.read_bytes() for path in filled.data.iterdir()}
    assert {name: after[name] for name in before if not name.endswith("-shm")} == {
        name: held for name, held in before.items() if not name.endswith("-shm")}
    client = start(data=unpack(tmp_path / "b.tar", tmp_path / "r")).client()
    assert client.check("k", peek=1)["remaining"] == 6
    client.close()


def test_backup_locks_no_service_out(filled, start, tmp_path):
    """The lock of the one writer is not the backup's: a service starts while one is being made."""
    filled.stop()
    reader, writer = os.pipe()
    slow = subprocess.Popen(command("backup", "-", "--data", filled.data), env=environment(TMPDIR=str(tmp_path)),
                            stdout=writer, stderr=subprocess.DEVNULL)
    os.close(writer)
    client = start(data=filled.data).client()
    client.make("during", limit=1, interval="1h")
    client.close()
    with open(reader, "rb") as pipe:
        assert pipe.read()
    assert slow.wait(20) == 0


class Writer(threading.Thread):
    """Makes limits until told to stop; when each was acknowledged."""

    def __init__(self, port, number, ended):
        super().__init__()
        self.port, self.number, self.ended = port, number, ended
        self.made = []

    def run(self):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        headers = {"Authorization": f"Bearer {KEY}"}
        while not self.ended.is_set():
            body = json.dumps({"key": f"w{self.number}-{len(self.made)}", "limit": 7, "interval": "1h"})
            connection.request("POST", "/api/limits", body=body, headers=headers)
            answer = connection.getresponse()
            limit = json.loads(answer.read())
            assert answer.status == 201, limit
            self.made.append((time.monotonic(), limit["id"]))
            time.sleep(0.001)
        connection.close()


class Checker(threading.Thread):
    """Consumes on one key until told to stop; when each was admitted."""

    def __init__(self, port, ended):
        super().__init__()
        self.port, self.ended = port, ended
        self.admitted = []

    def run(self):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        while not self.ended.is_set():
            connection.request("GET", "/api/check?key=used", headers={"Authorization": f"Bearer {CHECK_KEY}"})
            assert json.loads(connection.getresponse().read())["allowed"]
            self.admitted.append(time.monotonic())
        connection.close()


@pytest.fixture
def loaded(start, tmp_path):
    """A service under writes and checks: (server, writers, checker), all of which go on."""
    server = start("--snapshot-interval", f"{INTERVAL_S}s", data=tmp_path / "d")
    client = server.client()
    client.make("used", limit=BIG, interval="365d", algorithm="fixed_window")
    client.close()
    ended = threading.Event()
    threads = [Writer(server.port, 0, ended), Writer(server.port, 1, ended), Checker(server.port, ended)]
    for thread in threads:
        thread.start()
    yield server, threads[:2], threads[2]
    ended.set()
    for thread in threads:
        thread.join()
    assert all(writer.made for writer in threads[:2]) and threads[2].admitted


def acknowledged(writers, until):
    return {name for writer in writers for at, name in list(writer.made) if at < until}


def test_restored_elsewhere_every_acknowledged_change_is_there(loaded, tmp_path):
    server, writers, checker = loaded
    time.sleep(2.5 * INTERVAL_S)
    began = time.monotonic()
    take(tmp_path / "b.tar", server.data)
    ended = time.monotonic()
    # Without variables: keys and password come from the backup.
    restored = Server(unpack(tmp_path / "b.tar", tmp_path / "r"), env={})
    try:
        for key in (KEY, CHECK_KEY):
            client = restored.client(key)
            assert client.get("/api/check?key=used&peek=1").status == 200
            client.close()
        client = restored.client()
        found = limits_of(client)
        assert acknowledged(writers, began) <= set(found)
        assert set(found) - acknowledged(writers, ended + 5) <= {
            name for name, limit in found.items() if limit["key"] == "used"}
        used = BIG - client.check("used", peek=1)["remaining"]
        # Half a second for a machine that is busy.
        due = sum(at < began - INTERVAL_S - 0.5 for at in checker.admitted)
        assert 0 < due <= used <= len(checker.admitted)
        assert client.get("/readyz?verbose").json["snapshot"] == "ok"
        client.close()
        restored.stop()
    finally:
        restored.kill()


def test_many_backups_under_load_are_all_valid(loaded, tmp_path):
    server, writers, _ = loaded
    for number in range(BACKUPS):
        began = time.monotonic()
        take(tmp_path / "b.tar", server.data, "--force")
        folder = unpack(tmp_path / "b.tar", tmp_path / f"r{number}")
        judge(folder)
        database = sqlite3.connect(folder / "store.db")
        there = {key.decode().rpartition("/")[2] for key, in database.execute(
            "SELECT key FROM records WHERE CAST(key AS TEXT) GLOB 'tenants/default/limits/*'")}
        database.close()
        assert acknowledged(writers, began) <= there


def damage(path, at):
    with open(path, "r+b") as file:
        file.seek(at)
        byte = file.read(1)[0]
        file.seek(at)
        file.write(bytes([byte ^ 0xff]))


def test_faulty_snapshot_is_left_out_and_said(filled, start, tmp_path):
    filled.stop()
    path = filled.data / "state.journal"
    damage(path, path.stat().st_size // 2)
    status, out, err = backup(tmp_path / "b.tar", filled.data, "-o", "json")
    said = json.loads(out)
    assert (status, err) == (1, "") and not said["complete"]
    assert {part["name"]: part["why"] for part in said["left_out"]}["state.journal"] == "it is damaged"
    client = start(data=unpack(tmp_path / "b.tar", tmp_path / "r")).client()
    assert client.check("k", peek=1)["remaining"] == 10
    client.close()


@pytest.mark.parametrize("how", ["pages", "text", "empty", "foreign"])
def test_faulty_store_is_no_backup(filled, tmp_path, how):
    filled.stop()
    path = filled.data / "store.db"
    if how == "pages":
        # A page's header and its cell pointers.
        with open(path, "r+b") as file:
            file.seek(4096)
            file.write(b"\xff" * 64)
    elif how == "foreign":
        path.unlink()
        database = sqlite3.connect(path)
        database.execute("CREATE TABLE t (a)")
        database.close()
    else:
        path.write_text("no database" * 9 if how == "text" else "")
    before = path.read_bytes()
    status, out, err = backup(tmp_path / "b.tar", filled.data)
    assert (status, out) == (2, "") and len(err.splitlines()) == 1 and str(path) in err
    assert ("damaged" if how == "pages" else "not a file of Sluice's") in err
    assert not list(tmp_path.glob("b.tar*")) and path.read_bytes() == before


def test_file_size_limit_leaves_the_former_backup_and_nothing_else(filled, tmp_path):
    file = tmp_path / "b.tar"
    file.write_text("former")
    done = subprocess.run(command("backup", file, "--force", "--data", filled.data), env=environment(), timeout=20,
                          capture_output=True, text=True, check=False,
                          preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (8192, 8192)))
    assert done.returncode == 2 and len(done.stderr.splitlines()) == 1, done.stderr
    assert "takes no writes" in done.stderr or "File too large" in done.stderr
    assert file.read_text() == "former" and not os.path.exists(f"{file}.part")


def test_full_disk_leaves_the_former_backup_and_nothing_else(filled, small_disk):
    file = small_disk / "b.tar"
    take(file, filled.data)
    former = file.read_bytes()
    room = os.statvfs(small_disk)
    # Every size at which it may fail on its way to a whole one.
    for left in itertools.count():
        (small_disk / "filler").write_bytes(bytes(room.f_frsize * (room.f_bavail - left)))
        status, out, err = backup(file, filled.data, "--force")
        if status == 0:
            break
        assert (status, out) == (2, "") and len(err.splitlines()) == 1, (left, err)
        assert "the disk is full" in err or "No space left on device" in err
        assert file.read_bytes() == former and sorted(os.listdir(small_disk)) == ["b.tar", "filler"]
    assert left > len(former) / room.f_frsize
    (small_disk / "filler").unlink()
    take(file, filled.data, "--force")


def test_without_rights_it_says_so(filled, tmp_path):
    if os.geteuid() != 0:
        pytest.skip("becoming nobody needs root: run `sudo make check`")
    with tempfile.TemporaryDirectory() as folder:
        refuse_nobody(pathlib.Path(folder), filled.data)


def refuse_nobody(open_dir, data):
    os.chown(open_dir, NOBODY.pw_uid, NOBODY.pw_gid)
    shutil.copy(binary(), open_dir / "sluice")
    done = subprocess.run(["setpriv", f"--reuid={NOBODY.pw_uid}", f"--regid={NOBODY.pw_gid}", "--clear-groups",
                           *command("backup", open_dir / "b.tar", "--data", data, executable=open_dir / "sluice")], env=environment(),
                          capture_output=True, text=True, timeout=20, check=False)
    assert done.returncode == 2 and "cannot be read with the rights of this user" in done.stderr, done.stderr
    assert os.listdir(open_dir) == ["sluice"]


def test_signal_ends_it_and_leaves_nothing(loaded, tmp_path):
    server, _, _ = loaded
    time.sleep(0.5)
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    reader, writer = os.pipe()
    slow = subprocess.Popen(command("backup", "-", "--data", server.data), env=environment(TMPDIR=str(scratch)),
                            stdout=writer, stderr=subprocess.PIPE)
    os.close(writer)
    # Nobody reads: it stands still once the pipe is full.
    wait_for(lambda: list(scratch.glob("*/backup.tar")))
    time.sleep(0.2)
    slow.send_signal(signal.SIGTERM)
    assert slow.wait(10) == 2 and b"interrupted" in slow.stderr.read()
    os.close(reader)
    slow.stderr.close()
    assert not list(scratch.iterdir())


def test_killed_one_leaves_no_half_file_and_the_next_clears_up(loaded, tmp_path):
    server, _, _ = loaded
    file = tmp_path / "b.tar"
    choose = random.Random(5)
    began = time.monotonic()
    take(file, server.data)
    took = time.monotonic() - began
    file.unlink()
    whole = half = 0
    for _ in range(20):
        one = subprocess.Popen(command("backup", file, "--data", server.data), env=environment(),
                               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(choose.uniform(0, took))
        one.kill()
        one.wait()
        half += (tmp_path / "b.tar.part").exists() and not file.exists()
        if file.exists():
            whole += 1
            judge(unpack(file, tmp_path / f"r{whole}"))
            file.unlink()
    assert half > 0, "the kills came at no bad moment"
    (tmp_path / "b.tar.part").mkdir(exist_ok=True)
    (tmp_path / "b.tar.part" / "store.db").write_text("half")
    take(file, server.data)
    judge(unpack(file, tmp_path / "r"))


def test_two_at_once_to_one_file_make_one(filled, tmp_path):
    file = tmp_path / "b.tar"
    both = [subprocess.Popen(command("backup", file, "--data", filled.data), env=environment(), text=True,
                             stdout=subprocess.PIPE, stderr=subprocess.PIPE) for _ in range(2)]
    ends = [(one.communicate(timeout=20)[1], one.returncode) for one in both]
    assert sorted(status for _, status in ends) == [0, 2], ends
    judge(unpack(file, tmp_path / "r"))
    assert not (tmp_path / "b.tar.part").exists()


def test_unpacked_over_an_old_directory_no_old_log_is_applied(filled, start, tmp_path):
    """A killed service leaves a log; SQLite would apply it to the store that takes its place."""
    take(tmp_path / "b.tar", filled.data)
    client = filled.client()
    for number in range(50):
        client.make(f"later{number}")
    client.close()
    filled.kill()
    assert (filled.data / "store.db-wal").stat().st_size > 0
    subprocess.run(["tar", "-xf", tmp_path / "b.tar", "-C", filled.data], check=True)
    judge(filled.data)
    client = start(data=filled.data).client()
    assert {limit["key"] for limit in limits_of(client).values()} == {"k"}
    client.close()


@pytest.mark.parametrize("name", ["store.db", "ledger.db", "state.journal", "bootstrap.json"])
def test_pipe_for_a_file_is_not_waited_for(filled, tmp_path, name):
    filled.stop()
    (filled.data / name).unlink()
    os.mkfifo(filled.data / name)
    status, out, err = backup(tmp_path / "b.tar", filled.data, "--with-bootstrap")
    assert status == (2 if name == "store.db" else 1)
    assert f"{filled.data}/{name}" in out + err and ("no plain file" in out or "not a file of Sluice's" in out + err)
