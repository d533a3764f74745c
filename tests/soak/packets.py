"""A flood that never ends, under a limit by source, and limits of packets that come and go."""
# SPDX-License-Identifier: MIT
import ctypes
import json
import socket
import struct
import subprocess
import time

from actor import Actor
from host import DIES_WITH_US
from tap import SO_ATTACH_FILTER, Tap

PORT, OTHER_PORT = 4053, 4054
SOURCES, PPS = 8, 16000
RATE, BURST = 40, 100
CHURN_MAX = 6


class Passed(Tap):
    """Counts what passes of the flood by source; a packet more than the limit is a violation."""

    def __init__(self, wire, record):
        self.record = record
        self.full = {}  # source: when its bucket is full again, at the earliest
        self.counts = {}
        super().__init__(wire)

    def _filter(self, flow):
        """UDP over IPv4 to the flood's port."""
        steps = ((0x28, 0, 0, 12), (0x15, 0, 5, 0x0800), (0x30, 0, 0, 23), (0x15, 0, 3, 17),
                 (0x28, 0, 0, 36), (0x15, 0, 1, PORT), (0x06, 0, 0, 0xFFFFFFFF), (0x06, 0, 0, 0))
        code = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *step) for step in steps))
        program = struct.pack("HP", len(steps), ctypes.addressof(code))
        self.socket.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER, program)

    def _note(self, frame, flow, at):
        source = socket.inet_ntoa(frame[26:30])
        self.counts[source] = self.counts.get(source, 0) + 1
        # Each was admitted some time before it is seen here, so what counts is the whole run.
        first = self.full.setdefault(source, at)
        most = BURST + RATE * (at - first)
        if self.counts[source] > most + 1:
            self.record.violation("no packet passes beyond its limit",
                                  f"{self.counts[source]} of {source}, at most {most:.1f}")


class Packets(Actor):
    name = "packets"

    def __init__(self, host, record, seed, generator, seconds):
        super().__init__(host, record, seed)
        self.generator, self.seconds = generator, seconds
        self.limit = None
        self.stats = {}
        self.churn = {}
        self.passed = Passed(host.wire, record)
        self.flood = None

    def begin(self):
        """Before anything is killed: the limit first, then the flood."""
        body = {"scope": "packet", "match": {"proto": "udp", "dst_port": PORT}, "per": "src",
                "limit": RATE, "interval": "1s", "burst": BURST}
        self.limit = self.ask("packet limit POST", "POST", "/api/limits", body, (201,)).json["id"]
        self.passed.start()
        self.flood = self.host.wire.run_far(
            *DIES_WITH_US, self.generator, "--interface", self.host.wire.far, "--src", "10.0.0.1", "--sources",
            SOURCES, "--dst", "192.0.2.1", "--dst-port", PORT, "--pps", PPS, "--seed", "1",
            "--for", f"{self.seconds + 600}s", stdout=subprocess.PIPE, text=True,
            start_new_session=True)
        self.start()

    def turn(self):
        stats = self.ask("packet limit GET", "GET", f"/api/limits/{self.limit}").json["stats"]
        for name, value in stats.items():
            if value < self.stats.get(name, 0):
                self.record.violation("packets are counted on over restarts",
                                      f"{name} from {self.stats[name]} to {value}")
        self.stats = stats
        if self.flood.poll() is not None:
            self.record.violation("the flood goes on", self.flood.stdout.read())
        self.change()
        self.pause(0.1, 0.8)

    def change(self):
        """Those that an interruption left behind are found and taken up again."""
        listed = self.ask("limit list", "GET", "/api/limits?limit=1000").json["limits"]
        ids = [one["id"] for one in listed if one["scope"] == "packet" and one["id"] != self.limit]
        if len(ids) < CHURN_MAX and self.rng.random() < 0.6:
            body = {"scope": "packet", "limit": self.rng.randrange(1, 1000), "interval": "1s",
                    "match": {"dst_port": OTHER_PORT + self.rng.randrange(1000)}, "per": "src"}
            self.ask("packet limit POST", "POST", "/api/limits", body, (201, 409))
        elif ids:
            self.ask("packet limit DELETE", "DELETE", f"/api/limits/{self.rng.choice(ids)}", None,
                     (204,))

    def finish(self):
        """Nobody else is under way any more: what passed is what was counted."""
        if not self.flood:
            return
        self.flood.terminate()
        said = json.loads(self.flood.communicate(timeout=10)[0].splitlines()[-1])
        time.sleep(0.2)
        self.passed.over.set()
        self.passed.join()
        passed = sum(self.passed.counts.values())
        self.record.packets = {"sent": said["sent"], "passed": passed}
        seen, lost = struct.unpack("II", self.passed.socket.getsockopt(263, 6, 8))
        self.passed.socket.close()
        if lost:
            self.record.say(f"the counter lost {lost} of {seen} packets that passed")
        elif self.host.up.is_set():
            self.judge(passed)

    def judge(self, passed):
        stats = self.host.client().get(f"/api/limits/{self.limit}").json["stats"]
        if stats["allowed"] != passed:
            self.record.violation("packets are counted exactly",
                                  f"{passed} passed, {stats['allowed']} were counted")
