"""A real `sluice serve` that guards the near end of a wire, and how packet tests talk to it."""
# SPDX-License-Identifier: MIT
import pathlib
import signal
import subprocess

from conftest import Server, wait_for


class Guard:
    """One data and pin directory, and the server that runs on them, if any."""

    def __init__(self, wire, folder, *args):
        self.wire, self.folder, self.args = wire, pathlib.Path(folder), args
        self.bpffs = self.folder / "bpf"
        self.pins = self.bpffs / "pins"
        self.bpffs.mkdir()
        subprocess.run(["mount", "-t", "bpf", "bpf", self.bpffs], check=True)
        self.server = self.client = None

    def start(self, *more, ready=True):
        """Serves, on the same directories each time; `ready` waits until it enforces."""
        self.server = Server(self.folder / "data", "--iface", self.wire.near, "--pin-dir",
                             self.pins, *self.args, *more)
        self.client = self.server.client()
        if ready:
            self.wait_ready()

    def ready(self):
        return self.client.get("/readyz?verbose")

    def wait_ready(self, status=200):
        return wait_for(lambda: (answer := self.ready()).status == status and answer,
                        lambda: f"{self.ready()}: {self.server.stderr()}")

    def ask(self, limit, interval="1h", **more):
        """The answer to making a packet limit; the default refills nothing while a test runs."""
        return self.client.post("/api/limits", {"scope": "packet", "limit": limit,
                                                "interval": interval, **more})

    def limit(self, limit, interval="1h", **more):
        answer = self.ask(limit, interval, **more)
        assert answer.status == 201, answer
        return answer.json

    def change(self, made, /, **fields):
        answer = self.client.ask("PUT", f"/api/limits/{made['id']}", fields)
        assert answer.status == 200, answer
        return answer.json

    def remove(self, limit):
        answer = self.client.ask("DELETE", f"/api/limits/{limit['id']}")
        assert answer.status == 204, answer

    def remove_all(self):
        for limit in self.client.get("/api/limits?limit=1000").json["limits"]:
            self.remove(limit)

    def stats(self, limit):
        return self.client.get(f"/api/limits/{limit['id']}").json["stats"]

    def kill(self):
        """SIGKILL: no goodbye."""
        self.server.signal(signal.SIGKILL)
        self.server.kill()
        self.client.close()

    def stop(self):
        self.client.close()
        self.server.stop()

    def close(self):
        """Leaves nothing: with the file system of the pins goes what they hold."""
        try:
            if self.server and self.server.process.returncode is None:
                self.stop()
        finally:
            if self.server:
                self.server.kill()
            subprocess.run(["umount", self.bpffs], check=True)


def send_and_count(wire, frames, flow=0, cpu=None):
    """How many of these frames come out behind the program."""
    with wire.tap(flow) as tap:
        wire.send(frames, cpu)
        return tap.count(flow)


def within(times, flood, rate, burst):
    """Asserts that what passed is 97 to 100 % of what the limit allows from first to last frame."""
    most = burst + rate * (times[-1] - flood.started)
    least = 0.97 * (burst + rate * (flood.ended - flood.started))
    assert least <= len(times) <= most + 1, \
        f"{len(times)} passed, {most:.1f} were allowed until the last of them, offered {flood.sent}"
