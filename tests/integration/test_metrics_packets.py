"""/metrics of packets: what was sent over a wire, counted once each; a restart goes on."""
# SPDX-License-Identifier: MIT
import time

from exposition import Scrape, promtool
from frames import ARP, eth, sized, udp4
from guard import send_and_count

SENT, SIZE, BURST = 60, 500, 25
NAME = 'all of "it" \\ é'
REASONS = ("passed", "admitted", "refused", "exempt", "busy")


def reasons(scrape):
    return [scrape.value(f"sluice_packets_{reason}_total") for reason in REASONS]


def of_limit(scrape, limit, figure):
    return [scrape.value(f"sluice_packet_limit_{figure}_total", id=limit["id"],
                         name=limit["name"] or "", verdict=verdict)
            for verdict in ("allowed", "denied")]


def test_packets_are_counted_as_they_were_sent(wire, limits):
    limit = limits.limit(1, burst=BURST, match={"dst_port": 53}, name=NAME)
    shadow = limits.limit(1, match={"dst_port": 54}, mode="shadow", name="")
    before = Scrape(limits.client)
    frames = [sized(udp4, SIZE, dst_port=53)] * SENT
    assert send_and_count(wire, frames) == BURST
    assert send_and_count(wire, [udp4(dst_port=54)] * SENT) == SENT
    assert send_and_count(wire, [udp4(dst_port=55)] * 7) == 7
    assert send_and_count(wire, [eth(ARP, bytes(28))] * 3) == 3
    scrape = Scrape(limits.client)
    assert of_limit(scrape, limit, "packets") == [BURST, SENT - BURST]
    assert of_limit(scrape, limit, "bytes") == [BURST * SIZE, (SENT - BURST) * SIZE]
    assert of_limit(scrape, shadow, "packets") == [1, SENT - 1]
    grown = [now - then for now, then in zip(reasons(scrape), reasons(before))]
    assert grown[1] + grown[0] == BURST + SENT + 7 and grown[0] >= 7
    assert grown[2:] == [SENT - BURST, 3, 0]
    for one, mode in ((limit, "enforce"), (shadow, "shadow")):
        assert scrape.value("sluice_packet_limit_info", id=one["id"], name=one["name"] or "",
                            mode=mode) == 1
        assert 0 <= scrape.value("sluice_packet_limit_full_ratio", id=one["id"],
                                 name=one["name"] or "") <= 1


def test_packets_are_timed_now_and_then(wire, limits):
    limits.limit(1, burst=BURST, match={"dst_port": 53})
    deadline = time.monotonic() + 10
    timed = 0
    while timed < 3 and time.monotonic() < deadline:
        send_and_count(wire, [udp4(dst_port=53)] * 5)
        scrape = Scrape(limits.client)
        timed = scrape.value("sluice_check_duration_seconds_count", door="xdp")
    assert timed >= 3
    assert 0 < scrape.value("sluice_check_duration_seconds_sum", door="xdp") < timed * 0.01


def test_limits_and_interface_show(wire, limits):
    limit = limits.limit(1, name="x")
    scrape = Scrape(limits.client)
    assert scrape.value("sluice_packets_on") == 1 and scrape.value("sluice_ready") == 1
    assert scrape.value("sluice_packet_limits") == 1
    assert scrape.value("sluice_packet_limits_in_force") == 1
    modes = [scrape.value("sluice_interface_info", interface=wire.near, mode=mode)
             for mode in ("native", "generic", "none")]
    assert modes == [1, None, None]
    limits.remove(limit)
    assert limit["id"] not in Scrape(limits.client).text


def test_full_memory_shows(wire, limits):
    """A limit without `per` has one bucket; in debt, all of its memory is."""
    limit = limits.limit(1, name="one")
    send_and_count(wire, [udp4()] * 10)
    assert Scrape(limits.client).value("sluice_packet_limit_full_ratio", id=limit["id"],
                                       name="one") == limits.client.get(
        f"/api/limits/{limit['id']}").json["capacity"]["full"]


def test_restart_goes_on_counting(wire, limits):
    limit = limits.limit(10, name="kept")
    send_and_count(wire, [udp4()] * 30)
    before = Scrape(limits.client)
    limits.kill()
    send_and_count(wire, [udp4()] * 5)
    limits.start()
    after = Scrape(limits.client)
    assert of_limit(before, limit, "packets") == [10, 20]
    assert of_limit(after, limit, "packets") == [10, 25]
    assert reasons(after)[2] == reasons(before)[2] + 5


def test_64_limits_are_all_there(wire, limits):
    made = [limits.limit(1, match={"dst_port": 1000 + i}, name=NAME + str(i)) for i in range(64)]
    scrape = Scrape(limits.client)
    for limit in made:
        assert of_limit(scrape, limit, "packets") == [0, 0]
    assert len(scrape.families["sluice_packet_limit_info"].samples) == 64
    assert promtool("metrics", text=scrape.text) == ""
