"""SIGHUP: settings are read again as a whole, put in force or named, and no request notices."""
# SPDX-License-Identifier: MIT
import http.client
import itertools
import json
import re
import signal
import socket
import threading
import time

import pytest
from conftest import BOOTSTRAP, CHECK_KEY, wait_for
from test_files import await_limits, write

WAIT_S = 10
LINE = "SIGHUP: settings"


class Service:
    """A server with a file of settings, which is changed and read again."""

    def __init__(self, start, tmp_path, text, *args, **options):
        self.file = tmp_path / "s.yaml"
        self.file.write_text(text)
        self.server = start("--config", self.file, *args, **options)
        self.client = self.server.client()

    def said(self):
        return [line for line in self.server.stderr().splitlines() if LINE in line]

    def reload(self, text=None):
        """The line that the log has about it."""
        if text is not None:
            self.file.write_text(text)
        before = len(self.said())
        self.server.signal(signal.SIGHUP)
        wait_for(lambda: len(self.said()) > before, self.server.stderr)
        return self.said()[-1]

    def state(self):
        return self.client.get("/readyz?verbose").json["settings"]

    def await_state(self, words):
        wait_for(lambda: words in self.state(), self.state)


@pytest.fixture
def service(start, tmp_path):
    made = []

    def make(text, *args, **options):
        made.append(Service(start, tmp_path, text, *args, **options))
        return made[-1]

    yield make
    for one in made:
        one.client.close()


def refused(client, key):
    return client.get(f"/api/check?key={key}").status == 503


def test_keys_max_is_in_force_at_once_and_live_keys_stay(service):
    one = service("keys_max: 2\n")
    one.client.make("*", limit=10, interval="1h")
    assert not refused(one.client, "a") and not refused(one.client, "b") and refused(one.client, "c")
    assert "keys_max changed" in one.reload("keys_max: 3\n")
    assert not refused(one.client, "c") and refused(one.client, "d")
    assert "sluice_keys_max 3\n" in one.client.get("/metrics").body.decode()
    assert "changed" not in one.reload()
    one.reload("keys_max: 1\n")
    assert not refused(one.client, "a") and not refused(one.client, "c") and refused(one.client, "d")
    assert one.state() == "ok"


def test_shorter_snapshot_interval_does_not_wait_for_the_end_of_the_longer(service):
    one = service("snapshot_interval: 1d\n")
    one.client.make("k", limit=10, interval="1h")
    one.client.check("k")
    path = one.server.data / "state.journal"
    assert not path.exists()
    one.reload("snapshot_interval: 100ms\n")
    wait_for(path.exists)


def seconds_open(port, sent):
    """How long the server lets a connection be that has sent this and nothing more."""
    with socket.create_connection(("127.0.0.1", port), timeout=WAIT_S) as sock:
        began = time.monotonic()
        sock.sendall(sent)
        while sock.recv(65536):
            pass
        return time.monotonic() - began


HEAD = f"POST /api/check HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer {CHECK_KEY}\r\n".encode()


@pytest.mark.parametrize("name, sent", [
    ("header_timeout", b"GET /livez HTTP/1.1\r\n"),
    ("body_timeout", HEAD + b"Content-Length: 9\r\n\r\n{"),
    ("idle_timeout", b"GET /livez HTTP/1.1\r\nHost: h\r\n\r\n"),
])
def test_timeouts_hold_for_what_begins_after(service, name, sent):
    one = service(f"{name}: 1h\n")
    one.reload(f"{name}: 200ms\n")
    assert 0.1 < seconds_open(one.server.port, sent) < 5


def test_limits_may_be_another_directory_or_none(service, tmp_path):
    for name, key in (("one", "a"), ("two", "b")):
        write(tmp_path / name, "x.yaml", f"key: {key}, limit: 5, interval: 1h")
    one = service(f"limits: {tmp_path}/one\n")
    await_limits(one.client, {"a": 5})
    one.reload(f"limits: {tmp_path}/two\n")
    await_limits(one.client, {"b": 5})
    write(tmp_path / "two", "x.yaml", "key: b, limit: 6, interval: 1h")
    await_limits(one.client, {"b": 6})
    # The former is left alone from now on.
    write(tmp_path / "one", "x.yaml", "key: a, limit: 7, interval: 1h")
    one.reload("keys_max: 5\n")
    await_limits(one.client, {})
    one.reload(f"limits: {tmp_path}/one\n")
    await_limits(one.client, {"a": 7})
    assert "changed" not in one.reload()


def test_directory_of_limits_that_is_wrong_leaves_the_former_limits(service, tmp_path):
    write(tmp_path / "one", "x.yaml", "key: a, limit: 5, interval: 1h")
    write(tmp_path / "two", "x.yaml", "key: b, limit: 0, interval: 1h")
    one = service(f"limits: {tmp_path}/one\n")
    one.reload(f"limits: {tmp_path}/two\n")
    one.server.said("x.yaml:2: limit: must be at least 1")
    await_limits(one.client, {"a": 5})
    write(tmp_path / "two", "x.yaml", "key: b, limit: 1, interval: 1h")
    await_limits(one.client, {"b": 1})


