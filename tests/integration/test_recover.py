"""`sluice key recover`: a way back in when all keys are lost; and what a start says of unused secrets."""
# SPDX-License-Identifier: MIT
import contextlib
import json
import os
import pty
import re
import select
import shutil
import sqlite3
import stat
import subprocess

import pytest
from cli import Cli
from conftest import BOOTSTRAP, CHECK_KEY, KEY, Client, Server, command, environment

WARNING = "counts at the first start"


@pytest.fixture(scope="module")
def template(tmp_path_factory):
    """The data directory of a server that ran, with a limit in it, and is stopped."""
    data = tmp_path_factory.mktemp("template") / "data"
    server = Server(data)
    try:
        client = server.client()
        client.make("kept")
        client.close()
        server.stop()
    finally:
        server.kill()
    return data


@pytest.fixture
def stopped(template, tmp_path):
    """A copy of that for one test."""
    shutil.copytree(template, tmp_path / "data")
    return tmp_path / "data"


def run(*args, **env):
    done = subprocess.run(command("key", "recover", *args), env=environment(**env), timeout=60,
                          stdin=subprocess.DEVNULL, capture_output=True, check=False)
    return done.returncode, done.stdout.decode(), done.stderr.decode()


def run_on_terminal(*args):
    """What is shown, and the exit status, with a terminal for stdout."""
    ours, theirs = pty.openpty()
    with subprocess.Popen(command("key", "recover", *args), env=environment(), stdin=theirs,
                          stdout=theirs, stderr=theirs) as process:
        os.close(theirs)
        shown = b""
        while select.select([ours], [], [], 60)[0]:
            try:
                shown += os.read(ours, 4096)
            except OSError:
                break
    os.close(ours)
    return process.returncode, shown.decode().replace("\r\n", "\n")


def test_key_in_a_file_opens_everything_and_others_stay(start, stopped):
    before = {file.name for file in stopped.iterdir()}
    status, out, err = run("--data", stopped)
    path = stopped / "recovered.json"
    assert (status, out) == (0, f"{path}\n"), err
    assert err.startswith("sluice: API key key_") and err.count("\n") == 1
    assert {file.name for file in stopped.iterdir()} - before == {"recovered.json"}
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    token = json.loads(path.read_text())["api_key"]
    assert token not in out + err and re.fullmatch(r"slk_[0-9A-Za-z]{40}", token)
    server = start(data=stopped)
    cli = Cli(server.url, None)
    made = json.loads(cli.ok("key", "list", "-o", "json", "--api-key-file", path))["keys"]
    key = next(key for key in made if key["name"] == "recovered")
    assert key["rights"] == ["all"] and key["expires_at"] is None and key["id"] in err
    assert {key["name"] for key in made} == {"recovered", "bootstrap", "bootstrap check"}
    assert "kept" in cli.ok("limit", "list", "--api-key-file", path)
    client = server.client()
    assert client.get("/api/limits").status == 200
    client.close()
    # Who made it stands in the audit; the token nowhere but in the file.
    entries = Client(server.port, token).get("/api/audit").json["entries"]
    assert any(entry["actor"] == "recover" and entry["object"] == key["id"] for entry in entries)
    server.stop()
    assert [file.name for file in stopped.iterdir() if token.encode() in file.read_bytes()] == [
        "recovered.json"]


def test_key_is_shown_once_on_a_terminal_and_not_written(start, stopped):
    before = {file.name for file in stopped.iterdir()}
    status, shown = run_on_terminal("--data", stopped)
    assert status == 0, shown
    token = re.search(r"^slk_[0-9A-Za-z]{40}$", shown, re.MULTILINE)[0]
    assert shown.count(token) == 1 and "keep its token now" in shown
    assert {file.name for file in stopped.iterdir()} == before
    assert not any(token.encode() in file.read_bytes() for file in stopped.iterdir())
    server = start(data=stopped)
    assert Client(server.port, token).get("/api/keys").status == 200


