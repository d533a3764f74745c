"""Limits that stand in files: whole new sets, now and then a wrong one, and settings by SIGHUP."""
# SPDX-License-Identifier: MIT
import json
import time

from actor import Actor

LIMITS_MAX = 40
TAKEN_OVER_S = 3  # looked after every second


class Files(Actor):
    name = "files"

    def turn(self):
        if self.rng.random() < 0.15:
            self.go_wrong()
        wanted = {f"file:{self.rng.randrange(100)}:*": self.rng.randrange(1, 1000)
                  for _ in range(self.rng.randrange(1, LIMITS_MAX))}
        rows = [f"- {json.dumps({'key': key, 'limit': limit, 'interval': '1m'})}\n"
                for key, limit in sorted(wanted.items())]
        self.write("limits:\n" + "".join(rows))
        if self.rng.random() < 0.5:
            self.host.write_settings(self.rng.choice(["50s", "60s"]))
            self.host.hang_up()
        self.await_set(wanted)
        self.pause(0.2, 2)

    def go_wrong(self):
        """The former set stays. A start would refuse a wrong one, so nobody ends the server."""
        with self.host.ending:
            self.write("limits:\n- {key: 'file:x', limit: none}\n")
            self.pause(0.2, 1.5)
            self.write("limits: []\n")

    def write(self, text):
        written = self.host.folder / "limits.new"
        written.write_text(text, "ascii")
        written.rename(self.host.limits / "all.yaml")

    def await_set(self, wanted):
        began = time.monotonic()
        while not self.record.over.is_set():
            listed = self.ask("limit list", "GET", "/api/limits?limit=1000").json["limits"]
            found = {one["key"]: one["limit"] for one in listed if one["origin"] == "file"}
            if found == wanted:
                self.record.done("limits of files", time.monotonic() - began)
                return
            if time.monotonic() - began > TAKEN_OVER_S and not self.host.disturbed(began):
                self.record.violation("limits of files are in force soon after",
                                      f"wanted {wanted}, found {found}")
            self.pause(0.05)
