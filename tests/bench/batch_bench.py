"""POST of 100 checks, beside Redis running a GCRA script by EVALSHA with 32 commands in flight."""
# SPDX-License-Identifier: MIT

import csv
import json
import os
import subprocess

from client import HEADERS
from http_bench import CONNECTIONS, LOAD_THREADS, interleave, load, rows, start_sluice
from process import Server

BATCH = 100
PIPELINE = 32
KEYS = 100000
PAIRS = 3
# As many as take Redis about four seconds here.
REDIS_CHECKS = 800000
LIMIT = 1000000  # tokens per second and burst, on both sides: everything passes, the dearer verdict

# The usual script: the key holds the theoretical arrival time in us. Answers as much as a check
# over HTTP does: allowed, remaining, retry after, reset after.
GCRA = """
local period_us, burst, cost = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local arrival = tonumber(redis.call('GET', KEYS[1])) or now
if arrival < now then arrival = now end
local ahead = arrival + period_us * cost - now
local room = period_us * burst
if ahead > room then return {0, 0, ahead - room, arrival - now} end
redis.call('SET', KEYS[1], now + ahead, 'PX', math.ceil(ahead / 1000))
return {1, math.floor((room - ahead) / period_us), 0, ahead}
"""

# The bodies are made before the clock starts: wrk then only sends them.
SCRIPT = """
local requests, n = {}, 0
init = function()
  wrk.headers["Content-Type"] = "application/json"
  for i = 1, 1000 do
    local checks = {}
    for j = 1, %d do checks[j] = string.format('{"key":"key:%%012d"}', math.random(0, %d - 1)) end
    local body = '{"checks":[' .. table.concat(checks, ",") .. ']}'
    requests[i] = wrk.format("POST", "/api/check", nil, body)
  end
end
request = function()
  n = n %% #requests + 1
  return requests[n]
end
""" % (BATCH, KEYS)


class Redis(Server):
    """A server of its own on a socket: no port, no file, no snapshot, no other client."""

    def __init__(self, folder):
        self.socket = os.path.join(folder, "redis.sock")
        super().__init__("redis", ["redis-server", "--port", "0", "--unixsocket", self.socket,
                                   "--save", "", "--appendonly", "no", "--dir", folder], None)

    def ask(self, *words):
        return subprocess.run(["redis-cli", "-s", self.socket, *words], capture_output=True,
                              text=True, check=True).stdout.split()

    def load_script(self):
        """Its name; the script must refuse, or it limits nothing."""
        while "eady to accept" not in (line := self.process.stdout.readline()):
            if not line:
                raise RuntimeError("redis-server did not start")
        sha = self.ask("script", "load", GCRA)[0]
        said = [self.ask("evalsha", sha, "1", "proof", "60000000", "1", "1")[0] for _ in range(2)]
        if said != ["1", "0"]:
            raise RuntimeError(f"the script in Redis answered {said}, not 1 and 0")
        return sha

    def load(self, sha):
        """One redis-benchmark run, figures as of http_bench.load()."""
        before = self.cpu_seconds()
        argv = ["redis-benchmark", "-s", self.socket, "-c", str(CONNECTIONS), "-P", str(PIPELINE),
                "-n", str(REDIS_CHECKS), "-r", str(KEYS), "--csv"]
        argv += ["--threads", str(LOAD_THREADS)] if LOAD_THREADS > 1 else []
        argv += ["evalsha", sha, "1", "key:__rand_int__", str(1000000 // LIMIT), str(LIMIT), "1"]
        said = subprocess.run(argv, capture_output=True, text=True, check=True).stdout
        row = next(csv.DictReader(said.splitlines()))
        cpu = self.cpu_seconds() - before
        return {"checks": float(row["rps"]), "cpu_us": cpu * 1e6 / REDIS_CHECKS}


def load_batches(sluice, script):
    run = load(sluice, script)
    return {"checks": run["rps"] * BATCH, "cpu_us": run["cpu_us"] / BATCH}


def prove_batch(sluice):
    checks = [{"key": f"key:{n:012d}"} for n in range(BATCH)]
    answer = sluice.get("/api/check", HEADERS, json.dumps({"checks": checks}).encode())
    results = json.loads(answer)["results"]
    if [r["key"] for r in results if r["allowed"] and len(r["limits"]) == 1] != [
            c["key"] for c in checks]:
        raise RuntimeError(f"a batch was not answered as it should be: {answer}")


def measure(binary, folder):
    script = os.path.join(folder, "batches.lua")
    with open(script, "w", encoding="ascii") as file:
        file.write(SCRIPT)
    with start_sluice(binary, os.path.join(folder, "batches")) as sluice, Redis(folder) as redis:
        sluice.wait_until("/readyz")
        body = {"key": "key:*", "limit": LIMIT, "interval": "1s"}
        sluice.get("/api/limits", HEADERS, json.dumps(body).encode())
        prove_batch(sluice)
        sha = redis.load_script()
        load_batches(sluice, script)
        redis.load(sha)
        runs = interleave(lambda: load_batches(sluice, script), lambda: redis.load(sha), PAIRS)
    return list(rows(runs, "batch", "redis", (("checks", "checks/s"), ("cpu_us", "us CPU/check"))))
