"""Packet limits while they change: modes, numbers, removal, several at once, under traffic."""
# SPDX-License-Identifier: MIT
import time

import pytest
from conftest import wait_for
from frames import ARP, IP4, UDP, VLAN, eth, ip4, sized, udp4, udp6
from guard import send_and_count, within

SENT = 60


def passing(wire, count=SENT, **fields):
    return send_and_count(wire, [udp4(**fields)] * count)


def test_shadow_passes_all_and_counts_what_it_would_refuse(wire, limits):
    limit = limits.limit(5, mode="shadow")
    assert passing(wire) == SENT
    stats = limits.stats(limit)
    assert (stats["allowed"], stats["denied"]) == (5, SENT - 5)


def test_shadow_is_charged_only_what_passes(wire, limits):
    limits.limit(5, match={"src": "192.0.2.0/24"})
    shadow = limits.limit(1000, mode="shadow")
    assert passing(wire) == 5
    stats = limits.stats(shadow)
    assert (stats["allowed"], stats["denied"]) == (5, 0)


def test_off_passes_all_and_counts_nothing_and_keeps_what_was_consumed(wire, limits):
    limit = limits.limit(10)
    assert passing(wire, 8) == 8
    before = limits.stats(limit)
    limits.change(limit, mode="off")
    assert passing(wire) == SENT
    assert limits.stats(limit) == before
    limits.change(limit, mode="enforce")
    assert passing(wire) == 2


def test_new_numbers_hold_at_once_and_keep_what_was_consumed(wire, limits):
    limit = limits.limit(1000, burst=20)
    assert passing(wire, 15) == 15
    limits.change(limit, burst=30)
    assert passing(wire) == 15
    # A smaller burst: the debt is at most the new whole, so nothing passes, and soon something.
    limits.change(limit, burst=4, interval="1s", limit=20)
    time.sleep(0.5)
    assert passing(wire, 10) in (4, 5)


def test_faster_numbers_let_a_source_in_debt_off_within_a_burst(wire, limits):
    """What was owed at one an hour is not owed for hours once the limit is fast."""
    limit = limits.limit(1, per="src", burst=10)
    assert passing(wire) == 10
    limits.change(limit, limit=100, interval="1s")
    time.sleep(0.2)
    assert passing(wire) >= 10


def test_match_may_change_and_the_bucket_stays(wire, limits):
    limit = limits.limit(10, match={"dst_port": 53})
    assert passing(wire, 4, dst_port=53) == 4
    limits.change(limit, match={"dst_port": 54})
    assert passing(wire, dst_port=53) == SENT
    assert passing(wire, dst_port=54) == 6


def test_removed_limit_lets_go_and_a_new_one_starts_afresh(wire, limits):
    limit = limits.limit(5, per="src")
    assert passing(wire) == 5
    limits.remove(limit)
    assert passing(wire) == SENT
    again = limits.limit(5, per="src")
    assert passing(wire) == 5
    stats = limits.stats(again)
    assert (stats["allowed"], stats["denied"]) == (5, SENT - 5)


def test_reset_forgets_what_was_consumed(wire, limits):
    limit = limits.limit(5, per="src")
    assert passing(wire) == 5 and passing(wire, src="192.0.2.2") == 5
    assert limits.client.post(f"/api/limits/{limit['id']}/reset").status == 204
    assert passing(wire) == 5 and passing(wire, src="192.0.2.2") == 5


def reasons(limits):
    return limits.client.get("/api/packets").json["reasons"]


ODD = {
    "refused": udp4(), "passed": udp4(dst="203.0.113.1"), "not_ip": eth(0x88CC, bytes(46)),
    "exempt": eth(ARP, bytes(46)), "truncated": udp4()[:14 + 20 + 3],
    "too_deep": udp4(tags=[(VLAN, n) for n in (1, 2, 3)]),
    "fragments": eth(IP4, ip4("192.0.2.1", "198.51.100.1", UDP, bytes(9), fragment=9)),
}


@pytest.mark.parametrize("name", ODD)
def test_what_became_of_packets_is_counted_by_reason(wire, limits, name):
    limits.limit(1, match={"dst": "198.51.100.0/24"})
    passing(wire, 1)
    before = reasons(limits)[name]
    wire.send([ODD[name]] * 10)
    wait_for(lambda: reasons(limits)[name] >= before + 10, lambda: reasons(limits), 5)
    assert reasons(limits)[name] == before + 10


