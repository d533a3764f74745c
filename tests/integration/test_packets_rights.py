"""Packet limits with no more rights than they need, and what is said of too few."""
# SPDX-License-Identifier: MIT
import pathlib
import pwd
import shutil
import tempfile

import pytest
from conftest import Server, binary
from frames import udp4, udp6
from guard import Guard, send_and_count

NOBODY = pwd.getpwnam("nobody")
NEEDED = ("bpf", "perfmon", "net_admin")


class Unprivileged(Guard):
    """Serves as nobody, with these capabilities and no others."""

    def __init__(self, wire, folder, *capabilities, owns_pins=True):
        super().__init__(wire, folder)
        self.capabilities = ",".join(["-all", *(f"+{name}" for name in capabilities)])
        shutil.copy(binary(), self.folder / "sluice")
        for path in (self.folder, *([self.bpffs] if owns_pins else [])):
            shutil.chown(path, NOBODY.pw_uid, NOBODY.pw_gid)

    def start(self, *more, ready=True):
        prefix = ["setpriv", f"--reuid={NOBODY.pw_uid}", f"--regid={NOBODY.pw_gid}",
                  "--clear-groups", f"--inh-caps={self.capabilities}",
                  f"--ambient-caps={self.capabilities}",
                  f"--bounding-set={self.capabilities}", "--no-new-privs"]
        self.server = Server(self.folder / "data", "--iface", self.wire.near, "--pin-dir",
                             self.pins, *more, prefix=prefix, executable=self.folder / "sluice")
        self.client = self.server.client()
        if ready:
            self.wait_ready()

    def rights(self):
        status = pathlib.Path(f"/proc/{self.server.process.pid}/status").read_text()
        return {line.split(":")[0]: line.split()[1:] for line in status.splitlines()}


@pytest.fixture
def serve_as_nobody(wire):
    made = []
    with tempfile.TemporaryDirectory() as top:
        pathlib.Path(top).chmod(0o755)

        def make(*capabilities, **options):
            folder = pathlib.Path(top) / str(len(made))
            folder.mkdir()
            made.append(Unprivileged(wire, folder, *capabilities, **options))
            return made[-1]

        yield make
        for guard in made:
            guard.close()


def test_few_capabilities_are_enough(wire, serve_as_nobody):
    guard = serve_as_nobody(*NEEDED)
    guard.start()
    assert guard.rights()["CapEff"] == ["000000c000001000"]
    assert guard.rights()["Uid"][0] == str(NOBODY.pw_uid)
    limit = guard.limit(5, per="src", match={"dst": ["198.51.100.0/24", "2001:db8:2::/48"]})
    assert send_and_count(wire, [udp4()] * 60) == 5
    assert send_and_count(wire, [udp6()] * 60) == 5
    assert wire.xdp()["mode"] == 1
    guard.kill()
    assert send_and_count(wire, [udp4()] * 60) == 0
    guard.start()
    assert send_and_count(wire, [udp4()] * 60) == 0
    assert guard.stats(limit)["denied"] == 55 + 55 + 60 + 60
    guard.stop()
    guard.start("--detach-on-exit")
    guard.stop()
    assert wire.xdp() is None


def allow(guard, *capabilities):
    guard.capabilities = ",".join(["-all", *(f"+{name}" for name in capabilities)])


def own(path):
    for each in (path, *path.rglob("*")):
        shutil.chown(each, NOBODY.pw_uid, NOBODY.pw_gid)


@pytest.mark.parametrize("first", ["nobody", "root"])
def test_once_the_program_is_pinned_two_capabilities_are_enough(wire, serve_as_nobody, first):
    guard = serve_as_nobody(*NEEDED)
    if first == "nobody":
        guard.start()
    else:
        Guard.start(guard)
    guard.stop()
    own(guard.folder)
    allow(guard, "bpf", "net_admin")
    guard.start()
    assert guard.rights()["CapEff"] == ["0000008000001000"]
    guard.server.said("lacks CAP_PERFMON")
    limit = guard.limit(5, per="src")
    assert send_and_count(wire, [udp4()] * 60) == 5
    guard.kill()
    assert send_and_count(wire, [udp4()] * 60) == 0
    guard.start("--detach-on-exit")
    assert send_and_count(wire, [udp4()] * 60) == 0
    assert guard.stats(limit)["denied"] == 55 + 60 + 60
    guard.stop()
    assert wire.xdp() is None
    # Now there is none to adopt.
    guard.start(ready=False)
    assert "lacks CAP_PERFMON, which loading the program takes" in guard.ready().body.decode()


