"""build/generator: what it sends, how much, and what it refuses to flood."""
# SPDX-License-Identifier: MIT
import contextlib
import ctypes
import json
import os
import socket
import subprocess

import pytest
from conftest import ROOT

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="namespaces need root: sudo make check")

BUILD = os.environ.get("SLUICE_BUILD") or str(ROOT / "build")
PORT = 4053


def ip(*args):
    subprocess.run(["ip", *args], check=True)


class Lab:
    """Two namespaces and a veth between them; far is where the generator runs."""

    def __init__(self):
        self.near, self.far = f"sluice-{os.getpid()}-near", f"sluice-{os.getpid()}-far"

    def __enter__(self):
        for name in (self.near, self.far):
            ip("netns", "add", name)
        ip("link", "add", "v0", "netns", self.near, "type", "veth", "peer", "name", "v0", "netns", self.far)
        for name in (self.near, self.far):
            ip("-n", name, "link", "set", "v0", "up")
        ip("-n", self.near, "addr", "add", "192.0.2.1/24", "dev", "v0")
        ip("-n", self.near, "addr", "add", "2001:db8:ffff::1/64", "dev", "v0", "nodad")
        # Sources are answered nowhere, but must be somewhere for what they send to be taken.
        ip("-n", self.near, "route", "add", "default", "dev", "v0")
        ip("-n", self.near, "-6", "route", "add", "default", "dev", "v0")
        return self

    def __exit__(self, *_):
        for name in (self.near, self.far):
            subprocess.run(["ip", "netns", "del", name], check=False)

    def run(self, namespace, *argv, **options):
        return subprocess.Popen(["nsenter", f"--net=/run/netns/{namespace}", *argv], text=True,
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE, **options)

    @contextlib.contextmanager
    def receiver(self, program):
        """The near end under an XDP program."""
        with self.run(self.near, f"{BUILD}/tests/bench/bench_attach",
                      f"{BUILD}/bpf/bench/drop.bpf.o", program, "v0", stdin=subprocess.PIPE) as attach:
            assert attach.stdout.readline() == "attached\n", attach.stderr.read()
            yield
            attach.stdin.close()

    def received(self):
        with self.run(self.near, "ip", "-j", "-s", "link", "show", "v0") as shown:
            return json.loads(shown.stdout.read())[0]["stats64"]["rx"]["packets"]

    def socket(self, address):
        """A UDP socket in the near namespace: the kernel has checked what it gives."""
        home = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
        there = os.open(f"/run/netns/{self.near}", os.O_RDONLY)
        try:
            setns(there)
            sock = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_DGRAM)
        finally:
            setns(home)
            os.close(there)
            os.close(home)
        sock.bind((address, PORT))
        sock.settimeout(1)
        return sock


def setns(fd):
    assert ctypes.CDLL(None).setns(fd, 0x40000000) == 0


@pytest.fixture(scope="module")
def lab():
    with Lab() as one:
        yield one


def generate(*args):
    return subprocess.run([f"{BUILD}/generator", *map(str, args)], capture_output=True, text=True,
                          timeout=60, check=False)


def send(lab, *args, src="10.0.0.250", dst="192.0.2.1"):
    done = generate("--netns", lab.far, "--interface", "v0", "--src", src, "--dst", dst,
                    "--dst-port", PORT, *args)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.parametrize("dst,src,expected", [
    ("192.0.2.1", "10.0.0.254", ["10.0.0.254", "10.0.0.255", "10.0.1.0"]),
    ("2001:db8:ffff::1", "2001:db8:0:fffe::7",
     ["2001:db8:0:fffe::7", "2001:db8:0:ffff::7", "2001:db8:1::7"]),
])
def test_frames_are_valid_and_come_from_each_source_in_turn(lab, dst, src, expected):
    with lab.receiver("bench_pass"), lab.socket(dst) as sock:
        send(lab, "--sources", 3, "--in-turn", "--pps", 100, "--for", "500ms", "--bytes", 100,
             src=src, dst=dst)
        got = []
        while len(got) < 6:
            data, address = sock.recvfrom(2000)
            assert data == bytes(100 - (62 if ":" in dst else 42))
            got.append(address[0])
    assert got == expected * 2


def test_sent_is_what_the_other_end_received(lab):
    with lab.receiver("bench_drop"):
        before = lab.received()
        sent = send(lab, "--sources", 1000000, "--for", "300ms")["sent"]
        assert sent > 10000
        # The kernel itself says a few words on a fresh interface.
        assert 0 <= lab.received() - before - sent < 50


def test_pace_is_kept_and_never_exceeded(lab):
    with lab.receiver("bench_drop"):
        told = send(lab, "--pps", 2000, "--for", "500ms")
    # What a busy machine delays by too much is left out.
    assert 100 < told["sent"] <= 2000 * told["seconds"] + 1


def test_an_end_without_a_program_is_told(lab):
    done = generate("--netns", lab.far, "--interface", "v0", "--src", "10.0.0.1", "--dst", "192.0.2.1",
                    "--for", "5s")
    assert done.returncode == 1
    assert "nothing arrives" in done.stderr


def test_what_is_no_veth_is_refused(lab):
    done = generate("--netns", lab.far, "--interface", "lo", "--src", "10.0.0.1", "--dst", "192.0.2.1")
    assert done.returncode == 1
    assert "lo is no veth: refusing to flood it" in done.stderr


def test_a_veth_whose_peer_is_here_is_refused(lab):
    ip("-n", lab.far, "link", "add", "a0", "type", "veth", "peer", "name", "a1")
    done = generate("--netns", lab.far, "--interface", "a0", "--src", "10.0.0.1", "--dst", "192.0.2.1")
    ip("-n", lab.far, "link", "del", "a0")
    assert done.returncode == 1
    assert "own network namespace: refusing to flood it" in done.stderr


@pytest.mark.parametrize("args,said", [
    (["--pps", "x"], "--pps: 'x' is no possible N"),
    (["--src", "10.0.0.1", "--dst", "::1"], "--dst: '::1'"),
    (["--dst-mac", "1:2:3"], "--dst-mac"),
    (["--nothing"], "no option '--nothing'"),
    (["--cpu"], "--cpu: needs a N"),
    ([], "are needed"),
])
def test_wrong_options_are_told(args, said):
    done = generate(*args)
    assert done.returncode == 2
    assert said in done.stderr
