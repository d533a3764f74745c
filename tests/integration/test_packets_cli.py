"""Packet limits and their interfaces from the command line."""
# SPDX-License-Identifier: MIT
import re

import pytest
from cli import Cli, fields
from frames import sized, udp4
from guard import send_and_count
from stream import Stream


def test_packet_limit_from_the_command_line(limits):
    cli = Cli(limits.server.url)
    out = cli.ok("limit", "add", "--packet", "--proto", "udp", "--dst-port", "53", "--dst-port",
                 "5300-5400", "--per", "src", "--limit", "100", "--interval", "1s", "--unit", "bytes",
                 "--burst", "20000", "--dst", "192.0.2.0/24,2001:db8::/32", "--mode", "shadow")
    shown = fields(out)
    assert shown["packets"] == \
        "proto udp dst-port 53,5300-5400 dst 192.0.2.0/24,2001:db8::/32 per src"
    assert shown["limit"] == "100 bytes per 1s" and int(shown["buckets"]) > 0
    limit = shown["id"]
    # What is not typed of the match stays.
    got = cli.json("limit", "set", limit, "--dst-port", "443", "--proto", "")
    assert got["match"] == {"dst_port": 443, "dst": ["192.0.2.0/24", "2001:db8::/32"]}
    cli.ok("limit", "set", limit, "--limit", "200")
    assert cli.json("limit", "show", limit)["match"] == got["match"]
    line = cli.ok("limit", "list").splitlines()[1]
    assert re.match(rf"{limit}  200/1s  bytes +shadow  dst-port 443 ", line), line
    assert "KEY: " in cli.error("limit", "reset", limit, "x")
    cli.ok("limit", "reset", limit)
    cli.ok("limit", "rm", limit)


def test_status_shows_interfaces_and_counters(limits, wire):
    cli = Cli(limits.server.url)
    limits.limit(5)
    out = cli.ok("status")
    assert fields(out.split("\n\n")[0])["packets"] == "on"
    assert "of packets 1, of those in force 1 (at most 64)" in out
    assert re.search(rf"^{wire.near} +(native|generic)", out, re.MULTILINE), out
    assert re.search(r"^refused +\d+$", out, re.MULTILINE), out
    got = cli.json("status")
    assert got["readyz"]["status"] == "ok" and got["limits"] == 1
    assert got["packets"]["interfaces"][0]["name"] == wire.near


def test_events_and_top_show_rates_of_packets(limits, wire):
    limit = limits.limit(1, burst=20, match={"dst_port": 53}, name="dns")
    names = ("allowed_per_s", "denied_per_s", "allowed_bytes_per_s", "denied_bytes_per_s")
    seen, refused = dict.fromkeys(names, 0), 0
    with Stream(limits.server.port, "?only=rates") as stream:
        stream.next("rates")
        assert send_and_count(wire, [sized(udp4, 500, dst_port=53)] * 60) == 20
        while round(seen["allowed_per_s"] + seen["denied_per_s"]) < 60:
            rates = stream.next("rates")
            (row,) = rates["limits"]
            assert row["match"] == {"dst_port": 53} and "key" not in row and "keys" not in row
            for name in names:
                seen[name] += row[name] * rates["seconds"]
            refused += rates["packets"]["refused_per_s"] * rates["seconds"]
    assert [round(seen[name]) for name in names[:2]] == [20, 40] and round(refused) == 40
    assert [seen[name] for name in names[2:]] == [pytest.approx(n, abs=20) for n in (10000, 20000)]
    out = Cli(limits.server.url).ok("top", "--once")
    assert re.search(r"^packets/s  \S+ passed  \S+ admitted  \S+ refused  keys live \d", out,
                     re.MULTILINE)
    # Whose packets they are is not known yet.
    assert re.search(r"^dns  dst-port 53  .* 1/1h .* 0 +0\n  -$", out, re.MULTILINE), out
    limits.remove(limit)
