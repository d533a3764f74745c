"""Ends the server at random moments, by SIGKILL or SIGTERM, and starts it again."""
# SPDX-License-Identifier: MIT
import time

from host import SNAPSHOT_INTERVAL_S

# Of the whole time the last part is one life, long enough to see whether anything grows.
LAST_LIFE = 0.25
LAST_LIFE_MAX_S = 600


class Kills:
    """Runs on the main thread: the one place where the server's life changes."""

    def __init__(self, host, load, record, rng, seconds):
        self.host, self.load, self.record, self.rng = host, load, record, rng
        self.ends = time.monotonic() + seconds
        self.last_life = self.ends - min(seconds * LAST_LIFE, LAST_LIFE_MAX_S)
        self.long_s = min(60, seconds / 6)
        self.kills = self.stops = 0

    def _life_s(self):
        """Mostly short, so that there are many; some long, so that there is something to lose."""
        return self.rng.uniform(0.3, 10 if self.rng.random() < 0.8 else self.long_s)

    def run(self):
        while not self.record.over.is_set() and time.monotonic() < self.ends:
            wake = time.monotonic() + self._life_s()
            if wake > self.last_life:
                self.record.over.wait(max(0, self.ends - time.monotonic()))
                return
            self.record.over.wait(max(0, wake - time.monotonic()))
            if not self.record.over.is_set():
                with self.host.ending:
                    self._restart()

    def _restart(self):
        if self.rng.random() < 0.6:
            killed_ns = self.host.kill()
            self.load.forget(killed_ns, SNAPSHOT_INTERVAL_S)
            self.kills += 1
        else:
            self.host.stop()
            self.stops += 1
        self.host.check_log()
        self.host.start()