def test_interfaces_are_listed_with_how_they_enforce(wire, limits):
    limits.limit(5)
    answer = limits.client.get("/api/packets").json
    assert answer["packets"] == "on"
    assert answer["interfaces"] == [{"name": wire.near, "mode": "native", "why": ""}]
    assert answer["limits"] == {"max": 64, "max_per_packet": 16, "configured": 1, "in_force": 1}


@pytest.mark.parametrize("narrow_first", [True, False])
def test_refused_packets_do_not_eat_the_broader_limit(wire, limits, narrow_first):
    """Sixty packets of one source cost the limit for all ten, whichever was made first."""
    bodies = [{"limit": 10, "per": "src"}, {"limit": 50}]
    for body in bodies if narrow_first else reversed(bodies):
        limits.limit(**body)
    got = [passing(wire, src=f"192.0.2.{n}") for n in range(1, 8)]
    assert got == [10, 10, 10, 10, 10, 0, 0]


def test_refused_by_the_broad_limit_costs_the_narrow_one_nothing(wire, limits):
    broad = limits.limit(10)
    limits.limit(30, per="src")
    assert passing(wire) == 10
    limits.remove(broad)
    assert passing(wire) == 20


def test_each_unit_counts_for_itself(wire, limits):
    frame = sized(udp4, 200)
    limits.limit(20 * len(frame), unit="bytes")
    limits.limit(30)
    assert send_and_count(wire, [frame] * SENT) == 20


def test_sixteen_limits_on_one_packet_all_hold(wire, limits):
    """The tightest decides, wherever among them it stands."""
    made = [limits.limit(100 + n, match={"dst_port": f"1-{1000 + n}"}) for n in range(15)]
    tight = limits.limit(7, match={"src": "192.0.2.1"})
    assert passing(wire) == 7
    for limit in made:
        assert limits.stats(limit)["allowed"] == 7
    assert limits.stats(tight)["denied"] == SENT - 7


def test_crowd_of_slow_limits_hides_no_total_from_spoofed_fragments(wire, limits):
    """Fragments match any port, so more than 16 limits: a fresh source each passes those by src."""
    for n in range(16):
        limits.limit(5, match={"dst_port": n + 1}, per="src")
    total = limits.limit(20)
    spoofed = [eth(IP4, ip4(f"192.0.2.{n}", "198.51.100.1", UDP, bytes(9), fragment=9))
               for n in range(1, SENT + 1)]
    assert send_and_count(wire, spoofed) == 20
    assert limits.stats(total)["denied"] == SENT - 20


def flip(limits, n, other):
    """One change of the limits beside the one that must hold all the while."""
    kind = n % 5
    if kind == 0:
        return limits.limit(10 ** 6, "1s", match={"dst_port": 9}, per="src")
    if kind == 1:
        limits.change(other, mode="shadow")
    elif kind == 2:
        limits.change(other, match={"dst": "198.51.100.0/24"}, limit=2 * 10 ** 6)
    elif kind == 3:
        limits.change(other, mode="enforce")
    else:
        limits.remove(other)
    return other


def test_changes_under_a_flood_open_no_gap(wire, limits):
    """One limit holds all the while; 200 changes beside it let not one packet more pass."""
    rate, burst = 2000, 1000
    limits.limit(rate, "1s", burst=burst, per="src")
    other = None
    with wire.tap() as tap:
        with wire.flood([udp4(flow=1), udp6(flow=2)]) as flood:
            for n in range(200):
                other = flip(limits, n, other)
        tap.settle()
    for flow in (1, 2):
        within(tap.times[flow], flood, rate, burst)


def test_changes_of_the_limit_itself_open_no_gap(wire, limits):
    """Whatever else of it changes, its numbers hold."""
    rate, burst = 2000, 1000
    limit = limits.limit(rate, "1s", burst=burst)
    matches = [{}, {"dst": "198.51.100.0/24"}, {"dst_port": 9, "proto": "udp"}]
    with wire.tap() as tap:
        with wire.flood([udp4()]) as flood:
            for n in range(100):
                limits.change(limit, match=matches[n % 3], name=f"change {n}")
        tap.settle()
    within(tap.times[0], flood, rate, burst)


def test_rates_in_turn_pass_at_most_what_a_change_forgives(wire, limits):
    """What was consumed is kept as time: half the rate forgives half a burst, and no more."""
    rate, burst, changes = 2000, 100, 40
    limit = limits.limit(rate, "1s", burst=burst)
    with wire.tap() as tap:
        with wire.flood([udp4()]) as flood:
            for n in range(changes):
                limits.change(limit, limit=rate // (2 - n % 2))
        tap.settle()
    most = burst + rate * (tap.times[0][-1] - flood.started) + changes / 2 * burst / 2
    assert most / 3 <= len(tap.times[0]) <= most
