"""Makes, changes and removes limits over the API, and knows which of them must be there."""
# SPDX-License-Identifier: MIT
import time

from actor import Actor, Interrupted

LIMITS_MAX = 120
LOOK_EVERY_S = 3
PREFIX = "churn:"
# The two sets of numbers of bent keys; soak_load's account is of the more generous of each.
BENT = ({"limit": 2, "burst": 60}, {"limit": 4, "burst": 120})


class Changes(Actor):
    """`kept` has what was acknowledged; `unsure` what was under way when the server was ended."""

    name = "changes"

    def __init__(self, host, record, seed, bent):
        super().__init__(host, record, seed)
        self.bent = bent
        self.kept = {}  # id: (key, limit)
        self.history = {}  # id: what its limit was made and changed to, one after the other
        self.unsure = []  # what a restart left open: (id or None, key, former limit, new limit)
        self.made = 0
        self.life = 0
        self.looked = 0

    def turn(self):
        if self.life != self.host.lives or time.monotonic() - self.looked > LOOK_EVERY_S:
            self.look()
        draw = self.rng.random()
        if draw < 0.1:
            self.bend()
        elif len(self.kept) < LIMITS_MAX and (draw < 0.5 or not self.kept):
            self.make()
        elif draw < 0.75:
            self.change()
        else:
            self.remove()
        self.pause(0, 0.04)

    def attempt(self, unsure, method, target, body, expected):
        try:
            return self.ask(f"limit {method}", method, target, body, expected)
        except Interrupted:
            self.unsure.append(unsure)
            raise

    def make(self):
        self.made += 1
        key, limit = f"{PREFIX}{self.made}:*", self.rng.randrange(1, 1000)
        body = {"key": key, "limit": limit, "interval": self.rng.choice(["1s", "1m", "1h"]),
                "algorithm": self.rng.choice(["token_bucket", "fixed_window", "sliding_window"])}
        made = self.attempt((None, key, None, limit), "POST", "/api/limits", body, (201,)).json
        self.note(made["id"], key, limit)
        self.prove(made["id"], key, limit)

    def note(self, limit_id, key, limit):
        self.kept[limit_id] = (key, limit)
        self.history.setdefault(limit_id, []).append(limit)

    def prove(self, limit_id, key, limit):
        """What was answered is in force."""
        hits = self.ask("check of a new limit", "GET", f"/api/check?peek=1&key={key[:-1]}x").json["limits"]
        if (limit_id, limit) not in [(hit["id"], hit["limit"]) for hit in hits]:
            self.record.violation("a change is in force when it is acknowledged", f"{key}: {hits}")

    def change(self):
        limit_id = self.rng.choice(sorted(self.kept))
        key, former = self.kept[limit_id]
        limit = former % 1000 + 1
        self.attempt((limit_id, key, former, limit), "PUT", f"/api/limits/{limit_id}",
                     {"limit": limit}, (200,))
        self.note(limit_id, key, limit)
        self.prove(limit_id, key, limit)

    def remove(self):
        limit_id = self.rng.choice(sorted(self.kept))
        key, former = self.kept[limit_id]
        self.attempt((limit_id, key, former, None), "DELETE", f"/api/limits/{limit_id}", None, (204,))
        del self.kept[limit_id]
        history = self.history.pop(limit_id)
        if self.rng.random() < 0.2:
            self.audit(limit_id, history)

    def audit(self, limit_id, history):
        """Each change that was acknowledged, or found to have happened, has one entry, and no other."""
        entries = self.ask("audit", "GET", f"/api/audit?limit=1000&object={limit_id}").json["entries"]
        told = [(entry["action"], (entry["change"]["after"] or {}).get("limit"))
                for entry in reversed(entries)]
        updates = [("limit.update", limit) for limit in history[1:]]
        if told != [("limit.create", history[0]), *updates, ("limit.delete", None)]:
            self.record.violation("the audit tells what happened",
                                  f"{limit_id} was {history} and deleted, told {told}")

    def bend(self):
        """Numbers under which keys live change; either set may hold after an interruption."""
        self.ask("limit PUT", "PUT", f"/api/limits/{self.bent}", self.rng.choice(BENT))

    def look(self):
        life = self.host.lives
        listed = self.ask("limit list", "GET", "/api/limits?limit=1000").json["limits"]
        found = {limit["id"]: (limit["key"], limit["limit"]) for limit in listed
                 if limit.get("key", "").startswith(PREFIX)}
        for limit_id, key, former, new in self.unsure:
            self._settle(found, limit_id, key, (former, new))
        self.unsure = []
        if found != self.kept:
            wrong = {i: (self.kept.get(i), found.get(i)) for i in self.kept.keys() | found.keys()
                     if self.kept.get(i) != found.get(i)}
            self.record.violation("no acknowledged change is lost", f"id: (was, is) {wrong}")
        self.life, self.looked = life, time.monotonic()

    def _settle(self, found, limit_id, key, allowed):
        """Of a change that nobody acknowledged, either outcome is right, and from now on certain."""
        ids = [limit_id] if limit_id else [i for i, (k, _) in found.items() if k == key]
        if len(ids) > 1:
            self.record.violation("a limit is made once", f"{key}: {ids}")
        present = ids[0] if ids and ids[0] in found else None
        if (found[present][1] if present else None) not in allowed:
            return
        if present and found[present] != self.kept.get(present):
            self.note(present, *found[present])
        elif not present and limit_id:
            self.kept.pop(limit_id, None)
            self.history.pop(limit_id, None)
