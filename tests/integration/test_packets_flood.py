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

SECONDS = 60 if os.environ.get("SLUICE_LONG") else 6
SOURCES, BURST = 8_000_000, 20
GOOD, HEAVY = 1, 2  # flows
GOOD_SOURCES = [f"192.0.2.{n}" for n in range(1, 101)]
DST = "198.51.100.1"


@pytest.fixture(scope="module")
def generator():
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


@pytest.mark.skipif(os.cpu_count() < 2, reason="this machine has one CPU")
@pytest.mark.parametrize("interval,limit", [("1s", 100), ("1m", 60), ("1m", 10)],
                         ids=["10 ms a packet", "1 s a packet", "6 s a packet"])
def test_established_sources_pass_and_heavy_ones_are_held(wire, limits, generator, interval, limit):
    rate = limit / {"1s": 1, "1m": 60}[interval]
    made = limits.limit(limit, interval, burst=BURST, per="src", match={"dst": DST})
    established = [udp4(src=src, flow=GOOD) for src in GOOD_SOURCES]
    wire.send(established)
    before = memory(limits)
    # Within their burst whatever the rate is, so all of it is theirs.
    pps = len(GOOD_SOURCES) * min(rate + 15 / SECONDS, 10)
    with wire.tap(GOOD) as good, wire.tap(HEAVY) as heavy:
        flood = flood_on(wire, generator)
        with wire.flood(established, cpu=0, pps=pps) as theirs, \
                wire.flood([udp4(src="192.0.2.200", flow=HEAVY)], cpu=0, pps=20000) as much:
            said, _ = flood.communicate(timeout=SECONDS + 30)
        kept, passed = good.count(GOOD), heavy.count(HEAVY)
    assert flood.returncode == 0
    sent = json.loads(said.splitlines()[-1])
    assert sent["sent"] > 1_500_000, f"this is no flood: {sent}"
    assert kept >= 0.99 * theirs.sent, f"{kept} of {theirs.sent} passed in {sent}"
    most = BURST + rate * (much.ended - much.started)
    assert 0.97 * most - 1 <= passed <= most + 1, f"{passed} of the heavy source, {most} allowed"
    after = memory(limits)
    grown = 0 if "/asan/" in binary() else after[0] - before[0]
    assert grown < 1024 and after[1] == before[1], f"{before} kB became {after} kB"
    print(f"{sent['pps'] / 1e6:.2f} Mpps: kept {kept} of {theirs.sent}, heavy {passed} of {most:.1f}")
    stats = limits.stats(made)
    assert stats["allowed"] + stats["denied"] >= sent["sent"] * 0.9, "the flood went elsewhere"
