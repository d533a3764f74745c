"""An actor does one kind of thing to the server, over and over, until the soak is over."""
# SPDX-License-Identifier: MIT
import http.client
import random
import threading
import time
import traceback


class Interrupted(Exception):
    """The server was ended meanwhile: what was asked may have happened or not."""


class Actor(threading.Thread):
    """Subclasses say what a turn is; everything random comes from `rng`, so a seed repeats it."""

    name = "actor"

    def __init__(self, host, record, seed):
        super().__init__(daemon=True, name=self.name)
        self.host, self.record = host, record
        self.rng = random.Random(f"{seed} {self.name}")
        self.client = None
        self.heard = 0  # when the connection last proved to be open

    def run(self):
        try:
            while not self.record.over.is_set():
                if not self.host.up.wait(0.1):
                    continue
                try:
                    self.turn()
                except Interrupted:
                    self.pause(0.01)
        except Exception:  # pylint: disable=broad-except
            self.record.violation(f"{self.name} goes on", traceback.format_exc())
        finally:
            self.drop_client()
            self.finish()

    def turn(self):
        raise NotImplementedError

    def finish(self):
        """When the soak is over."""

    def pause(self, least, most=None):
        self.record.over.wait(self.rng.uniform(least, most or least))

    def drop_client(self):
        if self.client:
            self.client.close()
            self.client = None

    def ask(self, kind, method, target, body=None, expected=(200,)):
        """The answer. Interrupted when a restart got in between; anything else is a violation."""
        began = time.monotonic()
        try:
            if not self.client:
                self.client, self.heard = self.host.client(), began
            answer = self.client.ask(method, target, body)
        except (OSError, http.client.HTTPException) as error:
            self.drop_client()
            self._fail(kind, self.heard, f"{method} {target}: {error!r}")
        if answer.header("Connection") == "close":
            self.drop_client()
        if answer.status == 503 or answer.status not in expected:
            self._fail(kind, began, f"{method} {target}: {answer}", answer.status == 503)
        self.heard = time.monotonic()
        self.record.done(kind, self.heard - began)
        return answer

    def _fail(self, kind, since, what, may=True):
        if not (may and self.host.disturbed(since)):
            self.record.violation("every request is answered while the server is up", what)
        self.record.interrupted(kind)
        raise Interrupted
