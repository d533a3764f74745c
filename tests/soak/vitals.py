"""What the server's process takes: memory, descriptors and threads, flat once it is warm."""
# SPDX-License-Identifier: MIT
import re

from actor import Actor, Interrupted

EVERY_S = 0.25
WARM_S = 8
# Of a life's last third over its first, both after warming up. Allocators and page faults of the
# kernel settle late; what leaks with every request is far above this within seconds.
GROWTH_MAX_KB = 6 * 1024
DESCRIPTORS_MORE = 6  # clients that came in the meantime


def median(values):
    ordered = sorted(values)
    return ordered[len(ordered) // 2]


class Vitals(Actor):
    name = "vitals"

    def __init__(self, *args):
        super().__init__(*args)
        self.life, self.samples = 0, []
        self.lives = []  # first and last sample of those that are over
        self.growth_kb = 0  # the most of one life, once warm

    def turn(self):
        if self.life != self.host.lives:
            self.end_life()
            self.life = self.host.lives
        if self.host.up.is_set():
            self.sample()
        self.host.check_log()
        self.pause(EVERY_S)

    def sample(self):
        try:
            status = self.host.proc("status")
            descriptors = len(self.host.descriptors())
        except OSError as error:
            raise Interrupted from error
        found = {name: int(value) for name, value in
                 re.findall(r"^(VmRSS|Threads):\s+(\d+)", status, re.MULTILINE)}
        # A zombie has no memory.
        if "VmRSS" in found and self.host.up.is_set():
            self.samples.append((found["VmRSS"], descriptors, found["Threads"]))

    def end_life(self):
        warm = self.samples[int(WARM_S / EVERY_S):]
        third = len(warm) // 3
        if third * EVERY_S >= 1:
            self.judge(warm[:third], warm[-third:])
        if self.samples:
            self.lives.append(self.samples[0] + self.samples[-1])
        self.samples = []

    def judge(self, first, last):
        rss, descriptors, threads = (
            (median(sample[i] for sample in first), median(sample[i] for sample in last))
            for i in range(3))
        self.growth_kb = max(self.growth_kb, rss[1] - rss[0])
        if rss[1] - rss[0] > GROWTH_MAX_KB:
            self.record.violation("memory is flat", f"from {rss[0]} to {rss[1]} KiB in one life")
        if descriptors[1] > descriptors[0] + DESCRIPTORS_MORE:
            self.record.violation("descriptors are flat", f"from {descriptors[0]} to {descriptors[1]}")
        if threads[1] != threads[0]:
            self.record.violation("threads are flat", f"from {threads[0]} to {threads[1]}")

    def finish(self):
        self.end_life()