def test_each_run_makes_one_more_key(start, stopped):
    tokens = set()
    for _ in range(3):
        assert run(SLUICE_DATA=str(stopped))[0] == 0
        tokens.add(json.loads((stopped / "recovered.json").read_text())["api_key"])
    server = start(data=stopped)
    assert len(tokens) == 3
    assert all(Client(server.port, token).get("/api/keys").status == 200 for token in tokens)


def test_works_with_every_key_gone_or_damaged(start, stopped):
    """Other hands were at the store: of its keys one is gone, and one no key at all."""
    with contextlib.closing(sqlite3.connect(stopped / "store.db")) as store, store:
        rows = store.execute("SELECT key FROM records WHERE CAST(key AS TEXT) LIKE '%/api_keys/%'").fetchall()
        assert len(rows) == 2
        store.execute("DELETE FROM records WHERE key = ?", rows[0])
        store.execute("UPDATE records SET value = ? WHERE key = ?", (b"{}", *rows[1]))
    assert run("--data", stopped)[0] == 0
    with contextlib.closing(sqlite3.connect(stopped / "store.db")) as store, store:
        store.execute("DELETE FROM records WHERE key = ?", rows[1])  # which stops a start
    token = json.loads((stopped / "recovered.json").read_text())["api_key"]
    server = start(data=stopped)
    assert Client(server.port, token).get("/api/keys?limit=1").json["total"] == 1


@pytest.mark.parametrize("make", [None, "empty", "file"])
def test_directory_without_a_store_is_refused_and_left_alone(tmp_path, make):
    data = tmp_path / "nowhere"
    if make == "empty":
        data.mkdir()
    elif make == "file":
        data.write_text("x")
    status, out, err = run("--data", data)
    assert (status, out) == (2, "") and err.count("\n") == 1
    assert str(data) in err and "holds no store.db" in err and "--data" in err
    assert not data.exists() or data.is_file() or list(data.iterdir()) == []


def test_running_server_keeps_it_away(start, stopped):
    server = start(data=stopped)
    status, out, err = run("--data", stopped)
    assert (status, out) == (2, "") and err.count("\n") == 1
    assert f"in use by another process (pid {server.process.pid})" in err and "stop it" in err
    assert not (stopped / "recovered.json").exists()
    server.stop()
    assert run("--data", stopped)[0] == 0


def test_store_that_had_no_first_start_says_so(stopped):
    with contextlib.closing(sqlite3.connect(stopped / "store.db")) as store, store:
        store.execute("DELETE FROM records")
    status, out, err = run("--data", stopped)
    assert (status, out) == (2, "") and "the store is empty" in err and "sluice serve" in err
    assert not (stopped / "recovered.json").exists()


def test_damaged_store_is_refused(stopped):
    store = stopped / "store.db"
    store.write_bytes(b"no database at all" * 1000)
    status, out, err = run("--data", stopped)
    assert (status, out) == (2, "") and str(store) in err and err.count("\n") == 1
    assert store.read_bytes().startswith(b"no database")


def test_file_that_cannot_be_written_makes_no_key(start, stopped):
    (stopped / "recovered.json.new").mkdir()
    (stopped / "recovered.json.new" / "in the way").touch()
    status, out, err = run("--data", stopped)
    assert (status, out) == (2, "") and "cannot write" in err and "recovered.json" in err
    server = start(data=stopped)
    client = server.client()
    assert client.get("/api/keys").json["total"] == 2
    client.close()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can act for another user")
def test_root_leaves_the_files_to_whom_the_server_runs_as(stopped):
    owner = 65534
    for path in (stopped, *stopped.iterdir()):
        os.chown(path, owner, owner)
    (stopped / "store.db-lock").unlink()
    assert run("--data", stopped)[0] == 0
    assert (stopped / "recovered.json").stat().st_uid == owner
    assert {file.stat().st_uid for file in stopped.iterdir()} == {owner}


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
@pytest.mark.parametrize("end,link", [("-lock", os.symlink), ("-lock", os.link), ("-wal", os.symlink),
                                      ("-shm", os.symlink), ("-journal", os.symlink)])
