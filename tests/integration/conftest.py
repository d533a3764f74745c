"""Starts the real binary ($SLUICE_BIN) on a free port and talks to it."""
# SPDX-License-Identifier: MIT
import http.client
import importlib
import json
import os
import pathlib
import re
import select
import signal
import socket
import subprocess
import time
import urllib.parse

import pytest

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
KEY = "admin-key-for-integration-tests"
CHECK_KEY = "check-key-for-integration-tests"
PASSWORD = "a-password-for-tests"
START_TIMEOUT_S = 30
STOP_TIMEOUT_S = 5


def binary():
    return os.path.abspath(os.environ.get("SLUICE_BIN") or ROOT / "build" / "sluice")


def command(*args, executable=None):
    """The binary's argv; clang 14's sanitizers cannot place their shadow under full randomization."""
    prefix = ["setarch", "-R"] if "/asan/" in binary() or "/tsan/" in binary() else []
    return [*prefix, str(executable or binary()), *map(str, args)]


def environment(**more):
    env = {k: v for k, v in os.environ.items() if not k.startswith("SLUICE_BOOTSTRAP")}
    return {**env, **more}


BOOTSTRAP = {"SLUICE_BOOTSTRAP_KEY": KEY, "SLUICE_BOOTSTRAP_CHECK_KEY": CHECK_KEY,
             "SLUICE_BOOTSTRAP_PASSWORD": PASSWORD}


def wait_for(condition, about=None, timeout_s=10):
    """What the condition gives once that is true; `about`, perhaps called, tells of waiting in vain."""
    deadline = time.monotonic() + timeout_s
    while not (got := condition()):
        assert time.monotonic() < deadline, about() if callable(about) else about
        time.sleep(0.01)
    return got


class Answer:
    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    @property
    def json(self):
        return json.loads(self.body)

    def header(self, name):
        """The one value of a header, or None."""
        values = [v for n, v in self.headers if n.lower() == name.lower()]
        assert len(values) <= 1, f"{name} is there {len(values)} times"
        return values[0] if values else None

    def __repr__(self):
        return f"<{self.status} {self.body[:300]!r}>"


class Client:
    """One connection that asks with one key, over TLS if there is an ssl.SSLContext."""

    def __init__(self, port, key=KEY, tls=None):
        self.key = key
        self.connection = (
            http.client.HTTPSConnection("127.0.0.1", port, timeout=20, context=tls) if tls else
            http.client.HTTPConnection("127.0.0.1", port, timeout=20))

    def ask(self, method, target, body=None, headers=None):
        headers = dict(headers or {})
        if self.key is not None and "Authorization" not in headers:
            headers["Authorization"] = f"Bearer {self.key}"
        if body is not None and not isinstance(body, (bytes, str)):
            body = json.dumps(body)
        if isinstance(body, str):
            body = body.encode()
        self.connection.request(method, target, body=body, headers=headers)
        got = self.connection.getresponse()
        return Answer(got.status, got.getheaders(), got.read())

    def get(self, target, **options):
        return self.ask("GET", target, **options)

    def post(self, target, body=None, **options):
        return self.ask("POST", target, body, **options)

    def check(self, key, **parameters):
        return self.get("/api/check?" + urllib.parse.urlencode({"key": key, **parameters})).json

    def make(self, key, limit=10, interval="1m", **more):
        """Creates a limit and returns it."""
        answer = self.post("/api/limits", {"key": key, "limit": limit, "interval": interval, **more})
        assert answer.status == 201, answer
        return answer.json

    def close(self):
        self.connection.close()


