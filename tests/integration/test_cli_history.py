"""`sluice audit` and `sluice usage` against a real server."""
# SPDX-License-Identifier: MIT
import re
import time

import pytest
from cli import Cli
from conftest import advance


@pytest.fixture
def cli(server):
    return Cli(server.url)


def test_audit_shows_who_did_what_to_what(cli):
    limit = cli.json("limit", "add", "audit:*", "--limit", "10", "--interval", "1m")["id"]
    cli.ok("limit", "set", limit, "--limit", "20", "--name", "twenty")
    cli.ok("limit", "reset", limit, "audit:\n1")
    cli.ok("limit", "reset", limit)
    cli.ok("limit", "rm", limit)
    lines = cli.ok("audit", "--object", limit).splitlines()
    assert re.fullmatch(r"TIME \(UTC\) +WHO +ACTION +OBJECT +CHANGE", lines[0])
    rows = [re.split(r" {2,}", line) for line in lines[1:]]
    assert [row[2:4] for row in rows] == [[f"limit.{action}", limit] for action in
                                          ("delete", "reset", "reset", "update", "create")]
    assert {row[1] for row in rows} == {"bootstr…"}
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", row[0]) for row in rows)
    assert all(len(line) <= 80 for line in lines)
    wide = cli.json("audit", "--object", limit)
    assert [e["action"] for e in wide["entries"]][-1] == "limit.create" and wide["next_cursor"] is None
    assert rows[1][4] == "all keys" and rows[2][4].startswith("audit")
    assert rows[3][4].startswith("limit")


def test_audit_takes_as_many_as_are_wanted(cli, client):
    for i in range(25):
        client.make(f"many{i}")
    assert len(cli.json("audit")["entries"]) == 20
    assert len(cli.json("audit", "-n", "3")["entries"]) == 3
    everything = cli.json("audit", "-n", "0")["entries"]
    assert len(everything) > 25
    assert cli.json("audit", "--count", "1000000")["entries"] == everything
    first = cli.json("audit", "--actor", "bootstrap", "-n", "0")["entries"]
    assert {e["actor"] for e in first} == {"bootstrap"}


def test_audit_since_takes_times_and_how_long_ago(cli, client):
    client.make("before")
    now = advance(client, 5000)
    limit = client.make("after")["id"]
    at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(now // 1000))
    for since in ("4s", at):
        assert [e["object"] for e in cli.json("audit", "--since", since)["entries"]] == [limit]
    assert "--since" in cli.error("audit", "--since", "yesterday")
    assert "--count" in cli.error("audit", "-n", "-1")


def test_usage_shows_what_was_asked(cli, client):
    client.make("used", limit=5)
    for _ in range(7):
        client.check("used")
    client.check("used", cost=-1)
    rows = cli.json("usage")["entries"]
    lines = cli.ok("usage").splitlines()
    assert re.fullmatch(r"FROM \(UTC\) +ALLOWED +DENIED +TOKENS +REFUNDED", lines[0])
    assert [line.split()[2:] for line in lines[1:]] == [
        [str(row[name]) for name in ("allowed", "denied", "tokens", "refunded")] for row in rows]
    assert (rows[-1]["allowed"], rows[-1]["denied"], rows[-1]["refunded"]) == (6, 2, 1)
    assert cli.json("usage", "--by", "day")["entries"][-1]["allowed"] == 6
    assert cli.json("usage", "--from", "2020-01-01", "--to", "2020-02-01")["entries"] == []
    assert "--by" in cli.error("usage", "--by", "week")
    assert "--to" in cli.error("usage", "--to", "soon")


def test_what_a_key_may_not_see_is_said(cli, server, client):
    made = client.post("/api/keys", {"name": "robot", "rights": ["check"]}).json
    robot = Cli(server.url, made["token"])
    assert "audit:read" in robot.error("audit")
    assert "usage:read" in robot.error("usage")
