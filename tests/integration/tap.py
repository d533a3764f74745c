"""Counts what comes out behind the XDP program of a wire."""
# SPDX-License-Identifier: MIT
import contextlib
import ctypes
import select
import socket
import struct
import threading
import time

# Frames of tests bear this source address, whose last two bytes tell flows apart.
MARK = bytes.fromhex("02534c55")
# Nobody's address: packet sockets see such frames, the stack behind them does not.
STRANGER = bytes.fromhex("02534c560000")
# No limit is for frames of this kind: they tell that all before them have arrived.
LAST_FLOW, LAST_KIND = 0xFFFF, 0x88B5

SOL_PACKET, PACKET_STATISTICS = 263, 6
SO_ATTACH_FILTER, SO_RCVBUFFORCE, SO_TIMESTAMPNS = 26, 33, 35
ETH_P_ALL = 3
ARRIVAL_TIMEOUT_S = 10


def program_of(flow):
    """A socket filter for marked frames, of one flow if it is given, and those that come last."""
    load_mark, load_flow, take, leave = ((0x20, 0, 0, 6), (0x28, 0, 0, 10),
                                         (0x06, 0, 0, 0xFFFFFFFF), (0x06, 0, 0, 0))
    flows = [] if flow is None else [(0x15, 1, 0, LAST_FLOW), (0x15, 0, 1, flow)]
    unmarked = (0x15, 0, len(flows) + 2, int.from_bytes(MARK, "big"))
    return [load_mark, unmarked, load_flow, *flows, take, leave]


class Tap(threading.Thread):
    """Counts marked frames as they come out behind the XDP program, each flow by itself."""

    def __init__(self, wire, flow=None):
        super().__init__(daemon=True)
        self.wire = wire
        self.socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
        self.socket.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 256 << 20)
        self.socket.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
        self._filter(flow)
        self.socket.bind((wire.near, ETH_P_ALL))
        self.socket.setblocking(False)
        self.clock = time.time() - time.monotonic()
        self.times, self.bytes, self.last = {}, {}, set()
        self.over = threading.Event()

    def _filter(self, flow):
        """An overheard flood costs no memory."""
        steps = program_of(flow)
        code = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *step) for step in steps))
        program = struct.pack("HP", len(steps), ctypes.addressof(code))
        self.socket.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER, program)

    def run(self):
        while not self.over.is_set():
            if select.select([self.socket], [], [], 0.01)[0]:
                self._take()

    def _take(self):
        with contextlib.suppress(BlockingIOError):
            while True:
                frame, control, _, _ = self.socket.recvmsg(16384, 64)
                seconds, ns = struct.unpack("qq", control[0][2])
                self._note(frame, int.from_bytes(frame[10:12], "big"), seconds + ns * 1e-9)

    def _note(self, frame, flow, at):
        if flow == LAST_FLOW:
            self.last.add(frame[14:22])
            return
        self.times.setdefault(flow, []).append(at - self.clock)
        self.bytes[flow] = self.bytes.get(flow, 0) + len(frame)

    def settle(self):
        """Waits until all that was sent before has arrived, and checks that none was lost here."""
        for cpu in self.wire.cpus():
            self._await_last(cpu, time.monotonic_ns().to_bytes(8, "big"))
        seen, lost = struct.unpack("II", self.socket.getsockopt(SOL_PACKET, PACKET_STATISTICS, 8))
        assert lost == 0, f"the counter lost {lost} of {seen} frames"

    def _await_last(self, cpu, number):
        """Frames of one queue stay in order, so this one comes after all others of it."""
        head = STRANGER + MARK + struct.pack("!HH", LAST_FLOW, LAST_KIND)
        until = time.monotonic() + ARRIVAL_TIMEOUT_S
        while number not in self.last:
            assert time.monotonic() < until, "the wire is dead"
            self.wire.send_one(head + number + bytes(40), cpu)
            heard = time.monotonic() + 0.02
            while number not in self.last and time.monotonic() < heard:
                time.sleep(0.0002)

    def count(self, flow=0):
        self.settle()
        return len(self.times.get(flow, []))

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.over.set()
        self.join()
        self.socket.close()


