"""Gives every frame that leaves an interface a VLAN tag beside it, as a VLAN device would."""
# SPDX-License-Identifier: MIT
import contextlib
import ctypes
import os
import platform
import socket
import struct

from wire import libc, must

SYS_BPF = {"x86_64": 321, "aarch64": 280}.get(platform.machine())
PROG_LOAD, LINK_CREATE, SCHED_CLS, TCX_EGRESS, VLAN_PUSH = 5, 28, 3, 47, 18
SOL_PACKET, PACKET_AUXDATA = 263, 8


def bpf(command, attributes):
    attributes = ctypes.create_string_buffer(attributes, 128)
    return must(libc.syscall(SYS_BPF, command, attributes, len(attributes)))


def pusher(tag):
    """The program: return bpf_skb_vlan_push(skb, htons(0x8100), tag) for every frame."""
    def step(code, register=0, value=0):
        return struct.pack("BBhi", code, register, 0, value)

    move, call, leave = 0xB7, 0x85, 0x95
    steps = (step(move, 2, socket.htons(0x8100)) + step(move, 3, tag) + step(call, 0, VLAN_PUSH)
             + step(move, 0, 0) + step(leave))
    steps = ctypes.create_string_buffer(steps, len(steps))
    licence = ctypes.create_string_buffer(b"GPL")
    return bpf(PROG_LOAD, struct.pack("IIQQ", SCHED_CLS, len(steps) // 8, ctypes.addressof(steps),
                                      ctypes.addressof(licence)))


@contextlib.contextmanager
def tagged(interface, tag):
    """In this thread's namespace. Raises OSError where the kernel has no TCX (before 6.6)."""
    program = pusher(tag)
    try:
        link = bpf(LINK_CREATE, struct.pack("IIII", program, socket.if_nametoindex(interface),
                                            TCX_EGRESS, 0))
    finally:
        os.close(program)
    try:
        yield
    finally:
        os.close(link)


def tag_of(interface, send):
    """The tag that the frame of `send` has when it comes in; None if it has none."""
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3)) as sock:
        sock.bind((interface, 3))
        sock.setsockopt(SOL_PACKET, PACKET_AUXDATA, 1)
        sock.settimeout(5)
        send()
        _, control, _, _ = sock.recvmsg(64, 64)
    status, tag = struct.unpack_from("I12xH", control[0][2])
    return tag if status & 0x10 else None