BROKEN = [
    ("keys_max: 9\nidle_timeout: soon\n", "s.yaml:2: idle_timeout: takes a time"),
    ("keys_max: 9\nkeys_maxx: 1\n", "s.yaml:2: keys_maxx: there is no such setting; did you mean 'keys_max'?"),
    ("keys_max: 9\nkeys_max: 9\n", "s.yaml:2: keys_max"),
    ("keys_max: 9\nbootstrap_key_file: /nonexistent\n", "bootstrap_key_file: cannot read /nonexistent"),
    ("keys_max: [9\n", "s.yaml:"),
    (None, "s.yaml: cannot be read: No such file"),
]


@pytest.mark.parametrize("text, words", BROKEN)
def test_file_with_anything_wrong_changes_nothing_and_says_why(service, text, words):
    one = service("keys_max: 2\n")
    if text is None:
        one.file.unlink()
    line = one.reload(text)
    said = " ".join(map(str, json.loads(line).values()))
    assert words in said and "stay as they were" in said
    assert one.client.get("/readyz").status == 200
    assert "the former are in force" in one.state()
    assert "sluice_keys_max 2\n" in one.client.get("/metrics").body.decode()
    assert "keys_max changed" in one.reload("keys_max: 4\n")
    assert one.state() == "ok"


def test_what_takes_a_restart_is_named_once_and_shown_until_it_is_put_back(service):
    one = service("keys_max: 2\n")
    one.reload("keys_max: 3\nhttp_threads: 3\npacket_memory: 32MiB\nbootstrap_email: other@example.org\n")
    wanted = "http_threads, packet_memory differ from the file; take a restart"
    one.await_state(wanted)
    assert one.server.said(wanted).count(wanted) == 1
    assert one.client.get("/readyz").status == 200
    one.reload("keys_max: 3\nhttp_threads: 3\n")
    one.await_state("http_threads differs from the file; takes a restart")
    one.reload("keys_max: 3\n")
    one.await_state("ok")


def test_stronger_sources_keep_their_precedence(service):
    one = service("keys_max: 2\nhttp_threads: 1\n", "--keys-max", 4,
                  env={**BOOTSTRAP, "SLUICE_HTTP_THREADS": "2"})
    assert "changed" not in one.reload("keys_max: 3\nhttp_threads: 3\nheader_timeout: 10s\n")
    assert one.state() == "ok"
    assert "sluice_keys_max 4\n" in one.client.get("/metrics").body.decode()


class Load(threading.Thread):
    """Checks on one connection until told to stop; notes whatever is not an answer."""

    def __init__(self, port, number, stop):
        super().__init__()
        self.port, self.key, self.ended = port, f"k{number}", stop
        self.admitted, self.wrong = 0, []

    def run(self):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        try:
            while not self.ended.is_set():
                connection.request("GET", f"/api/check?key={self.key}",
                                   headers={"Authorization": f"Bearer {CHECK_KEY}"})
                answer = connection.getresponse()
                body = json.loads(answer.read())
                if answer.status == 200 and body["allowed"] and body["limit"] == 1000000:
                    self.admitted += 1
                else:
                    self.wrong.append((answer.status, body))
        except (OSError, http.client.HTTPException) as error:
            self.wrong.append(repr(error))
        finally:
            connection.close()


def test_two_hundred_reloads_under_load_drop_no_request(service, tmp_path):
    """Good, broken and pending files in turn; also limits that come and go."""
    write(tmp_path / "one", "x.yaml", "key: 'k*', limit: 1000000, interval: 365d")
    write(tmp_path / "two", "x.yaml", "key: 'k*', limit: 1000000, interval: 365d", "key: other, limit: 1, interval: 1h")
    files = [f"keys_max: 1000\nidle_timeout: 61s\nlimits: {tmp_path}/one\n",
             f"keys_max: 5000\nheader_timeout: 9s\nsnapshot_interval: 100ms\nlimits: {tmp_path}/two\n",
             "keys_max: none\n", f"http_threads: 4\nbody_timeout: 31s\nlimits: {tmp_path}/one\n", "limits: [\n"]
    one = service(files[0])
    before = one.client.get("/metrics").body.decode()
    stop = threading.Event()
    loads = [Load(one.server.port, number, stop) for number in range(3)]
    for load in loads:
        load.start()
    try:
        for text in itertools.islice(itertools.cycle(files), 200):
            one.reload(text)
    finally:
        stop.set()
        for load in loads:
            load.join()
    assert not any(load.wrong for load in loads), [load.wrong[:3] for load in loads]
    assert len(one.said()) == 200 and sum("stay as they were" in line for line in one.said()) == 80
    for load in loads:
        assert load.admitted > 100
        assert one.client.check(load.key, peek=1)["remaining"] == 1000000 - load.admitted
    opened = r"^process_open_fds (\d+)$"
    after = one.client.get("/metrics").body.decode()
    assert int(re.search(opened, after, re.M)[1]) <= int(re.search(opened, before, re.M)[1]) + len(loads)
