"""Backs the data directory up while it is written and its writer killed: each backup is whole."""
# SPDX-License-Identifier: MIT
import json
import shutil
import sqlite3
import subprocess
import time

from actor import Actor
from conftest import command, environment


class Backups(Actor):
    name = "backups"

    def __init__(self, host, record, seed, changes):
        super().__init__(host, record, seed)
        self.changes = changes

    def turn(self):
        self.pause(1, 8)
        before = dict(self.changes.kept)
        began = time.monotonic()
        file = self.host.folder / "backup.tar"
        done = subprocess.run(
            command("backup", file, "--data", self.host.folder / "data", "--force", "-o", "json"),
            env=environment(), capture_output=True, text=True, timeout=60, check=False,
            start_new_session=True)
        after = dict(self.changes.kept)
        if done.returncode:
            self.record.violation("a backup is made", f"status {done.returncode}: {done.stderr}")
            return
        self.record.done("backup", time.monotonic() - began)
        json.loads(done.stdout)
        self.judge(file, {i for i in before if before[i] == after.get(i)})

    def judge(self, file, expected):
        """SQLite finds nothing wrong, and each limit that stood all the while is in it."""
        folder = self.host.folder / "restored"
        folder.mkdir()
        subprocess.run(["tar", "-xf", file, "-C", folder], check=True, start_new_session=True)
        for name in ("store.db", "ledger.db"):
            database = sqlite3.connect(folder / name)
            faults = database.execute("PRAGMA integrity_check").fetchall()
            if faults != [("ok",)]:
                self.record.violation("a backup is whole", f"{name}: {faults}")
            if name == "store.db":
                keys = [row[0] for row in database.execute("SELECT key FROM records")]
                found = {key.decode().rpartition("/")[2] for key in keys if b"/limits/" in key}
                if expected - found:
                    self.record.violation("a backup has what was acknowledged", str(expected - found))
            database.close()
        shutil.rmtree(folder)
