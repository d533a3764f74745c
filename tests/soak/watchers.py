"""Listens to /api/events: steadily, too slowly, and going away without a word."""
# SPDX-License-Identifier: MIT
import time

from actor import Actor, Interrupted
from stream import Stream

GAP_MAX_S = 5  # rates come once a second
SLOW_BUFFER = 4096


class Watcher(Actor):
    """One stream at a time; subclasses say what is done with it."""

    def turn(self):
        began = time.monotonic()
        try:
            with Stream(self.host.port, self.query(), buffer=self.buffer()) as stream:
                if stream.status != 200:
                    self.fail(began, f"it was answered {stream.head.decode('latin-1')}")
                self.record.done(f"stream, {self.name}", time.monotonic() - began)
                self.follow(stream)
        # What Stream asserts breaks when the server is killed in the middle of an event, too.
        except (OSError, AssertionError) as error:
            self.fail(began, repr(error))

    def query(self):
        return self.rng.choice(["", "?only=rates", "?only=decisions"])

    def buffer(self):
        return None

    def follow(self, stream):
        raise NotImplementedError

    def fail(self, since, what):
        if not self.host.disturbed(since):
            self.record.violation(f"a stream that is {self.name} is served", what)
        self.record.interrupted(f"stream, {self.name}")
        raise Interrupted


class Steady(Watcher):
    """Hears of the rates each second until the server ends."""

    name = "steady"

    def query(self):
        return self.rng.choice(["", "?only=rates"])

    def follow(self, stream):
        while not self.record.over.is_set():
            began = time.monotonic()
            while (event := stream.read(GAP_MAX_S)) is not None and event[0] != "rates":
                if time.monotonic() - began > GAP_MAX_S:
                    self.fail(began, f"no rates for {GAP_MAX_S} s")
            if event is None:
                self.fail(began, "it was ended")
            self.record.done("event of rates, waiting", time.monotonic() - began)


class Slow(Watcher):
    """Reads nothing; what the server does with it is its own affair, as long as others are served."""

    name = "slow"

    def buffer(self):
        return SLOW_BUFFER

    def follow(self, stream):
        self.pause(1, 15)


class Vanishing(Watcher):
    """Takes some and goes, at any moment."""

    name = "vanishing"

    def follow(self, stream):
        stream.sock.settimeout(2)
        stream.sock.recv(self.rng.randrange(1, 4096))
        self.pause(0, 0.5)
