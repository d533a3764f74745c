"""GET /api/check under load, beside nginx's limit_req answering a body of the same size."""
# SPDX-License-Identifier: MIT

import json
import os
import re
import shutil
import statistics
import subprocess
import tempfile

from client import AUTHORIZATION, TOKEN
from process import Server, free_port

CONNECTIONS = 64
# Half the CPUs make the load and half are left for the server: with more, both starve.
LOAD_THREADS = max(1, (os.cpu_count() or 2) // 2)
PAIRS = 5
SECONDS = 4
EXACT_REQUESTS = 200000
PATH = "/api/check?key=user123"

# try_files hands over to @ok in a later phase: a plain `return` here would answer before
# limit_req ran. The rate is one that nginx's limiter admits in full.
NGINX_CONF = """
worker_processes {workers};
daemon off;
pid {dir}/nginx.pid;
error_log stderr crit;
events {{ worker_connections 4096; multi_accept on; }}
http {{
    access_log off;
    server_tokens off;
    log_not_found off;
    keepalive_requests 1000000000;
    open_file_cache max=100 inactive=1h;
    open_file_cache_valid 1h;
    client_body_temp_path {dir}/body;
    proxy_temp_path {dir}/proxy;
    fastcgi_temp_path {dir}/fastcgi;
    uwsgi_temp_path {dir}/uwsgi;
    scgi_temp_path {dir}/scgi;
    limit_req_zone $arg_key zone=checks:10m rate=1000000r/s;
    limit_req_zone $arg_key zone=slow:10m rate=1r/s;
    server {{
        listen 127.0.0.1:{port} backlog=4096 {reuseport};
        root {dir};
        location /api/check {{ limit_req zone=checks burst=1000000 nodelay; try_files "" @ok; }}
        location /slow {{ limit_req zone=slow; try_files "" @ok; }}
        location @ok {{ default_type application/json; return 200 '{body}'; }}
    }}
}}
"""


def start_sluice(binary, folder):
    port = free_port()
    argv = [binary, "serve", "--listen", f"127.0.0.1:{port}", "--data", folder]
    env = {"SLUICE_BOOTSTRAP_KEY": TOKEN}
    return Server("sluice", argv, port, env)


def start_nginx(folder, body, workers):
    port = free_port()
    conf = os.path.join(folder, f"nginx-{workers}.conf")
    with open(conf, "w") as f:
        f.write(
            NGINX_CONF.format(
                dir=folder,
                port=port,
                body=body,
                workers=workers,
                reuseport="" if workers == 1 else "reuseport",
            )
        )
    nginx = shutil.which("nginx", path="/usr/sbin:/usr/bin")
    argv = [nginx, "-p", folder, "-c", conf, "-e", "stderr"]
    if os.geteuid() == 0:
        argv += ["-g", "user root;"]
    return Server(f"nginx, {workers} workers", argv, port)


def milliseconds(text):
    number, unit = re.fullmatch(r"([\d.]+)(us|ms|s)", text).groups()
    return float(number) * {"us": 0.001, "ms": 1, "s": 1000}[unit]


def load(server, script=None):
    """One wrk run: requests per second, CPU microseconds per request, p99 in ms, answers.

    A script, given as its file, says what is asked for instead of PATH."""
    before = server.cpu_seconds()
    argv = ["wrk", f"-t{LOAD_THREADS}", f"-c{CONNECTIONS}", f"-d{SECONDS}s", "--latency"]
    argv += ["-s", script] if script else []
    argv += ["-H", f"Authorization: {AUTHORIZATION}", f"http://127.0.0.1:{server.port}{PATH}"]
    text = subprocess.run(argv, capture_output=True, text=True, check=True).stdout
    cpu = server.cpu_seconds() - before
    if "Non-2xx" in text or "Socket errors" in text:
        raise RuntimeError(f"{server.name}: not every answer was 2xx:\n{text}")
    answers = int(re.search(r"(\d+) requests in", text)[1])
    return {
        "rps": float(re.search(r"Requests/sec:\s+([\d.]+)", text)[1]),
        "cpu_us": cpu * 1e6 / answers,
        "p99_ms": milliseconds(re.search(r"^ +99% +(\S+)", text, re.MULTILINE)[1]),
        "answers": answers,
    }


def count_checks(sluice, limit_id):
    limit = json.loads(sluice.get(f"/api/limits/{limit_id}", {"Authorization": AUTHORIZATION}))
    return limit["stats"]["allowed"] + limit["stats"]["denied"]


def check_counts(sluice, limit_id, answers):
    """Stats against answers. wrk drops up to one request per connection when its time is over,
    so it brackets; a run with a fixed number of requests must agree exactly."""
    counted = count_checks(sluice, limit_id)
    if not answers <= counted <= answers + CONNECTIONS * 2 * (2 * PAIRS + 2):
        raise RuntimeError(f"sluice counted {counted} checks, wrk saw {answers} answers")
    argv = ["h2load", "--h1", "-n", str(EXACT_REQUESTS), "-c", str(CONNECTIONS)]
    argv += ["-H", f"Authorization: {AUTHORIZATION}", f"http://127.0.0.1:{sluice.port}{PATH}"]
    text = subprocess.run(argv, capture_output=True, text=True, check=True).stdout
    if f"{EXACT_REQUESTS} 2xx" not in text:
        raise RuntimeError(f"not every answer was 2xx:\n{text}")
    exact = count_checks(sluice, limit_id) - counted
    if exact != EXACT_REQUESTS:
        raise RuntimeError(f"{EXACT_REQUESTS} requests were sent, {exact} were counted")


def prove_limiter_runs(nginx):
    """nginx's limiter must be on the path that is measured: its slow twin refuses a second one."""
    nginx.get("/slow?key=a")
    try:
        nginx.get("/slow?key=a")
    except OSError:
        return
    raise RuntimeError("nginx answered without its limiter")


def interleave(ours, theirs, n):
    """n pairs of results of two runs taken in turn, their order alternating."""
    runs = []
    for i in range(n):
        first, second = (ours, theirs) if i % 2 == 0 else (theirs, ours)
        run = {first: first()}
        run[second] = second()
        runs.append((run[ours], run[theirs]))
    return runs


def pairs(sluice, nginx):
    """PAIRS interleaved runs of both after one uncounted run each."""
    load(nginx)
    answers = load(sluice)["answers"]
    runs = interleave(lambda: load(sluice), lambda: load(nginx), PAIRS)
    return runs, answers + sum(ours["answers"] for ours, _ in runs)


HTTP_FIGURES = (("rps", "req/s"), ("cpu_us", "us CPU/req"), ("p99_ms", "ms p99"))


def rows(runs, prefix, label, figures=HTTP_FIGURES):
    """Medians of both, and the median of the pairwise ratios, per figure."""
    for name, unit in figures:
        yield {
            "name": f"{prefix}_{name}_{label}",
            "value": statistics.median(ours[name] for ours, _ in runs),
            "peer": statistics.median(theirs[name] for _, theirs in runs),
            "ratio": statistics.median(ours[name] / theirs[name] for ours, theirs in runs),
            "unit": unit,
        }


def measure(binary):
    """All HTTP rows; RuntimeError when an answer or a count is wrong."""
    found = []
    with tempfile.TemporaryDirectory() as folder, start_sluice(binary, folder) as sluice:
        sluice.wait_until("/readyz")
        body = json.dumps({"key": "user123", "limit": 100000000, "interval": "1s"}).encode()
        headers = {"Authorization": AUTHORIZATION}
        limit_id = json.loads(sluice.get("/api/limits", headers, body))["id"]
        sample = sluice.get(PATH, headers)
        answers = 1
        for workers in ("auto", 1):
            with start_nginx(folder, sample, workers) as nginx:
                nginx.wait_until(PATH)
                prove_limiter_runs(nginx)
                runs, seen = pairs(sluice, nginx)
                answers += seen
                found += rows(runs, "http", f"nginx_{workers}")
        check_counts(sluice, limit_id, answers)
    return found