class Server:
    """A running server; stop() asserts that it ended well."""

    def __init__(self, data, *args, env=None, listen="127.0.0.1:0", prefix=(), executable=None,
                 stderr=None):
        self.data = pathlib.Path(data)
        self.errors = open(f"{data}.err", "ab")
        env = environment(**(BOOTSTRAP if env is None else env))
        # Never the pins of a service that this machine may run.
        pins = () if "--pin-dir" in args else ("--pin-dir", f"{data}.pins")
        # A group of its own, and no group kill: what we started is one process.
        self.process = subprocess.Popen(
            [*prefix, *command("serve", "--listen", listen, "--data", data, *pins, *args,
                               executable=executable)], env=env,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=stderr or self.errors)
        self.port = self._read_port()

    def _read_port(self):
        ready, _, _ = select.select([self.process.stdout], [], [], START_TIMEOUT_S)
        line = self.process.stdout.readline().decode() if ready else ""
        found = re.fullmatch(r"sluice: listening on (https?)://\S+:(\d+)\n", line)
        if not found:
            self.kill()
            raise AssertionError(f"no ready line but {line!r}: {self.stderr()}")
        self.scheme = found.group(1)
        return int(found.group(2))

    def read_metrics_port(self):
        """Of --metrics-listen, whose line follows the first."""
        line = self.process.stdout.readline().decode()
        return int(re.fullmatch(r"sluice: metrics on https?://\S+:(\d+)/metrics\n", line)[1])

    @property
    def url(self):
        return f"{self.scheme}://127.0.0.1:{self.port}"

    def stderr(self):
        # By a descriptor of our own: what the server writes moves the offset that is shared with it.
        return pathlib.Path(self.errors.name).read_text("utf-8", "replace")

    def said(self, words):
        """The log once it has these words: its lines are written a moment after what they tell of."""
        return wait_for(lambda: words in (text := self.stderr()) and text,
                        lambda: f"no '{words}' in {self.stderr()}")

    def client(self, key=KEY):
        return Client(self.port, key)

    def signal(self, number=signal.SIGTERM):
        self.process.send_signal(number)

    def finish(self):
        """Waits for the end that a signal asked for."""
        started = time.monotonic()
        try:
            status = self.process.wait(STOP_TIMEOUT_S + 5)
        finally:
            self.kill()
        took = time.monotonic() - started
        said = self.stderr()
        assert "Sanitizer" not in said and "runtime error" not in said, said
        assert status == 0, f"exit status {status}: {said}"
        assert took < STOP_TIMEOUT_S, f"took {took:.1f} s to stop"

    def stop(self):
        if self.process.returncode is None:
            self.signal()
            self.finish()

    def kill(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self.process.stdout.close()
        self.errors.close()


@pytest.fixture
def start(tmp_path):
    """Starts servers that are stopped, and must end well, when the test is over."""
    running = []

    def start_one(*args, data=None, **options):
        server = Server(data or tmp_path / f"data{len(running)}", *args, **options)
        running.append(server)
        return server

    yield start_one
    try:
        for server in running:
            server.stop()
    finally:
        for server in running:
            server.kill()


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """One server per file, whose clock stands still."""
    one = Server(tmp_path_factory.mktemp("server") / "data", "--test-clock")
    try:
        yield one
        one.stop()
    finally:
        one.kill()


@pytest.fixture
def client(server):
    one = server.client()
    yield one
    one.close()


def advance(client, ms):
    answer = client.post("/test/clock", {"advance_ms": ms})
    assert answer.status == 200, answer
    return answer.json["now_ms"]


def read_to_end(sock, timeout_s=10):
    """Everything up to the peer's end; a reset after the answer is an end as well."""
    sock.settimeout(timeout_s)
    got = b""
    try:
        while chunk := sock.recv(65536):
            got += chunk
    except ConnectionResetError:
        pass
    return got


def exchange(port, raw, timeout_s=10):
    """Sends bytes on a connection of their own and reads until the server ends it."""
    with socket.create_connection(("127.0.0.1", port), timeout=timeout_s) as sock:
        try:
            sock.sendall(raw)
        except (BrokenPipeError, ConnectionResetError):
            pass
        return read_to_end(sock, timeout_s)


@pytest.fixture
def root():
    if os.geteuid() != 0:
        pytest.skip("it takes root: run `sudo make check`")


@pytest.fixture
def small_disk(root, tmp_path):
    """An empty file system of 4 MiB, in memory, which other processes of this machine see as well."""
    path = tmp_path / "small"
    path.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m,mode=0700", "tmpfs", path], check=True)
    try:
        yield path
    finally:
        subprocess.run(["umount", path], check=True)


@pytest.fixture(scope="module")
def wire():
    """A veth pair whose near end is in the namespace that this file's tests run in."""
    if os.geteuid() != 0:
        pytest.skip("a wire needs root: run `sudo make check`")
    wires = importlib.import_module("wire")
    home = wires.Namespace()
    wires.hide_mounts()
    wires.Namespace.make().close()
    try:
        yield wires.Wire()
    finally:
        home.enter()
        home.close()


@pytest.fixture(scope="module")
def guard_options():
    """Of the server that guards the wire; files that want others say so."""
    return ()


@pytest.fixture(scope="module")
def guard(wire, tmp_path_factory, guard_options):
    """One server per file that guards the wire."""
    folder = tmp_path_factory.mktemp("guard")
    one = importlib.import_module("guard").Guard(wire, folder, *guard_options)
    try:
        one.start()
        yield one
    finally:
        one.close()


@pytest.fixture
def limits(guard):
    """The server of the file, without the limits of the test once it is over."""
    yield guard
    guard.remove_all()
