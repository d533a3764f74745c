"""Packets that try to slip past a limit, counted behind the program by a packet socket."""
# SPDX-License-Identifier: MIT
import contextlib
import socket
import time

import evasions
import pytest
import tagging
from frames import udp4
from guard import send_and_count
from wire import ip

ROWS = evasions.rows()


@pytest.fixture(scope="module")
def guard_options():
    """Little memory, so that a test can fill it."""
    return "--packet-memory", "64KiB"


@pytest.fixture(scope="module")
def tap(wire):
    with wire.tap() as one:
        yield one


@pytest.mark.parametrize("row", ROWS, ids=[row.name for row in ROWS])
def test_packet_is_held_to_the_limit_it_is_for(wire, limits, tap, row):
    limits.limit(evasions.BURST, **row.body)
    before = len(tap.times.get(0, []))
    wire.send([row.frame(i) for i in range(evasions.SENT)])
    assert tap.count() - before == row.passes


def test_names_of_rows_are_unique():
    assert len({row.name for row in ROWS}) == len(ROWS)


def test_tag_that_the_driver_takes_off_hides_nothing(wire, limits):
    """A VLAN device hands its tag to the other end beside the frame."""
    limits.limit(5, match={"dst_port": 9}, per="src")
    with contextlib.ExitStack() as stack:
        with wire.far_space.inside():
            sock = stack.enter_context(socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0))
            sock.bind((wire.far, 0))
            try:
                stack.enter_context(tagging.tagged(wire.far, 7))
            except OSError as error:
                pytest.skip(f"this kernel attaches nothing that tags: {error}")
        assert tagging.tag_of(wire.near, lambda: sock.send(udp4(dst_port=10))) == 7
        with wire.tap() as tap:
            for _ in range(60):
                sock.send(udp4())
            assert tap.count() == 5


@contextlib.contextmanager
def addresses(wire):
    """Both ends as hosts that must find each other."""
    ends = {wire.near: ("10.9.8.1", "fd09::1"), wire.far: ("10.9.8.2", "fd09::2")}
    try:
        for interface, (four, six) in ends.items():
            with wire.space_of(interface).inside():
                ip("addr", "add", f"{four}/24", "dev", interface)
                ip("addr", "add", f"{six}/64", "dev", interface, "nodad")
        yield
    finally:
        for interface in ends:
            with wire.space_of(interface).inside():
                ip("addr", "flush", "dev", interface)


def resolves(wire, interface, address):
    """Whether this end learns the link address of the other."""
    with wire.space_of(interface).inside():
        ip("neigh", "flush", "dev", interface)
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        with socket.socket(family, socket.SOCK_DGRAM) as sock:
            sock.sendto(b"x", (address, 9))
        until = time.monotonic() + 2
        while time.monotonic() < until:
            known = ip("neigh", "show", "dev", interface)
            if any(one["dst"] == address and "lladdr" in one for one in known):
                return True
            time.sleep(0.01)
    return False


@pytest.mark.parametrize("end,address", [("near", "10.9.8.2"), ("near", "fd09::2"),
                                         ("far", "10.9.8.1"), ("far", "fd09::1")])
def test_neighbours_find_each_other_when_nothing_else_passes(wire, limits, end, address):
    limits.limit(1)
    assert send_and_count(wire, [udp4()] * 20) <= 1  # a late answer of a test before may take it
    with addresses(wire):
        assert resolves(wire, getattr(wire, end), address)
        assert send_and_count(wire, [udp4()] * 20) == 0


def test_full_table_lets_nobody_through_unlimited(wire, limits):
    """Far more sources in debt than buckets: a newcomer still gets no more than a burst."""
    capacity = limits.limit(4, per="src")["capacity"]["keys"]
    sources = [f"10.{n >> 16 & 255}.{n >> 8 & 255}.{n & 255}" for n in range(1, 20001)]
    assert capacity < len(sources) / 4, "these do not fill it"
    for start in range(0, len(sources), 2000):
        wire.send([udp4(src=src) for src in sources[start:start + 2000] for _ in range(5)])
    for newcomer in ("192.0.2.1", "192.0.2.2", "192.0.2.3"):
        assert send_and_count(wire, [udp4(src=newcomer)] * 60) <= 4


def test_sources_that_came_back_before_a_flood_keep_all_of_their_burst(wire, limits):
    """Who paid its debt and returned keeps its own bucket, and not what others owe."""
    limits.limit(60, "1m", burst=20, per="src")
    good = [udp4(src=f"192.0.2.{n}", flow=1) for n in range(1, 21)]
    for _ in range(2):
        wire.send(good)
        time.sleep(1.2)
    others = [udp4(src=f"10.0.{n >> 8}.{n & 255}", flow=2) for n in range(8192)]
    with wire.tap(flow=1) as tap:
        with wire.flood(others):
            time.sleep(0.5)
        tap.settle()
        wire.send(good * 19)
        kept = tap.count(1)
    # A line keeps two, so one of these few may by chance have to share.
    assert kept >= 0.97 * 19 * len(good), f"{kept} passed"


def test_program_is_native(wire, guard):
    """Else the rows above would say nothing of the path that is fast."""
    assert wire.xdp()["mode"] == 1
