"""/metrics: counts are what was sent, never go back, and say nothing of keys."""
# SPDX-License-Identifier: MIT
import re
import socket
import subprocess
import textwrap
import threading
import time

import pytest
from conftest import BOOTSTRAP, CHECK_KEY, KEY, ROOT, Client, command, environment, wait_for
from exposition import Scrape, parse, promtool

TIMED_EVERY = 16
OUTCOMES = ("allowed", "denied", "peeked", "invalid", "keys_max", "failed")


@pytest.fixture
def fresh(start):
    """A server that has counted nothing, with one loop."""
    server = start("--http-threads", "1", "--keys-max", "20")
    client = server.client()
    yield client
    client.close()


def checks(scrape):
    return {outcome: scrape.value("sluice_checks_total", outcome=outcome) for outcome in OUTCOMES}


def requests(scrape, method, path):
    return [scrape.value("sluice_http_requests_total", method=method, path=path, status=status)
            for status in ("2xx", "4xx", "5xx")]


def test_checks_are_counted_as_they_were_answered(fresh):
    fresh.make("user", limit=5, interval="1h")
    for _ in range(8):
        fresh.check("user")
    for _ in range(3):
        fresh.check("user", peek=1)
    fresh.post("/api/check", {"checks": [{"key": "user"}] * 4 + [{"key": "free"}] * 6})
    # Ten kilobytes: answered on a worker.
    fresh.post("/api/check", {"checks": [{"key": "user"}] * 400 + [{"key": "free"}] * 500})
    assert fresh.get("/api/check?key=").status == 400
    assert fresh.get("/api/check?key=user&deny_status=429").status == 429
    assert fresh.get("/api/check?key=user&nonsense=1").status == 400
    scrape = Scrape(fresh)
    assert checks(scrape) == {"allowed": 5 + 6 + 500, "denied": 3 + 4 + 400 + 1, "peeked": 3,
                              "invalid": 1, "keys_max": 0, "failed": 0}
    assert requests(scrape, "GET", "/api/check") == [11, 3, 0]
    assert requests(scrape, "POST", "/api/check") == [2, 0, 0]
    assert requests(scrape, "POST", "/api/limits") == [1, 0, 0]
    assert scrape.value("sluice_check_duration_seconds_count", door="http") == 1


def test_every_16th_check_is_timed(fresh):
    for i in range(3 * TIMED_EVERY + 1):
        assert fresh.get("/livez").status == 200
        fresh.check("x")
        count = Scrape(fresh).value("sluice_check_duration_seconds_count", door="http")
        assert count == i // TIMED_EVERY + 1


def test_keys_and_their_bound_show(fresh):
    fresh.make("u:*", limit=5, interval="1h")
    for i in range(30):
        fresh.get(f"/api/check?key=u:{i}")
    scrape = Scrape(fresh)
    assert scrape.value("sluice_keys") == scrape.value("sluice_keys_max") == 20
    assert scrape.value("sluice_buckets") == 20
    assert scrape.value("sluice_key_memory_bytes") > 0
    assert scrape.value("sluice_limits") == 1
    assert checks(scrape)["allowed"] == 20 and checks(scrape)["keys_max"] == 10
    assert requests(scrape, "GET", "/api/check") == [20, 0, 10]
    assert "u:" not in scrape.text


def test_requests_are_counted_by_row(fresh):
    made = fresh.make("a")
    assert fresh.get(f"/api/limits/{made['id']}").status == 200
    assert fresh.get("/api/limits/lim_none").status == 404
    assert fresh.get("/nothing/here").status == 404
    assert fresh.ask("PATCH", "/api/limits").status == 405
    assert fresh.get("/api/limits", headers={"Authorization": "Bearer wrong"}).status == 401
    assert fresh.ask("HEAD", "/metrics").status == 200
    scrape = Scrape(fresh)
    assert requests(scrape, "GET", "/api/limits/{id}") == [1, 1, 0]
    assert requests(scrape, "GET", "/api/limits") == [0, 1, 0]
    assert requests(scrape, "other", "other") == [0, 2, 0]
    assert requests(scrape, "GET", "/metrics") == [1, 0, 0]
    assert requests(Scrape(fresh), "GET", "/metrics") == [2, 0, 0]
    assert made["id"] not in scrape.text and "lim_none" not in scrape.text


