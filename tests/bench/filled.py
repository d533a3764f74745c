"""A data directory with a million live keys under ten thousand limits, and one more over them all."""
# SPDX-License-Identifier: MIT

import json
import os
import time

from client import HEADERS, TOKEN, Connection, in_parallel
from process import Server, free_port

KEYS = 1000000
LIMITS = 10000
BATCH = 500
CLIENTS = 16
# Each key falls under two limits; its first seven digits of eleven name one of ten thousand.
BROAD = "key:*"
SPENT = "spent"  # has consumed all that its limit allows


def server(binary, folder, interval="1d"):
    port = free_port()
    argv = [binary, "serve", "--listen", f"127.0.0.1:{port}", "--data", folder, "--keys-max",
            str(2 * KEYS), "--snapshot-interval", interval]
    return Server("sluice", argv, port, {"SLUICE_BOOTSTRAP_KEY": TOKEN})


def make_limit(connection, pattern, limit=1000000):
    body = {"key": pattern, "limit": limit, "interval": "365d"}
    return connection.post("/api/limits", json.dumps(body))


def make_narrow_limit(connection, i):
    make_limit(connection, f"key:{i:07d}*")


def check_keys(connection, batch):
    checks = [{"key": f"key:{n:011d}"} for n in range(batch * BATCH, (batch + 1) * BATCH)]
    connection.post("/api/check", json.dumps({"checks": checks}))


def time_limits(port, clients):
    """Seconds until so many clients have made all limits."""
    began = time.monotonic()
    in_parallel(port, clients, LIMITS, make_narrow_limit)
    return time.monotonic() - began


def fill(sluice):
    """Returns the broad limit's id and how long the others took to make."""
    with Connection(sluice.port) as connection:
        broad = json.loads(make_limit(connection, BROAD))["id"]
        make_limit(connection, SPENT, 1)
        connection.post("/api/check", json.dumps({"key": SPENT}))
    seconds = time_limits(sluice.port, CLIENTS)
    in_parallel(sluice.port, CLIENTS, KEYS // BATCH, check_keys)
    return broad, seconds


def limit_rows(binary, folder, concurrent_s):
    """Limits over the API: one after the other on one connection, beside what filling took."""
    with server(binary, os.path.join(folder, "sequential")) as sluice:
        sluice.wait_until("/livez")
        sequential_s = time_limits(sluice.port, 1)
        last = f"/api/check?key=key:{LIMITS - 1:07d}0000"
        if len(json.loads(sluice.get(last, HEADERS))["limits"]) != 1:
            raise RuntimeError("the last limit that was made is not in force")
    return [
        {"name": "limits_sequential", "value": sequential_s, "unit": "s"},
        {"name": "limits_concurrent", "value": concurrent_s, "unit": "s"},
    ]