def test_file_that_whom_the_directory_belongs_to_linked_there_is_not_given_away(stopped, tmp_path, end, link):
    """That user must not get /etc/shadow by laying a link where root will write."""
    for path in (stopped, *stopped.iterdir()):
        os.chown(path, 65534, 65534)
    for file in stopped.glob(f"store.db{end}"):
        file.unlink()
    precious = tmp_path / "precious"
    precious.write_text("root's own, and long enough\n")
    precious.chmod(0o600)
    before = precious.stat()
    link(precious, stopped / f"store.db{end}")
    status, out, err = run("--data", stopped)
    after = precious.stat()
    assert (after.st_uid, after.st_gid, after.st_mode) == (0, 0, before.st_mode)
    if end == "-lock":
        assert (status, out) == (2, "") and "a link, or no plain file; remove it: " in err
    assert precious.read_text() == "root's own, and long enough\n"


def test_help_and_wrong_words():
    status, out, err = run("--help")
    assert (status, err) == (0, "") and "recovered.json" in out
    assert all(len(line) <= 90 for line in out.splitlines())
    status, out, err = run("--fly")
    assert (status, out) == (2, "") and "--fly" in err and err.count("\n") == 1
    assert "sluice key recover" in Cli(None, None).ok("key", "--help")
    assert "sluice key recover" in Cli(None, None).ok("help")


# --- secrets that nothing uses ---------------------------------------------------------------


def warnings(server):
    return [line for line in server.stderr().splitlines() if WARNING in line]


def test_start_with_the_secrets_of_the_first_one_says_nothing(start, stopped):
    server = start(data=stopped)
    server.stop()
    assert warnings(server) == []


@pytest.mark.parametrize("changed,named", [
    ({"SLUICE_BOOTSTRAP_KEY": "another-admin-key-than-before"}, ["SLUICE_BOOTSTRAP_KEY"]),
    ({"SLUICE_BOOTSTRAP_CHECK_KEY": "another-check-key-than-before"}, ["SLUICE_BOOTSTRAP_CHECK_KEY"]),
    ({"SLUICE_BOOTSTRAP_PASSWORD": "another-password"}, ["SLUICE_BOOTSTRAP_PASSWORD"]),
    ({"SLUICE_BOOTSTRAP_KEY": "another-admin-key-than-before",
      "SLUICE_BOOTSTRAP_PASSWORD": "another-password"},
     ["SLUICE_BOOTSTRAP_KEY", "SLUICE_BOOTSTRAP_PASSWORD"]),
])
def test_start_with_other_secrets_says_once_what_to_do(start, stopped, changed, named):
    server = start(data=stopped, env={**BOOTSTRAP, **changed})
    assert Client(server.port, KEY).get("/api/keys").status == 200
    server.stop()
    said = warnings(server)
    assert len(said) == 1, server.stderr()
    assert ", ".join(named) + ": not used" in said[0]
    assert all((name in said[0]) == (name in named) for name in
               ("SLUICE_BOOTSTRAP_KEY", "SLUICE_BOOTSTRAP_CHECK_KEY", "SLUICE_BOOTSTRAP_PASSWORD"))
    assert "sluice key add" in said[0] and f"sluice key recover --data {stopped}" in said[0]
    assert not any(value in server.stderr() for value in changed.values())


def test_bootstrap_key_that_was_revoked_is_told_apart(start, stopped):
    server = start(data=stopped)
    client = server.client()
    check = next(key["id"] for key in client.get("/api/keys").json["keys"]
                 if key["rights"] == ["check"])
    assert client.ask("DELETE", f"/api/keys/{check}").status == 204
    client.close()
    server.stop()
    server = start(data=stopped)
    assert Client(server.port, CHECK_KEY).get("/api/check?key=a").status == 401
    server.stop()
    assert ["SLUICE_BOOTSTRAP_CHECK_KEY: not used" in line for line in warnings(server)] == [True]