def test_connections_show(fresh):
    assert Scrape(fresh).value("sluice_http_connections") == 1
    with socket.create_connection(("127.0.0.1", fresh.connection.port)) as sock:
        # One that is answered was let in before.
        sock.sendall(b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n")
        assert sock.recv(4096).startswith(b"HTTP/1.1 200")
        assert Scrape(fresh).value("sluice_http_connections") == 2


def test_state_and_process_show(fresh):
    scrape = Scrape(fresh)
    assert scrape.value("sluice_http_connections_max") == 4096
    assert scrape.value("sluice_http_memory_max_bytes") == 256 << 20
    assert scrape.value("sluice_http_displaced_total") == 0
    assert scrape.value("sluice_ready") == 1
    assert scrape.value("sluice_packets_on") == 0
    assert "sluice_packets_passed_total" not in scrape.families
    assert 1 << 20 < scrape.value("process_resident_memory_bytes") < 1 << 36
    assert 5 < scrape.value("process_open_fds") < scrape.value("process_max_fds")
    assert scrape.value("process_cpu_seconds_total") > 0
    assert abs(scrape.value("process_start_time_seconds") - time.time()) < 60


def test_metrics_needs_the_right_to_read_them(server):
    for key, status in ((None, 401), (CHECK_KEY, 403)):
        one = server.client(key)
        answer = one.get("/metrics")
        assert answer.status == status and b"sluice_" not in answer.body
        if status == 403:
            assert "metrics:read" in answer.json["detail"]
        one.close()


def test_metrics_takes_no_parameters(client):
    assert client.get("/metrics?x=1").status == 400
    assert client.post("/metrics", {}).status == 405


def test_promtool_finds_nothing_to_complain_of(client):
    client.make("promtool")
    client.check("promtool")
    assert promtool("metrics", text=Scrape(client).text) == ""


def test_documented_alerts_are_rules(tmp_path):
    text = (ROOT / "docs" / "metrics.md").read_text()
    block = re.search(r"^    groups:\n(?:    .*\n|\n)+", text, re.MULTILINE)[0]
    (tmp_path / "rules.yml").write_text(textwrap.dedent(block))
    assert f"{block.count('alert:')} rules found" in promtool("rules", tmp_path / "rules.yml")


@pytest.fixture
def alone(start):
    """A server whose metrics are answered on a port of their own; clients of both."""
    server = start("--metrics-listen", "127.0.0.1:0")
    clients = server.client(), Client(server.read_metrics_port(), key=None)
    yield clients
    for client in clients:
        client.close()


def test_own_listener_answers_metrics_without_a_key(alone):
    api, metrics = alone
    api.check("x")
    first = Scrape(metrics)
    assert checks(first)["allowed"] == 1
    assert metrics.ask("HEAD", "/metrics").status == 200
    assert requests(Scrape(metrics), "GET", "/metrics") == [2, 0, 0]
    assert Scrape(api).families.keys() == first.families.keys()


def test_own_listener_answers_nothing_else(alone):
    api, metrics = alone
    metrics.key = KEY
    for path in ("/", "/api/limits", "/api/check?key=a", "/readyz", "/metrics/", "/metricsx"):
        answer = metrics.get(path)
        assert answer.status == 404, answer
        assert answer.header("Content-Type") == "application/problem+json"
    answer = metrics.post("/metrics")
    assert answer.status == 405 and answer.header("Allow") == "GET, HEAD"
    assert metrics.get("/metrics?x=1").status == 400
    assert metrics.ask("GET", "/metrics", b"{}").status == 413
    scrape = Scrape(api)
    assert requests(scrape, "other", "other") == [0, 8, 0]
    assert requests(scrape, "GET", "/metrics") == [0, 1, 0]


def test_own_listener_goes_on_while_the_api_is_full(start):
    server = start("--metrics-listen", "127.0.0.1:0", prefix=("prlimit", "--nofile=200"))
    metrics = Client(server.read_metrics_port(), key=None)
    most = int(Scrape(metrics).value("sluice_http_connections_max"))
    held = [socket.create_connection(("127.0.0.1", server.port)) for _ in range(most + 20)]
    wait_for(lambda: Scrape(metrics).value("sluice_http_connections") >= most)
    # Those beyond took the places of others.
    wait_for(lambda: Scrape(metrics).value("sluice_http_displaced_total") >= 20)
    for sock in held:
        sock.close()
    metrics.close()


def test_own_listener_on_a_taken_port_says_which(tmp_path, server):
    done = subprocess.run(command("serve", "--listen", "127.0.0.1:0", "--data", tmp_path / "d",
                                  "--metrics-listen", f"127.0.0.1:{server.port}"),
                          env=environment(**BOOTSTRAP), capture_output=True, text=True, timeout=20)
    assert done.returncode == 2
    assert "--metrics-listen: cannot listen on this address" in done.stderr


class Load(threading.Thread):
    """Asks and changes limits until it is over."""

    def __init__(self, server, number):
        super().__init__(daemon=True)
        self.client, self.number = server.client(), number
        self.over, self.checks, self.error = threading.Event(), 0, None

    def run(self):
        try:
            while not self.over.is_set():
                self._round()
        except Exception as error:  # shown by the test
            self.error = error
        self.client.close()

    def _round(self):
        limit = self.client.make(f"load{self.number}", limit=7)
        for _ in range(20):
            self.client.check(f"load{self.number}")
            self.checks += 1
        assert self.client.ask("DELETE", f"/api/limits/{limit['id']}").status == 204


def test_counters_never_go_back_under_load_and_changes(start):
    server = start()
    loads = [Load(server, i) for i in range(4)]
    client = server.client()
    before = Scrape(client).counters()
    for load in loads:
        load.start()
    for _ in range(60):
        now = Scrape(client).counters()
        assert before.keys() <= now.keys()
        for key, value in before.items():
            assert now[key] >= value, f"{key} went from {value} to {now[key]}"
        before = now
    for load in loads:
        load.over.set()
        load.join()
        assert load.error is None, load.error
    counted = checks(Scrape(client))
    assert counted["allowed"] + counted["denied"] == sum(load.checks for load in loads) > 0
    client.close()


def test_parser_of_these_tests_refuses_what_is_wrong():
    good = '# HELP a_total b\n# TYPE a_total counter\na_total{x="1"} 1\n'
    parse(good)
    for bad in (good + 'a_total{x="1"} 2\n', good.replace('"1"', '"\\q"'), good[:-1],
                good.replace("# TYPE a_total counter\n", ""), good.replace("} 1", "} one"),
                good + "b 1\n", good.replace('x="1"', 'x="1",'), good + good):
        with pytest.raises((AssertionError, ValueError)):
            parse(bad)
