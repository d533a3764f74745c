"""Frames for packet tests, byte by byte: well-formed ones, and those that try to slip past."""
# SPDX-License-Identifier: MIT
import ipaddress
import struct

from tap import MARK, STRANGER

ICMP, TCP, UDP, ROUTING, FRAGMENT, AH, ICMP6, NONE, DSTOPTS = 1, 6, 17, 43, 44, 51, 58, 59, 60
HOPOPTS, DCCP, MOBILITY, SCTP, UDPLITE, HIP, SHIM6 = 0, 33, 135, 132, 136, 139, 140
IP4, ARP, VLAN, IP6, QINQ = 0x0800, 0x0806, 0x8100, 0x86DD, 0x88A8


def checksum(data):
    if len(data) % 2:
        data += b"\0"
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def eth(kind, payload, flow=0, tags=()):
    """`tags` are (ethertype, id) from the outside in."""
    for tag_kind, tag in reversed(tags):
        kind, payload = tag_kind, struct.pack("!HH", tag, kind) + payload
    return STRANGER + MARK + struct.pack("!HH", flow, kind) + payload


def ip4(src, dst, proto, payload, options=b"", fragment=0, version_ihl=None, length=None, ttl=64):
    ihl = 5 + len(options) // 4
    first = 0x40 | ihl if version_ihl is None else version_ihl
    total = ihl * 4 + len(payload) if length is None else length
    head = struct.pack("!BBHHHBBH4s4s", first, 0, total, 7, fragment, ttl, proto, 0,
                       ipaddress.IPv4Address(src).packed, ipaddress.IPv4Address(dst).packed)
    head += options
    return head[:10] + struct.pack("!H", checksum(head)) + head[12:] + payload


def ip6(src, dst, following, payload, length=None, hops=64, version=6):
    length = len(payload) if length is None else length
    return struct.pack("!IHBB16s16s", version << 28, length & 0xFFFF, following, hops,
                       ipaddress.IPv6Address(src).packed,
                       ipaddress.IPv6Address(dst).packed) + payload


def extension(kind, following, more=0, offset=0):
    """One extension header of 8 bytes (AH: 16); of a fragment header also its place."""
    if kind == FRAGMENT:
        return struct.pack("!BBHI", following, 0, offset << 3 | more, 7)
    if kind == AH:
        return struct.pack("!BBHIII", following, 2, 0, 1, 1, 0)
    if kind == ROUTING:
        return struct.pack("!BBBBI", following, 0, 4, 0, 0)
    return struct.pack("!BBBB4s", following, 0, 1, 4, bytes(4))


def chain(kinds, last, payload):
    """The extension headers in order before `payload`; returns the first kind and the bytes."""
    following = last
    for kind in reversed(kinds):
        payload, following = extension(kind, following) + payload, kind
    return following, payload


def udp(dst_port=9, src_port=4000, data=bytes(18)):
    return struct.pack("!HHHH", src_port, dst_port, 8 + len(data), 0) + data


def tcp(dst_port=9, src_port=4000, flags=2, data=b""):
    return struct.pack("!HHIIBBHHH", src_port, dst_port, 1, 0, 5 << 4, flags, 1024, 0, 0) + data


def icmp(kind=8, code=0):
    return struct.pack("!BBHI", kind, code, 0, 0) + bytes(16)


def udp4(src="192.0.2.1", dst="198.51.100.1", flow=0, tags=(), **ports):
    return eth(IP4, ip4(src, dst, UDP, udp(**ports)), flow, tags)


def udp6(src="2001:db8:1::1", dst="2001:db8:2::1", flow=0, tags=(), **ports):
    return eth(IP6, ip6(src, dst, UDP, udp(**ports)), flow, tags)


def sized(frame_of, wire_bytes, **options):
    """A UDP frame of exactly so many bytes, Ethernet header included."""
    data = bytes(wire_bytes - len(frame_of(data=b"", **options)))
    return frame_of(data=data, **options)
