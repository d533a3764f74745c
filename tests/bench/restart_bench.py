"""A stop and a start with a million keys under ten thousand limits, and checks beside snapshots."""
# SPDX-License-Identifier: MIT

import json
import os
import re
import statistics
import subprocess
import time

from client import AUTHORIZATION, HEADERS
from filled import KEYS, SPENT, server

STARTS = 5
LOAD_SECONDS = 5
PAIRS = 3
# Random keys among the million; each falls under two limits.
SCRIPT = """
local n = 0
request = function()
  n = n + 1
  local key = string.format("%%011d", (n * 7919) %% %d)
  return wrk.format("GET", "/api/check?key=key:" .. key, {["Authorization"] = "%s"})
end
""" % (KEYS, AUTHORIZATION)


def time_start(sluice):
    """Until what a key consumed before refuses it, and the last one of all is known as well."""
    began = time.monotonic()
    path = f"/api/check?peek=1&key=key:{KEYS - 1:011d}"
    with sluice:
        while "listening on" not in (line := sluice.process.stdout.readline()):
            if not line:
                raise RuntimeError("the server did not start again")
        spent = json.loads(sluice.get(f"/api/check?key={SPENT}", HEADERS))
        answer = json.loads(sluice.get(path, HEADERS))
        took = time.monotonic() - began
        if spent["allowed"] or len(answer["limits"]) != 2 or answer["remaining"] >= 1000000:
            raise RuntimeError(f"a start forgot what was consumed: {spent}, {answer}")
        # Something to write at the stop.
        sluice.get("/api/check?key=key:stop", HEADERS)
        began = time.monotonic()
    return took, time.monotonic() - began


def p99_ms(sluice, folder):
    script = os.path.join(folder, "keys.lua")
    with open(script, "w", encoding="ascii") as file:
        file.write(SCRIPT)
    with sluice:
        sluice.wait_until("/livez")
        said = subprocess.run(
            ["wrk", "-t1", "-c16", f"-d{LOAD_SECONDS}s", "--latency", "-s", script,
             f"http://127.0.0.1:{sluice.port}"],
            capture_output=True, text=True, check=True).stdout
    number, unit = re.search(r"99%\s+([\d.]+)(us|ms|s)", said).groups()
    return float(number) * {"us": 0.001, "ms": 1, "s": 1000}[unit]


def measure(binary, folder, data):
    """Rows of a directory that filled.fill() has filled."""
    times = [time_start(server(binary, data)) for _ in range(STARTS)]
    # In turn, so that both see the same machine.
    pairs = [(p99_ms(server(binary, data, "2s"), folder), p99_ms(server(binary, data), folder))
             for _ in range(PAIRS)]
    with_ms, without_ms = (statistics.median(column) for column in zip(*pairs))
    return [
        {"name": "restart_start", "value": statistics.median(t[0] for t in times), "unit": "s"},
        {"name": "restart_stop", "value": statistics.median(t[1] for t in times), "unit": "s"},
        {"name": "snapshot_p99", "value": with_ms, "unit": "ms"},
        {"name": "snapshot_p99_without", "value": without_ms, "unit": "ms"},
    ]