@pytest.mark.parametrize("capabilities,missing", [
    ((), ("CAP_BPF", "CAP_PERFMON", "CAP_NET_ADMIN")),
    (("bpf", "perfmon"), ("CAP_NET_ADMIN",)), (("bpf", "net_admin"), ("CAP_PERFMON",)),
    (("net_admin", "perfmon"), ("CAP_BPF",)),
], ids=["none", "net_admin", "perfmon", "bpf"])
def test_without_its_rights_it_serves_and_says_what_is_off(
        wire, serve_as_nobody, capabilities, missing):
    guard = serve_as_nobody(*capabilities)
    guard.start(ready=False)
    client = guard.client
    client.make("user1", limit=3)
    assert [client.check("user1")["allowed"] for _ in range(4)] == [True] * 3 + [False]
    answer, ready = guard.ask(5), guard.ready()
    assert answer.status == 503, answer
    for word in missing:
        assert word in answer.json["detail"]
        assert word in ready.body.decode()
        guard.server.said(word)
    assert ready.status == 503, "a named interface does not enforce"
    assert client.get("/livez").status == 200
    assert wire.xdp() is None and send_and_count(wire, [udp4()] * 60) == 60


def test_pin_directory_that_is_not_ours_is_named(wire, serve_as_nobody):
    guard = serve_as_nobody(*NEEDED, owns_pins=False)
    guard.bpffs.chmod(0o755)
    guard.start(ready=False)
    assert str(guard.pins) in guard.ready().body.decode()
    assert guard.ask(5).status == 503


def test_without_interface_packets_are_off_and_requests_are_not(start):
    server = start()
    client = server.client()
    assert client.get("/readyz").status == 200
    answer = client.post("/api/limits", {"scope": "packet", "limit": 5, "interval": "1s"})
    assert answer.status == 503 and "--iface" in answer.json["detail"], answer
    client.make("user1")
    client.close()


def test_limits_of_packets_wait_for_a_start_that_can_enforce_them(wire, serve_as_nobody):
    """What was made with the rights is kept, and shown, by a start without them."""
    guard = serve_as_nobody(*NEEDED)
    guard.start()
    limit = guard.limit(5, per="src")
    guard.stop()
    assert send_and_count(wire, [udp4()] * 60) == 5, "and holds on"
    guard.capabilities = "-all"
    guard.start(ready=False)
    assert guard.ready().status == 503
    assert guard.client.get(f"/api/limits/{limit['id']}").json["limit"] == 5
    guard.stop()
    guard.capabilities = ",".join(["-all", *(f"+{name}" for name in NEEDED)])
    guard.start()
    assert send_and_count(wire, [udp4()] * 60) == 0


def test_time_namespace_is_refused(wire, tmp_path):
    """Its clock is not the one that the kernel judges packets by."""
    server = Server(tmp_path / "data", "--iface", wire.near, "--pin-dir", "/sys/fs/bpf/sluice-test",
                    prefix=["unshare", "--time", "--monotonic", "1000"])
    try:
        client = server.client()
        answer = client.post("/api/limits", {"scope": "packet", "limit": 5, "interval": "1h"})
        assert answer.status == 503 and "time namespace" in answer.json["detail"], answer
        client.close()
        server.stop()
    finally:
        server.kill()
    assert wire.xdp() is None


def test_bpffs_is_mounted_if_it_is_not(wire, tmp_path):
    """In mounts of its own, where no bpffs is; they vanish with the process."""
    script = "umount -a -t bpf; exec \"$@\""
    server = Server(tmp_path / "data", "--iface", wire.near, "--pin-dir", "/sys/fs/bpf/sluice-test",
                    "--detach-on-exit", prefix=["unshare", "--mount", "sh", "-c", script, "sh"])
    try:
        client = server.client()
        answer = client.post("/api/limits", {"scope": "packet", "limit": 5, "interval": "1h"})
        assert answer.status == 201, answer
        assert send_and_count(wire, [udp4()] * 60) == 5
        mounts = pathlib.Path(f"/proc/{server.process.pid}/mounts").read_text()
        assert " /sys/fs/bpf bpf " in mounts
        client.close()
        server.stop()
    finally:
        server.kill()
    assert wire.xdp() is None
