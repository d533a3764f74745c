"""The one server of a soak: started, stopped and killed again and again, always at the same place."""
# SPDX-License-Identifier: MIT
import contextlib
import http.client
import json
import os
import pathlib
import re
import signal
import socket
import threading
import time

from conftest import KEY, Client, Server

SNAPSHOT_INTERVAL_S = 2
# Ctrl-C is for the soak alone, so what it starts is in a session of its own; whoever kills the soak
# has then killed what would stay behind.
DIES_WITH_US = ("setpriv", "--pdeathsig", "KILL")
READY_S = 1
# Log lines that are graver than info and no fault of the server's, given what a soak does.
EXPECTED = re.compile(
    r"limits of files are not taken over"  # files.py writes a set that is wrong, now and then
)


def free_port():
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]


class Host:
    """Who asks it something finds out here whether a failure is the server's or a restart's."""

    def __init__(self, folder, record, wire=None):
        self.folder, self.record, self.wire = pathlib.Path(folder), record, wire
        self.limits, self.settings = self.folder / "limits.d", self.folder / "sluice.yaml"
        self.limits.mkdir()
        self.write_settings("60s")
        self.port = free_port()
        self.server = None
        self.lives = 0  # how often it was started
        self.up = threading.Event()  # ready, and nobody is about to end it
        self.outages = []  # [from, to] of time.monotonic(), the last one perhaps open
        self.read_to = 0  # of the log
        self.ending = threading.Lock()  # whoever holds it has nobody end the server

    def write_settings(self, idle_timeout):
        text = f"idle_timeout: {idle_timeout}\nlimits: {self.limits}\n"
        written = self.folder / "settings.new"
        written.write_text(text, "ascii")
        written.rename(self.settings)

    def arguments(self):
        args = ["--config", self.settings, "--snapshot-interval", f"{SNAPSHOT_INTERVAL_S}s",
                "--log-format", "json"]
        if self.wire:
            args += ["--iface", self.wire.near, "--pin-dir", self.folder / "bpf" / "pins"]
        return args

    def client(self):
        return Client(self.port, KEY)

    def start(self):
        """Until it is ready, which must not take long."""
        began = time.monotonic()
        self.server = Server(self.folder / "data", *self.arguments(), listen=f"127.0.0.1:{self.port}",
                             prefix=("setsid", *DIES_WITH_US))
        self.lives += 1
        while not self._is_ready():
            if time.monotonic() - began > 10 * READY_S:
                break
            time.sleep(0.005)
        took = time.monotonic() - began
        # The first start makes keys and a database; what others do with the CPUs is no fault of it.
        if took - self._queued() > READY_S and self.lives > 1:
            self.record.violation("ready within a second after a start", f"it took {took:.2f} s")
        self.record.done("start", took)
        if self.outages:
            self.outages[-1][1] = time.monotonic()
        self.up.set()

    def _is_ready(self):
        client = self.client()
        try:
            return client.get("/readyz").status == 200
        except (OSError, http.client.HTTPException):
            return False
        finally:
            client.close()

    def _queued(self):
        """Seconds that its main thread could have run and had no CPU to."""
        return int(self.proc("schedstat").split()[1]) / 1e9

    def begin_outage(self):
        """From here on nobody may count on it."""
        self.up.clear()
        self.outages.append([time.monotonic(), None])

    def kill(self):
        """SIGKILL; returns when it was sent, in ns."""
        self.begin_outage()
        sent_ns = time.monotonic_ns()
        self.server.process.send_signal(signal.SIGKILL)
        self.server.kill()
        return sent_ns

    def stop(self):
        """SIGTERM: it ends well, and soon."""
        self.begin_outage()
        began = time.monotonic()
        self.server.signal()
        try:
            self.server.finish()
        except AssertionError as error:
            self.record.violation("a clean end within 5 s of SIGTERM", str(error)[-500:])
        self.record.done("stop", time.monotonic() - began)

    def hang_up(self):
        """SIGHUP, to a server that surely heeds it."""
        if self.up.is_set():
            self.server.signal(signal.SIGHUP)

    def disturbed(self, since, until=None):
        """Whether any end or start of the server lies in that time."""
        until = until or time.monotonic()
        return not self.lives or any(
            begin <= until and (end is None or end >= since) for begin, end in list(self.outages))

    def longest_outage(self):
        return max((end - begin for begin, end in self.outages if end), default=0)

    def check_log(self):
        """New lines of its log: nothing graver than info but what a soak provokes itself."""
        with open(f"{self.folder / 'data'}.err", "rb") as file:
            file.seek(self.read_to)
            text = file.read()
        whole = text[:text.rfind(b"\n") + 1]
        self.read_to += len(whole)
        for line in whole.decode("utf-8", "replace").splitlines():
            if not self._is_fine(line):
                self.record.violation("no line of the log but expected ones", line)

    @staticmethod
    def _is_fine(line):
        try:
            said = json.loads(line)
            return said["level"] in ("info", "debug") or bool(EXPECTED.search(line))
        except (ValueError, KeyError, TypeError):
            return False

    def proc(self, name):
        with open(f"/proc/{self.server.process.pid}/{name}", encoding="ascii") as file:
            return file.read()

    def descriptors(self):
        """What each of them is: a path, or a kind and a number."""
        found = []
        with os.scandir(f"/proc/{self.server.process.pid}/fd") as folder:
            for one in folder:
                with contextlib.suppress(FileNotFoundError):  # closed since it was listed
                    found.append(os.readlink(one.path))
        return found
