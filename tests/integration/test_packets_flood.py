"""What a flood of 8 million spoofed sources does to those who share its limit: nothing."""
# SPDX-License-Identifier: MIT
# run-alone: the flood takes a CPU for itself
import json
import os
import pathlib
import re
import subprocess

import pytest
from conftest import ROOT, binary
from frames import udp4
from tap import STRANGER

SECONDS = 40 if os.environ.get("SLUICE_LONG") else 6
SOURCES, BURST = 8_000_000, 20
GOOD, HEAVY = 1, 2  # flows
GOOD_SOURCES = [f"192.0.2.{n}" for n in range(1, 101)]
DST = "198.51.100.1"


@pytest.fixture(scope="module")
def generator():
    if os.cpu_count() < 2:
        pytest.skip("this machine has one CPU")
    path = pathlib.Path(os.environ.get("SLUICE_BUILD") or ROOT / "build") / "generator"
    assert path.exists(), "make build/generator"
    return path


def flood_on(wire, generator):
    """8M random sources from one CPU, as fast as it goes."""
    mac = ":".join(f"{byte:02x}" for byte in STRANGER)
    return wire.run_far(generator, "--interface", wire.far, "--dst-mac", mac, "--dst", DST,
                        "--src", "16.0.0.0", "--sources", SOURCES, "--dst-port", 9, "--cpu", 1,
                        "--for", f"{SECONDS}s", stdout=subprocess.PIPE, text=True)


def memory(guard):
    """What the controller holds, and what its maps do, in kB."""
    proc = pathlib.Path("/proc") / str(guard.server.process.pid)
    resident = int(re.search(r"VmRSS:\s+(\d+)", (proc / "status").read_text()).group(1))
    maps = {}
    for info in (proc / "fdinfo").iterdir():
        found = dict(re.findall(r"(map_id|memlock):\s+(\d+)", info.read_text()))
        if "map_id" in found:
            maps[found["map_id"]] = int(found["memlock"])
    assert maps, "the controller holds no map"
    return resident, sum(maps.values()) // 1024


class Beside:
    """What passed of the established sources and of a heavy one beside a flood, and the flood."""

    def __init__(self, wire, generator, each_pps):
        frames = [udp4(src=src, flow=GOOD) for src in GOOD_SOURCES]
        with wire.tap(GOOD) as good, wire.tap(HEAVY) as heavy:
            flood = flood_on(wire, generator)
            with wire.flood(frames, cpu=0, pps=len(frames) * each_pps) as theirs, \
                    wire.flood([udp4(src="192.0.2.200", flow=HEAVY)], cpu=0, pps=20000) as much:
                said, _ = flood.communicate(timeout=SECONDS + 30)
            self.kept, self.heavy = good.count(GOOD), heavy.count(HEAVY)
        assert flood.returncode == 0
        self.flood, self.sent = json.loads(said.splitlines()[-1]), theirs.sent
        self.heavy_seconds = much.ended - much.started
        assert self.flood["sent"] > 250_000 * SECONDS, f"this is no flood: {self.flood}"
        print(f"{self.flood['pps'] / 1e6:.2f} Mpps: kept {self.kept} of {self.sent}")


@pytest.mark.parametrize("interval,limit", [("1s", 100), ("1m", 60), ("1m", 10)],
                         ids=["10 ms a packet", "1 s a packet", "6 s a packet"])
def test_established_sources_pass_and_heavy_ones_are_held(wire, limits, generator, interval, limit):
    rate = limit / {"1s": 1, "1m": 60}[interval]
    made = limits.limit(limit, interval, burst=BURST, per="src", match={"dst": DST})
    wire.send([udp4(src=src, flow=GOOD) for src in GOOD_SOURCES])
    before = memory(limits)
    # They take up to half their burst, which is what is everybody's whatever the flood.
    beside = Beside(wire, generator, min(0.8 * rate + 8 / SECONDS, 10))
    assert beside.kept >= 0.99 * beside.sent, f"{beside.kept} of {beside.sent} passed"
    most = BURST + rate * beside.heavy_seconds
    assert 0.97 * most - 1 <= beside.heavy <= most + 1, f"{beside.heavy} passed, {most} allowed"
    after = memory(limits)
    grown = 0 if "/asan/" in binary() else after[0] - before[0]
    assert grown < 1024 and after[1] == before[1], f"{before} kB became {after} kB"
    stats = limits.stats(made)
    assert stats["allowed"] + stats["denied"] >= beside.flood["sent"] * 0.9, "it went elsewhere"
