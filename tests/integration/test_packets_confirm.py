"""Limits of packets that are refused, and those that are taken back unless confirmed."""
# SPDX-License-Identifier: MIT
import time

import pytest
from conftest import wait_for
from frames import udp4
from guard import send_and_count

SENT = 30


def passing(wire, **fields):
    return send_and_count(wire, [udp4(**fields)] * SENT)


@pytest.mark.parametrize("body,field", [
    ({"match": {"dst": "198.51.100.0/33"}}, "match.dst"),
    ({"match": {"dst": "198.51.100.1/24"}}, "match.dst"),
    ({"match": {"src": ["192.0.2.0/24", "nobody"]}}, "match.src[1]"),
    ({"match": {"proto": 256}}, "match.proto"), ({"match": {"proto": "tpc"}}, "match.proto"),
    ({"match": {"dst_port": 65536}}, "match.dst_port"),
    ({"match": {"dst_port": "2000-1000"}}, "match.dst_port"),
    ({"match": {"dst_prot": 53}}, "match.dst_prot"), ({"match": []}, "match"),
    ({"per": "port"}, "per"), ({"per": "src/33"}, "per"), ({"per": ["src", "dst"]}, "per"),
    ({"unit": "requests"}, "unit"), ({"key": "user1"}, "key"), ({"confirm": "1ms"}, "confirm"),
])
def test_wrong_limit_is_refused_naming_the_field(limits, body, field):
    answer = limits.ask(5, **body)
    assert answer.status == 400, answer
    assert answer.json["field"] == field and field in answer.json["detail"], answer


@pytest.mark.parametrize("algorithm", ["fixed_window", "sliding_window"])
def test_other_algorithms_cannot_be_had_at_the_nic(limits, algorithm):
    answer = limits.ask(5, algorithm=algorithm)
    assert answer.status == 422 and "token_bucket" in answer.json["detail"], answer


def test_match_belongs_to_packets_only(limits):
    answer = limits.client.post("/api/limits", {"key": "k", "limit": 1, "interval": "1s",
                                                "match": {"dst_port": 53}})
    assert answer.status == 400 and answer.json["field"] == "match", answer


def test_equal_limit_is_refused_with_the_first_one(limits):
    first = limits.limit(5, match={"dst": ["198.51.100.0/24"], "proto": "udp"})
    answer = limits.ask(7, match={"proto": 17, "dst": "198.51.100.0/24"})
    assert answer.status == 409 and answer.json["existing_id"] == first["id"], answer


def test_more_limits_than_there_are_slots_are_refused(wire, limits):
    made = [limits.limit(5, match={"dst_port": 1000 + n}) for n in range(64)]
    answer = limits.ask(5, match={"dst_port": 2000})
    assert answer.status == 409 and "64" in answer.json["detail"], answer
    assert passing(wire, dst_port=1063) == 5 and passing(wire, dst_port=2000) == SENT
    limits.remove(made[0])
    limits.limit(5, match={"dst_port": 2000})
    assert passing(wire, dst_port=2000) == 5 and passing(wire, dst_port=1000) == SENT


def test_more_limits_than_one_packet_may_match_are_refused(wire, limits):
    made = [limits.limit(100, match={"dst_port": f"9-{1000 + n}"}) for n in range(16)]
    answer = limits.ask(5, match={"src": "192.0.2.0/24"})
    assert answer.status == 409 and "16" in answer.json["detail"], answer
    limits.limit(5, match={"dst_port": 8})
    assert passing(wire, dst_port=8) == 5 and passing(wire) == SENT
    answer = limits.client.ask("PUT", f"/api/limits/{made[0]['id']}", {"mode": "shadow"})
    assert answer.status == 200, "shadows count as well, so this is no change of the number"
    assert limits.ask(5, match={"src": "192.0.2.0/24"}).status == 409
    limits.change(made[0], mode="off")
    limits.limit(5, match={"src": "192.0.2.0/24"})
    assert passing(wire) == 5
    answer = limits.client.ask("PUT", f"/api/limits/{made[0]['id']}", {"mode": "enforce"})
    assert answer.status == 409, "nor is a change a way around"


def test_created_limit_says_what_it_holds(limits):
    alone, each = limits.limit(5), limits.limit(1000, "1s", per="src")
    assert alone["capacity"]["keys"] == 1
    assert each["capacity"]["keys"] >= 320 and each["capacity"]["spoofed_pps"] > 0


def test_unconfirmed_limit_is_taken_back(wire, limits):
    limit = limits.limit(5, confirm="1s")
    made = time.monotonic()
    assert passing(wire) == 5 and passing(wire) == 0
    time.sleep(max(0, made + 1.05 - time.monotonic()))
    assert passing(wire) == SENT
    wait_for(lambda: limits.client.get(f"/api/limits/{limit['id']}").status == 404, "it is still there", 3)


def test_confirmed_limit_stays(wire, limits):
    limit = limits.limit(5, confirm="1s")
    answer = limits.client.post(f"/api/limits/{limit['id']}/confirm")
    assert answer.status in (200, 204), answer
    time.sleep(1.3)
    assert passing(wire) == 5
    assert limits.client.get(f"/api/limits/{limit['id']}").status == 200


def test_nic_lets_go_of_an_unconfirmed_limit_without_its_controller(wire, limits):
    limit = limits.limit(5, confirm="2s")
    made = time.monotonic()
    limits.kill()
    try:
        assert passing(wire) == 5 and passing(wire) == 0
        time.sleep(max(0, made + 2.05 - time.monotonic()))
        assert passing(wire) == SENT
    finally:
        limits.start()
    assert passing(wire) == SENT
    wait_for(lambda: limits.client.get(f"/api/limits/{limit['id']}").status == 404, "it came back to life", 3)


def test_confirm_of_what_is_not_there_or_needs_none(limits):
    assert limits.client.post("/api/limits/lim_00000000000000000000/confirm").status == 404
    limit = limits.limit(5)
    assert limits.client.post(f"/api/limits/{limit['id']}/confirm").status in (200, 204, 409)
