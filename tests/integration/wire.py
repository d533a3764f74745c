"""A wire for packet tests: a veth pair between private namespaces, with senders and a counter."""
# SPDX-License-Identifier: MIT
import contextlib
import ctypes
import fcntl
import json
import os
import socket
import struct
import subprocess
import threading
import time

from tap import Tap

CHUNK = 32  # a veth queue holds 256 frames, so a chunk fits whatever the other CPU does

CLONE_NEWNS, CLONE_NEWNET = 0x20000, 0x40000000
SOL_PACKET, PACKET_QDISC_BYPASS, SO_SNDBUFFORCE = 263, 20, 32
SIOCETHTOOL, ETHTOOL_SGRO = 0x8946, 0x2C
QUEUES = 2  # of each end: a sender's CPU picks one, and the frames in it stay in order

libc = ctypes.CDLL(None, use_errno=True)


class Iovec(ctypes.Structure):
    _fields_ = [("base", ctypes.c_void_p), ("bytes", ctypes.c_size_t)]


class Header(ctypes.Structure):
    """struct msghdr, of which a bound packet socket needs nothing but the data."""

    _fields_ = [("name", ctypes.c_void_p), ("name_bytes", ctypes.c_uint32),
                ("iov", ctypes.POINTER(Iovec)), ("n_iov", ctypes.c_size_t),
                ("control", ctypes.c_void_p), ("control_bytes", ctypes.c_size_t),
                ("flags", ctypes.c_int)]


class Message(ctypes.Structure):
    _fields_ = [("header", Header), ("sent", ctypes.c_uint)]


def must(result):
    if result < 0:
        error = ctypes.get_errno()
        raise OSError(error, os.strerror(error))
    return result


@contextlib.contextmanager
def on_cpu(cpu):
    """This thread stays on that CPU; None: wherever it was."""
    allowed = os.sched_getaffinity(0)
    if cpu is not None:
        os.sched_setaffinity(0, {cpu})
    try:
        yield
    finally:
        os.sched_setaffinity(0, allowed)


class Namespace:
    """A network namespace of this thread, kept by its descriptor: gone when nobody holds it."""

    def __init__(self):
        self.fd = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)

    @classmethod
    def make(cls):
        """A new one, which this thread is then in."""
        must(libc.unshare(CLONE_NEWNET))
        subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
        return cls()

    @property
    def path(self):
        return f"/proc/{os.getpid()}/fd/{self.fd}"

    def enter(self):
        must(libc.setns(self.fd, CLONE_NEWNET))

    @contextlib.contextmanager
    def inside(self):
        before = Namespace()
        self.enter()
        try:
            yield
        finally:
            before.enter()
            before.close()

    def close(self):
        os.close(self.fd)


def ip(*args):
    """`ip` in this thread's namespace; what it prints as JSON, if anything."""
    done = subprocess.run(["ip", "-j", *map(str, args)], check=True, capture_output=True, text=True)
    return json.loads(done.stdout) if done.stdout.strip() else []


def hide_mounts():
    """From here on, what this process mounts vanishes with it and its children."""
    must(libc.unshare(CLONE_NEWNS))
    subprocess.run(["mount", "--make-rprivate", "/"], check=True)


def _no_merging(interface):
    """Frames reach the counter as they came, not merged by GRO."""
    value = ctypes.create_string_buffer(struct.pack("II", ETHTOOL_SGRO, 0))
    request = struct.pack("16sP16x", interface.encode(), ctypes.addressof(value))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        fcntl.ioctl(sock, SIOCETHTOOL, request)


class Batch:
    """Frames that are sent together, again and again."""

    def __init__(self, frames):
        self.frames = [ctypes.create_string_buffer(frame, len(frame)) for frame in frames]
        self.iovecs = [Iovec(ctypes.addressof(frame), len(frame)) for frame in self.frames]
        self.messages = (Message * len(frames))(
            *(Message(Header(iov=ctypes.pointer(iov), n_iov=1)) for iov in self.iovecs))

    def send(self, sock, first=0, count=None):
        """Sends some of them; returns how many the device took."""
        count = len(self.frames) - first if count is None else count
        at = ctypes.byref(self.messages, first * ctypes.sizeof(Message))
        sent = libc.sendmmsg(sock.fileno(), at, count, 0)
        return max(sent, 0)


