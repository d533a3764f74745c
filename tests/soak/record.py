"""What a soak has done and seen: operations, how long they took, and each promise that was broken."""
# SPDX-License-Identifier: MIT
import statistics
import sys
import threading
import time

VIOLATIONS_MAX = 10
TIMES_MAX = 100000  # of one kind: a run of many hours keeps the latest


class Kind:
    """Operations of one kind; interrupted ones fell into a restart and may fail."""

    def __init__(self):
        self.done = self.interrupted = 0
        self.times_ms = []

    def row(self):
        times = sorted(self.times_ms)
        if not times:
            return [self.done, self.interrupted, "", "", ""]
        p99 = times[min(len(times) - 1, len(times) * 99 // 100)]
        return [self.done, self.interrupted, f"{statistics.median(times):.2f}", f"{p99:.2f}",
                f"{times[-1]:.2f}"]


class Record:
    """Shared by all actors; safe to use from any thread."""

    def __init__(self):
        self.began = time.monotonic()
        self.lock = threading.Lock()
        self.kinds = {}
        self.violations = []
        self.packets = None  # sent and passed, once the flood is over
        self.over = threading.Event()

    def done(self, kind, seconds):
        with self.lock:
            one = self.kinds.setdefault(kind, Kind())
            one.done += 1
            one.times_ms.append(seconds * 1000)
            if len(one.times_ms) > TIMES_MAX:
                del one.times_ms[:TIMES_MAX // 2]

    def interrupted(self, kind):
        with self.lock:
            self.kinds.setdefault(kind, Kind()).interrupted += 1

    def say(self, text):
        print(f"[{time.monotonic() - self.began:7.1f}] {text}", flush=True)

    def violation(self, promise, what):
        """A promise was broken: the run ends, and fails. What follows from the first is cut short."""
        with self.lock:
            if len(self.violations) == VIOLATIONS_MAX:
                return
            self.violations.append((promise, what))
        self.over.set()
        print(f"[{time.monotonic() - self.began:7.1f}] BROKEN {promise}: {what}", file=sys.stderr,
              flush=True)
