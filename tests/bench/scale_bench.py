"""GET /api/check over a million live keys under ten thousand limits, beside one key under one limit."""
# SPDX-License-Identifier: MIT

import json
import os
import urllib.request

from client import HEADERS
from filled import KEYS, server
from http_bench import interleave, load, rows

PAIRS = 3
# Both sides' requests are made alike, a random number and all, so that wrk costs the same.
SCRIPT = """
local head = "GET /api/check?key="
local tail = " HTTP/1.1\\r\\nHost: bench\\r\\nAuthorization: "
local keys, one = %d, %s
init = function() tail = tail .. wrk.headers["Authorization"] .. "\\r\\n\\r\\n" end
request = function()
  local key = string.format("key:%%011d", math.random(0, keys - 1))
  return head .. (one or key) .. tail
end
"""


def write_script(folder, name, one):
    path = os.path.join(folder, name)
    with open(path, "w", encoding="ascii") as file:
        file.write(SCRIPT % (KEYS, one))
    return path


def ask_limits(sluice, key):
    return len(json.loads(sluice.get(f"/api/check?key={key}", HEADERS))["limits"])


def leave_one_limit_a_key(sluice, broad):
    request = sluice.request(f"/api/limits/{broad}", HEADERS)
    request.method = "DELETE"
    urllib.request.urlopen(request, timeout=30).close()


def measure(binary, folder, data, broad):
    """Rows of a filled directory, whose broad limit this removes."""
    many_script = write_script(folder, "many.lua", "nil")
    one_script = write_script(folder, "one.lua", '"key:one"')
    with server(binary, data) as many, server(binary, os.path.join(folder, "one")) as one:
        many.wait_until("/livez")
        one.wait_until("/livez")
        leave_one_limit_a_key(many, broad)
        body = {"key": "key:one", "limit": 1000000000, "interval": "365d"}
        one.get("/api/limits", HEADERS, json.dumps(body).encode())
        if ask_limits(many, f"key:{KEYS - 1:011d}") != 1 or ask_limits(one, "key:one") != 1:
            raise RuntimeError("a key is not under exactly one limit")
        load(many, many_script)
        load(one, one_script)
        runs = interleave(lambda: load(many, many_script), lambda: load(one, one_script), PAIRS)
    return list(rows(runs, "scale", "one_key"))
