"""What passes a packet limit under a flood, counted behind it: all it allows, never more."""
# SPDX-License-Identifier: MIT
import os
import time

import pytest
from frames import sized, udp4, udp6
from guard import send_and_count, within

TWO_CPUS = pytest.mark.skipif(os.cpu_count() < 2, reason="this machine has one CPU")
RATE, BURST, SECONDS = 4000, 2000, 4
DST4, DST6 = "198.51.100.{}", "2001:db8:2::{}"


class Case:
    """A limit, and the groups of frames that must share one bucket each."""

    def __init__(self, name, groups, unit="packets", cost=1, **body):
        self.name, self.groups, self.cost = name, groups, cost
        self.body = {"limit": RATE * cost, "burst": BURST * cost, "interval": "1s", "unit": unit,
                     **body}


def cases():
    def v4(row, src, **more):
        return lambda flow: udp4(src, DST4.format(row), flow, **more)

    def v6(row, src, **more):
        return lambda flow: udp6(src, DST6.format(row), flow, **more)

    def long(frame_of, row, src, size):
        dst = (DST4 if frame_of is udp4 else DST6).format(row)
        return lambda flow: sized(frame_of, size, src=src, dst=dst, flow=flow)

    return [
        Case("v4 per src", [[v4(1, "192.0.2.1")], [v4(1, "192.0.2.2")]],
             match={"dst": DST4.format(1)}, per="src"),
        Case("v6 per src", [[v6(2, "2001:db8:a::1"), v6(2, "2001:db8:a::2")],
                            [v6(2, "2001:db8:b::1")]],
             match={"dst": DST6.format(2)}, per="src"),
        Case("v6 per src/128", [[v6(3, "2001:db8:a::1")], [v6(3, "2001:db8:a::2")]],
             match={"dst": DST6.format(3)}, per="src/128"),
        Case("v4 per src/24", [[v4(4, "192.0.2.1"), v4(4, "192.0.2.2")], [v4(4, "192.0.3.1")]],
             match={"dst": DST4.format(4)}, per="src/24"),
        Case("per dst", [[v4(5, "203.0.113.1")], [v4(6, "203.0.113.1"), v4(6, "203.0.113.2")]],
             match={"src": "203.0.113.0/24"}, per="dst"),
        Case("one bucket for both families", [[v4(7, "192.0.2.1", dst_port=700),
                                               v4(7, "192.0.2.2", dst_port=701),
                                               v6(7, "2001:db8:a::1", dst_port=709)]],
             match={"dst_port": "700-709"}),
        Case("v4 bytes", [[long(udp4, 8, "192.0.2.1", 1000)]], "bytes", 1000,
             match={"dst": DST4.format(8)}),
        Case("v6 bytes per src", [[long(udp6, 9, "2001:db8:a::1", 300)]], "bytes", 300,
             match={"dst": DST6.format(9)}, per="src"),
    ]


class Run:
    """All cases at once: their limits match different frames of one flood."""

    def __init__(self, wire, guard):
        self.flows, frames = {}, []
        for case in cases():
            case.made = guard.limit(name=case.name, **case.body)
            self.flows[case.name] = (case, [])
            for group in case.groups:
                flow = len(set(sum((f for _, f in self.flows.values()), []))) + 1
                self.flows[case.name][1].append(flow)
                frames += [frame_of(flow) for frame_of in group]
        with wire.tap() as self.tap:
            with wire.flood(frames) as self.flood:
                time.sleep(SECONDS)
            self.tap.settle()
        self.stats = {name: guard.stats(case.made) for name, (case, _) in self.flows.items()}
        guard.remove_all()


@pytest.fixture(scope="module")
def run(wire, guard):
    return Run(wire, guard)


@pytest.mark.parametrize("name", [case.name for case in cases()])
def test_flood_passes_what_the_limit_allows(run, name):
    for flow in run.flows[name][1]:
        within(run.tap.times[flow], run.flood, RATE, BURST)


@pytest.mark.parametrize("name", [case.name for case in cases()])
def test_no_window_passes_two_bursts(run, name):
    """No edge of any window is a good time to come: not one interval holds a second burst."""
    for flow in run.flows[name][1]:
        times = run.tap.times[flow]
        for width in (0.1, 0.5, 1.0):
            first = 0
            for last, now in enumerate(times):
                while times[first] < now - width:
                    first += 1
                assert last - first + 1 <= 1.2 * (BURST + RATE * width), f"in {width} s at {now}"


@pytest.mark.parametrize("name", [case.name for case in cases()])
def test_counters_say_what_was_counted_behind_the_program(run, name):
    case, flows = run.flows[name]
    passed = sum(len(run.tap.times[flow]) for flow in flows)
    assert run.stats[name]["allowed"] == passed
    assert run.stats[name]["allowed_bytes"] == sum(run.tap.bytes[flow] for flow in flows)
    assert run.stats[name]["denied"] > 2 * passed, "offered too little to tell"


@TWO_CPUS
def test_two_cpus_share_one_bucket(wire, limits):
    """Nor is the limit divided by CPUs: one of them alone gets all of it, both together no more."""
    limits.limit(RATE, "1s", burst=BURST, per="src")
    with wire.tap() as tap:
        with wire.flood([udp4()], cpu=0) as first, wire.flood([udp4()], cpu=1) as second:
            time.sleep(2)
        tap.settle()
    first.started, first.ended = min(first.started, second.started), max(first.ended, second.ended)
    within(tap.times[0], first, RATE, BURST)


@TWO_CPUS
def test_what_a_narrow_limit_refuses_two_cpus_costs_the_broad_one_nothing(wire, limits):
    """Both may pass the first look at the last token; what the loser was charged comes back."""
    most = 60000
    limits.limit(most, "365d", match={"dst_port": 9})
    limits.limit(50000, "1s", burst=50, per="src")
    with wire.tap() as tap:
        with wire.flood([udp4()], cpu=0), wire.flood([udp4()], cpu=1):
            time.sleep(2.5)
        assert tap.count() == most


@TWO_CPUS
@pytest.mark.parametrize("cpu", [0, 1])
def test_one_cpu_gets_the_whole_limit(wire, limits, cpu):
    limits.limit(50, per="src")
    assert send_and_count(wire, [udp4()] * 300, cpu=cpu) == 50


@TWO_CPUS
def test_cpus_in_turn_get_one_limit(wire, limits):
    limits.limit(50, per="src")
    assert [send_and_count(wire, [udp4()] * 30, cpu=cpu) for cpu in (0, 1, 0, 1)] == [30, 20, 0, 0]


def test_idle_time_earns_no_more_than_a_burst(wire, limits):
    limits.limit(100, "1s", burst=20)
    assert send_and_count(wire, [udp4()]) == 1
    time.sleep(150 if os.environ.get("SLUICE_LONG") else 1)  # would be 100 more a second
    with wire.tap() as tap, wire.flood([udp4()]) as flood:
        time.sleep(0.5)
    within(tap.times[0], flood, 100, 20)


def test_slow_limit_is_exact_to_the_packet(wire, limits):
    limits.limit(20, "1s", burst=5)
    with wire.tap() as tap:
        with wire.flood([udp4()]) as flood:
            time.sleep(2.02)
        tap.settle()
    allowed = 5 + int(20 * (tap.times[0][-1] - flood.started) + 0.02)
    assert allowed - 1 <= len(tap.times[0]) <= allowed