class Flood(threading.Thread):
    """Sends frames round and round from one CPU, as fast as it can or at `pps`, until stopped."""

    def __init__(self, wire, frames, cpu=None, pps=None):
        super().__init__(daemon=True)
        self.batch = Batch((frames * (256 // len(frames) + 1))[:max(256, len(frames))]
                           if pps is None else frames)
        self.socket, self.cpu, self.pps = wire.sender(), cpu, pps
        self.sent, self.started, self.ended = 0, None, None
        self.over = threading.Event()

    def run(self):
        if self.cpu is not None:
            os.sched_setaffinity(0, {self.cpu})
        self.started = time.monotonic()
        while not self.over.is_set():
            if self.pps is None:
                self.sent += self.batch.send(self.socket)
            else:
                self._send_due()
        self.ended = time.monotonic()

    def _send_due(self):
        due = int((time.monotonic() - self.started) * self.pps) - self.sent
        for _ in range(min(due, CHUNK)):
            self.batch.send(self.socket, self.sent % len(self.batch.frames), 1)
            self.sent += 1
        if due < CHUNK:
            time.sleep(0.0005)

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.over.set()
        self.join()
        self.socket.close()


class Wire:
    """A pair of interfaces: `near` is in this thread's namespace, `far` in one of its own."""

    def __init__(self, near=None, far_space=None, mtu=9000):
        self.near = near or f"sl{os.getpid()}n"
        self.far = self.near + "f"
        self.mtu = mtu
        self.near_space = Namespace()
        self.far_space = far_space or Namespace.make()
        self.near_space.enter()
        self.plug()

    @staticmethod
    def cpus():
        """One CPU for each queue, as far as there are so many."""
        return list({cpu % QUEUES: cpu for cpu in sorted(os.sched_getaffinity(0))}.values())

    def space_of(self, interface):
        return self.near_space if interface == self.near else self.far_space

    def plug(self):
        queues = ("numtxqueues", QUEUES, "numrxqueues", QUEUES, "mtu", self.mtu)
        ip("link", "add", "name", self.near, *queues, "type", "veth",
           "peer", "name", self.far, *queues)
        ip("link", "set", self.far, "netns", self.far_space.path)
        self._set_up(self.near)
        with self.far_space.inside():
            self._set_up(self.far)

    @staticmethod
    def _set_up(interface):
        ip("link", "set", interface, "addrgenmode", "none")
        ip("link", "set", interface, "up")
        _no_merging(interface)

    def unplug(self):
        ip("link", "del", self.near)

    def sender(self):
        """A raw socket at the far end; whoever holds it may send from any namespace."""
        with self.far_space.inside():
            sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
            sock.bind((self.far, 0))
        sock.setsockopt(socket.SOL_SOCKET, SO_SNDBUFFORCE, 16 << 20)
        sock.setsockopt(SOL_PACKET, PACKET_QDISC_BYPASS, 1)
        return sock

    def send(self, frames, cpu=None):
        """Sends each frame once, slowly enough that the wire loses none."""
        before = self.lost()
        batch = Batch(frames)
        with self.sender() as sock, on_cpu(cpu):
            for first in range(0, len(frames), CHUNK):
                count = min(CHUNK, len(frames) - first)
                assert batch.send(sock, first, count) == count, "the wire took no more"
                time.sleep(0.0002)
        assert self.lost() == before, "the wire lost frames"

    def send_one(self, frame, cpu):
        with self.sender() as sock, on_cpu(cpu):
            Batch([frame]).send(sock)

    def lost(self):
        """Frames that the far end could not hand over; those that XDP drops are not among them."""
        with self.far_space.inside(), open("/proc/thread-self/net/dev") as table:
            (line,) = [row for row in table if row.strip().startswith(self.far + ":")]
        return int(line.split()[12])

    def flood(self, frames, **options):
        return Flood(self, frames, **options)

    def tap(self, flow=None):
        return Tap(self, flow)

    def xdp(self):
        """What `ip` says of the XDP programs on the near end; None: there is none."""
        (link,) = ip("link", "show", self.near)
        return link.get("xdp")

    def run_far(self, *argv, **options):
        """Starts a program at the far end."""
        argv = ["nsenter", f"--net={self.far_space.path}", *map(str, argv)]
        return subprocess.Popen(argv, **options)
