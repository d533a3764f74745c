"""The packet path without its controller: killed, stopped, started again, interfaces that go."""
# SPDX-License-Identifier: MIT
import os
import time

import pytest
from frames import udp4
from guard import Guard, send_and_count, within


@pytest.fixture
def fresh(wire, tmp_path):
    """Guards with directories of their own; nothing of them is left."""
    made = []

    def make(*args, start=True):
        folder = tmp_path / f"guard{len(made)}"
        folder.mkdir()
        made.append(Guard(wire, folder, *args))
        if start:
            made[-1].start()
        return made[-1]

    yield make
    for guard in made:
        guard.close()


def files_below(folder):
    return [os.path.join(where, file) for where, _, files in os.walk(folder) for file in files]


def program(wire):
    """The one program on the wire, by its kernel's number."""
    xdp = wire.xdp()
    assert xdp["mode"] == 1 and len(xdp["attached"]) == 1, f"not one native program: {xdp}"
    return xdp["prog"]["id"]


def test_killed_in_a_flood_and_started_again_the_limit_holds(wire, fresh):
    """One bound over the whole time: alive, dead and alive again."""
    rate, burst = 2000, 1000
    guard = fresh()
    limit = guard.limit(rate, "1s", burst=burst, per="src")
    with wire.tap() as tap:
        with wire.flood([udp4()]) as flood:
            time.sleep(0.7)
            before = guard.stats(limit)
            guard.kill()
            time.sleep(0.7)
            guard.start()
            after = guard.stats(limit)
            time.sleep(0.7)
        tap.settle()
    within(tap.times[0], flood, rate, burst)
    for count, value in before.items():
        assert after[count] > value, f"{count} went on while nobody looked"
    assert guard.stats(limit)["allowed"] == len(tap.times[0])


@pytest.mark.parametrize("end", ["kill", "stop"])
def test_ended_and_started_again_it_adopts_what_is_there(wire, fresh, end):
    guard = fresh()
    limit = guard.limit(10, per="src")
    assert send_and_count(wire, [udp4()] * 60) == 10
    before, stats, pins = program(wire), guard.stats(limit), sorted(files_below(guard.pins))
    server = guard.server
    getattr(guard, end)()
    assert ("packets go on being limited" in server.stderr()) == (end == "stop")
    assert send_and_count(wire, [udp4()] * 60) == 0, "enforced without a controller"
    assert send_and_count(wire, [udp4(src="192.0.2.9")] * 60) == 10, "and for newcomers"
    assert program(wire) == before
    guard.start()
    assert send_and_count(wire, [udp4()] * 60) == 0, "its debt was forgotten"
    assert send_and_count(wire, [udp4(src="192.0.2.9")] * 60) == 0
    program(wire)
    assert sorted(files_below(guard.pins)) == pins
    assert guard.stats(limit)["allowed"] == stats["allowed"] + 10
    assert guard.stats(limit)["denied"] == stats["denied"] + 60 + 50 + 60 + 60


def test_limit_removed_is_free_again_after_a_restart(wire, fresh):
    """Deleting right before a kill leaves nothing behind that the next controller would keep."""
    guard = fresh()
    limit, kept = guard.limit(5, match={"dst_port": 9}), guard.limit(20)
    assert send_and_count(wire, [udp4()] * 60) == 5
    guard.remove(limit)
    guard.kill()
    guard.start()
    assert send_and_count(wire, [udp4()] * 60) == 15
    assert guard.stats(kept)["allowed"] == 20


def test_twenty_kills_in_changes_leave_one_program_and_the_limit(wire, fresh):
    """Killed at any moment of a change, the next controller takes over what it finds."""
    guard = fresh()
    guard.limit(50, per="src")
    assert send_and_count(wire, [udp4()] * 60) == 50
    for n in range(20 if os.environ.get("SLUICE_LONG") else 6):
        body = {"scope": "packet", "match": {"dst_port": 1000 + n}, "limit": 5, "interval": "1h"}
        guard.client.connection.request(
            "POST", "/api/limits", body=str(body).replace("'", '"'),
            headers={"Authorization": f"Bearer {guard.client.key}"})
        time.sleep(0.001 * (n % 7))
        guard.kill()
        guard.start()
        program(wire)
        assert send_and_count(wire, [udp4()] * 10) == 0


def test_detach_on_exit_leaves_nothing(wire, fresh):
    guard = fresh("--detach-on-exit")
    guard.limit(5)
    assert send_and_count(wire, [udp4()] * 60) == 5
    guard.stop()
    assert wire.xdp() is None
    assert files_below(guard.pins) == []
    assert send_and_count(wire, [udp4()] * 60) == 60


def test_interface_replaced_while_down_is_guarded_again(wire, fresh):
    guard = fresh()
    guard.limit(5, per="src")
    assert send_and_count(wire, [udp4()] * 60) == 5
    guard.kill()
    wire.unplug()
    wire.plug()
    assert wire.xdp() is None
    guard.start()
    program(wire)
    assert send_and_count(wire, [udp4()] * 60) == 0, "the bucket outlived the interface"
    assert send_and_count(wire, [udp4(src="192.0.2.9")] * 60) == 5
    assert len([pin for pin in files_below(guard.pins) if "/links/" in pin]) == 1


def test_interface_replaced_while_up_is_guarded_again(wire, fresh):
    guard = fresh()
    guard.limit(5, per="src")
    assert send_and_count(wire, [udp4()] * 60) == 5
    wire.unplug()
    guard.wait_ready(503)
    wire.plug()
    guard.wait_ready()
    program(wire)
    assert send_and_count(wire, [udp4()] * 60) == 0


def test_ready_only_once_every_named_interface_enforces(wire, fresh):
    absent = type(wire)(near=f"sl{os.getpid()}m", far_space=wire.far_space)
    absent.unplug()
    guard = fresh("--iface", absent.near, start=False)
    guard.start(ready=False)
    answer = guard.wait_ready(503)
    assert absent.near in answer.body.decode(), "and says which"
    assert guard.client.get("/livez").status == 200
    guard.limit(5)
    assert send_and_count(wire, [udp4()] * 60) == 5, "the other one enforces meanwhile"
    absent.plug()
    try:
        guard.wait_ready()
        program(absent)
        assert send_and_count(absent, [udp4()] * 60) == 0, "and both share one bucket"
    finally:
        absent.unplug()


def test_second_controller_is_refused_and_changes_nothing(wire, fresh, tmp_path, start):
    """Two on the same pins would take each other's limits out."""
    guard = fresh()
    limit = guard.limit(5)
    for interface in (("--iface", wire.near), ()):
        other = start("--pin-dir", guard.pins, *interface)
        client = other.client()
        answer = client.post("/api/limits", {"scope": "packet", "limit": 9, "interval": "1s"})
        assert answer.status == 503 and str(guard.pins) in answer.json["detail"], answer
        assert client.get("/readyz").status == (503 if interface else 200)
        client.close()
        other.stop()
    assert send_and_count(wire, [udp4()] * 60) == 5
    assert guard.stats(limit)["denied"] == 55
    program(wire)
