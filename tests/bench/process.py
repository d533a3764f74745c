"""Servers under measurement: started on private ports, watched for CPU time, stopped by pid."""
# SPDX-License-Identifier: MIT

import os
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request

TICKS = os.sysconf("SC_CLK_TCK")


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def family(pid):
    """The process and all that it forked."""
    with open(f"/proc/{pid}/task/{pid}/children") as f:
        children = [int(child) for child in f.read().split()]
    return [pid] + [p for child in children for p in family(child)]


class Server:
    """One server process; `with` stops it whatever happens."""

    def __init__(self, name, argv, port, env=None):
        self.name, self.argv, self.port, self.env = name, argv, port, env
        self.process = None

    def __enter__(self):
        self.process = subprocess.Popen(
            self.argv,
            env={**os.environ, **(self.env or {})},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        return self

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def wait_until(self, path, headers=None):
        """Until GET path answers 200; RuntimeError with the server's own words otherwise."""
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                raise RuntimeError(f"{self.name} ended: {self.process.stdout.read()}")
            try:
                self.get(path, headers)
                return
            except (urllib.error.URLError, OSError):
                time.sleep(0.05)
        raise RuntimeError(f"{self.name} did not answer {path} within 10 s")

    def request(self, path, headers=None, body=None):
        return urllib.request.Request(
            f"http://127.0.0.1:{self.port}{path}", data=body, headers=headers or {}
        )

    def get(self, path, headers=None, body=None):
        """Body text; POST where a body is given."""
        with urllib.request.urlopen(self.request(path, headers, body), timeout=10) as answer:
            return answer.read().decode()

    def cpu_seconds(self):
        total = 0
        for pid in family(self.process.pid):
            with open(f"/proc/{pid}/stat") as f:
                fields = f.read().rsplit(")", 1)[1].split()
            total += int(fields[11]) + int(fields[12])
        return total / TICKS
