"""The table of packets that try to slip past a limit, or must not be mistaken for one's own."""
# SPDX-License-Identifier: MIT
import frames as f
from frames import eth, extension, icmp, ip4, ip6, tcp, udp, udp4, udp6

S4, D4, S6, D6 = "192.0.2.1", "198.51.100.1", "2001:db8:1::1", "2001:db8:2::1"
SENT, BURST = 60, 5

# Limits that a row names: what is not in `match` fits every packet.
TO4, TO6 = {"dst": "198.51.100.0/24"}, {"dst": "2001:db8:2::/48"}
FROM4, FROM6 = {"src": "192.0.2.0/24"}, {"src": "2001:db8:1::/48"}
DNS = {"dst_port": 53, "proto": "udp"}
PORT, ALL, IS_UDP, IS_TCP = {"dst_port": 53}, {}, {"proto": "udp"}, {"proto": "tcp"}
IS_ICMP, IS_ICMP6 = {"proto": "icmp"}, {"proto": "icmpv6"}


class Row:
    """60 frames made by frame(i) against a limit of 5: `passes` of them may come out behind."""

    def __init__(self, name, limit, frame, passes=BURST):
        self.name, self.passes, self.frame = name, passes, frame
        self.body = limit if "match" in limit or "per" in limit else {"match": limit}


def caught(name, *limits_and_frame):
    """A row for each of the limits."""
    *limits, frame = limits_and_frame
    frame_of = frame if callable(frame) else lambda i: frame
    return [Row(f"{name} / {limit_name(limit)}", limit, frame_of) for limit in limits]


def free(name, *limits_and_frame):
    rows = caught(name, *limits_and_frame)
    for row in rows:
        row.name, row.passes = row.name + " / free", SENT
    return rows


def limit_name(limit):
    members = {**limit.get("match", limit if "per" not in limit else {})}
    members.update({"per": limit["per"]} if "per" in limit else {})
    return " ".join(f"{k}={v}" for k, v in members.items()) or "all"


def in4(proto, payload, **more):
    return eth(f.IP4, ip4(S4, D4, proto, payload, **more))


def in6(following, payload, **more):
    return eth(f.IP6, ip6(S6, D6, following, payload, **more))


def chained(kinds, last, payload):
    return in6(*f.chain(kinds, last, payload))


def dns(**more):
    return udp(dst_port=53, **more)


def links():
    tags = {"one tag": [(f.VLAN, 10)], "two tags": [(f.VLAN, 10), (f.VLAN, 20)],
            "802.1ad": [(f.QINQ, 10)], "802.1ad and a tag": [(f.QINQ, 10), (f.VLAN, 20)],
            "a priority tag": [(f.VLAN, 0xE000)], "three tags": [(f.VLAN, n) for n in (1, 2, 3)],
            "four tags": [(f.VLAN, n) for n in (1, 2, 3, 4)],
            "802.1ad thrice": [(f.QINQ, n) for n in (1, 2, 3)]}
    rows = []
    for name, tag in tags.items():
        rows += caught(f"v4 behind {name}", TO4, DNS, udp4(tags=tag, dst_port=53))
        rows += caught(f"v6 behind {name}", TO6, DNS, udp6(tags=tag, dst_port=53))
        if len(tag) <= 2:
            rows += free(f"v4 behind {name} to another port", DNS, udp4(tags=tag, dst_port=54))
            rows += free(f"v6 behind {name} to another port", DNS, udp6(tags=tag, dst_port=54))
    for name, mac in (("everybody", b"\xff" * 6), ("a group", b"\x01\0\x5e\0\0\1")):
        rows += caught(f"v4 to {name} on the link", TO4, mac + udp4()[6:])
    return rows


def versions():
    odd = udp4(dst_port=53)
    return [
        *caught("v4 in a frame of v6", ALL, eth(f.IP6, odd[14:])),
        *caught("v6 in a frame of v4", ALL, eth(f.IP4, udp6(dst_port=53)[14:])),
        *caught("v4 with version 5", TO4, DNS, in4(f.UDP, dns(), version_ihl=0x55)),
        *caught("v6 with version 0", TO6, in6(f.UDP, dns(), version=0)),
    ]


def headers4():
    rows = []
    for count in (4, 12, 40):
        frame = in4(f.UDP, dns(), options=b"\x01" * (count - 1) + b"\0")
        rows += caught(f"v4 with {count} bytes of options", TO4, FROM4, DNS, frame)
    frame = in4(f.TCP, tcp(53), options=b"\x83\x03\x04" + b"\0")
    rows += caught("v4 with a source route", PORT, IS_TCP, frame)
    for ihl in (0, 1, 4):
        frame = in4(f.UDP, dns(), version_ihl=0x40 | ihl)
        rows += caught(f"v4 with a header of {ihl} words", TO4, PORT, DNS, frame)
    rows += caught("v4 with a header longer than the frame", TO4, PORT,
                   in4(f.UDP, b"", version_ihl=0x4F))
    for length in (0, 10, 19, 1500, 65535):
        rows += caught(f"v4 that says it has {length} bytes", TO4, PORT, DNS,
                       in4(f.UDP, dns(), length=length))
    rows += caught("v4 cut behind its header", TO4, PORT, DNS, in4(f.UDP, b"", length=46))
    rows += caught("v4 cut in the ports", TO4, PORT, DNS, in4(f.UDP, dns()[:3]))
    rows += caught("v4 cut in the addresses", ALL, in4(f.UDP, b"")[:14 + 14])
    rows += caught("v4 cut at once", ALL, eth(f.IP4, b""))
    rows += caught("v4 with padding", TO4, DNS, in4(f.UDP, dns(data=b"")) + bytes(18))
    rows += caught("v4 whose ports lie in the padding", DNS, {"dst_port": 54, "proto": "udp"},
                   in4(f.UDP, b"", length=20) + udp(55))
    return rows


def fragments4():
    later = in4(f.UDP, udp(54), fragment=100)  # these bytes are no ports
    return [
        *caught("v4 later fragment", TO4, FROM4, IS_UDP, DNS, PORT, ALL, later),
        *caught("v4 last fragment in the middle of ports", DNS, in4(f.UDP, bytes(9), fragment=1)),
        *free("v4 later fragment of TCP", DNS, in4(f.TCP, bytes(20), fragment=100)),
        *caught("v4 first fragment", DNS, in4(f.UDP, dns(), fragment=0x2000)),
        *free("v4 first fragment to another port", DNS, in4(f.UDP, udp(54), fragment=0x2000)),
        *caught("v4 tiny first fragment of TCP", PORT, IS_TCP,
                in4(f.TCP, tcp(53)[:8], fragment=0x2000)),
        *caught("v4 first fragment without ports", PORT, IS_TCP,
                in4(f.TCP, tcp(53)[:2], fragment=0x2000)),
        *caught("v4 later fragment of ICMP", IS_ICMP, in4(f.ICMP, bytes(16), fragment=3)),
    ]


def chains6():
    names = {"hop-by-hop": f.HOPOPTS, "routing": f.ROUTING, "options": f.DSTOPTS, "AH": f.AH,
             "atomic fragment": f.FRAGMENT, "mobility": f.MOBILITY, "HIP": f.HIP, "shim6": f.SHIM6}
    rows = []
    for name, kind in names.items():
        rows += caught(f"v6 behind {name}", TO6, FROM6, DNS, chained([kind], f.UDP, dns()))
    rows += free("v6 behind options to another port", DNS, chained([f.DSTOPTS], f.UDP, udp(54)))
    rows += caught("v6 TCP behind options", PORT, IS_TCP, chained([f.DSTOPTS], f.TCP, tcp(53)))
    for count in (2, 5, 6, 7, 20):
        kinds = [f.HOPOPTS] + [f.DSTOPTS] * (count - 1)
        frame = chained(kinds, f.UDP, dns())
        rows += caught(f"v6 behind {count} extensions", TO6, IS_UDP, DNS, PORT, frame)
    mixed = [f.HOPOPTS, f.DSTOPTS, f.ROUTING, f.FRAGMENT, f.AH, f.DSTOPTS]
    rows += caught("v6 behind six kinds of extensions", DNS, chained(mixed, f.UDP, dns()))
    long = bytes([f.UDP, 255]) + bytes(2046)
    rows += caught("v6 behind 2048 bytes of options", DNS, in6(f.DSTOPTS, long + dns()))
    first = bytes([f.DSTOPTS, 255]) + bytes(2046)
    rows += caught("v6 behind 6 KiB of options", DNS,
                   in6(f.DSTOPTS, first * 2 + long + dns()))
    rows += free("v6 behind 6 KiB of options to another port", DNS,
                 in6(f.DSTOPTS, first * 2 + long + udp(54)))
    past = extension(f.DSTOPTS, f.UDP)[:1] + b"\xff" + extension(f.DSTOPTS, 0)[2:]
    rows += caught("v6 options that end behind the frame", TO6, DNS, PORT,
                   in6(f.DSTOPTS, past + dns()))
    return rows


def headers6():
    ones = [
        ("nothing next", f.NONE, b"", (TO6, ALL)), ("ESP", 50, bytes(24), (TO6, {"proto": 50})),
        ("an unknown protocol", 253, bytes(24), (TO6, {"proto": 253}, ALL)),
        ("TCP", f.TCP, tcp(53), (TO6, IS_TCP, PORT)), ("UDP", f.UDP, dns(), (TO6, DNS)),
        ("ICMP of v4", f.ICMP, icmp(), (TO6, IS_ICMP)),
        ("ICMPv6", f.ICMP6, icmp(128), (TO6, IS_ICMP6)),
    ]
    rows = [row for name, proto, payload, limits in ones
            for row in caught(f"v6 with {name}", *limits, in6(proto, payload))]
    rows += free("v6 with ICMPv6", IS_ICMP, in6(f.ICMP6, icmp(128)))
    jumbo = bytes([f.UDP, 0, 0xC2, 4]) + (8 + len(dns())).to_bytes(4, "big")
    rows += caught("v6 jumbogram", TO6, DNS, in6(f.HOPOPTS, jumbo + dns(), length=0))
    for length in (0, 3, 1500, 65535):
        rows += caught(f"v6 that says it has {length} bytes", TO6, PORT, DNS,
                       in6(f.UDP, dns(), length=length))
    rows += caught("v6 cut behind its header", TO6, PORT, in6(f.UDP, b"", length=26))
    rows += caught("v6 cut in an extension", TO6, DNS, PORT, in6(f.DSTOPTS, bytes([f.UDP, 0])))
    rows += caught("v6 cut in the addresses", ALL, in6(f.UDP, b"")[:14 + 30])
    rows += caught("v6 cut at once", ALL, eth(f.IP6, b""))
    return rows


def fragment6(following, payload, offset, more=0):
    return in6(f.FRAGMENT, extension(f.FRAGMENT, following, more, offset) + payload)


def fragments6():
    return [
        *caught("v6 later fragment", TO6, FROM6, IS_UDP, DNS, PORT, ALL,
                fragment6(f.UDP, udp(54), 100)),
        *free("v6 later fragment of TCP", DNS, fragment6(f.TCP, bytes(20), 100)),
        *caught("v6 first fragment", DNS, fragment6(f.UDP, dns(), 0, 1)),
        *free("v6 first fragment to another port", DNS, fragment6(f.UDP, udp(54), 0, 1)),
        *caught("v6 later fragment of an extension", TO6, IS_UDP, DNS, PORT,
                fragment6(f.DSTOPTS, bytes(16), 100)),
        *caught("v6 tiny first fragment", PORT, IS_TCP, fragment6(f.TCP, tcp(53)[:8], 0, 1)),
        *caught("v6 first fragment that ends in the chain", DNS, IS_UDP, PORT,
                fragment6(f.DSTOPTS, bytes([f.UDP, 3]) + bytes(6), 0, 1)),
    ]


def protocols():
    ports = udp(53)
    rows = [row for name, proto in (("TCP", f.TCP), ("UDP", f.UDP), ("UDP-Lite", f.UDPLITE),
                                    ("SCTP", f.SCTP), ("DCCP", f.DCCP))
            for row in caught(f"v4 {name}", PORT, in4(proto, ports))]
    return rows + [
        *caught("v4 UDP-Lite", {"proto": f.UDPLITE}, in4(f.UDPLITE, ports)),
        *free("v4 UDP-Lite", DNS, in4(f.UDPLITE, ports)),
        *caught("v4 ICMP", IS_ICMP, in4(f.ICMP, icmp())),
        *free("v4 ICMP", PORT, in4(f.ICMP, icmp())),
        *caught("v4 ICMPv6", IS_ICMP6, in4(f.ICMP6, icmp())),
        *caught("v4 GRE", {"proto": 47}, in4(47, bytes(30))),
        *free("v4 UDP", IS_TCP, in4(f.UDP, dns())),
        *free("v4 to elsewhere", TO4, udp4(dst="198.51.101.1")),
        *free("v6 to elsewhere", TO6, udp6(dst="2001:db8:3::1")),
        *free("v6", TO4, udp6()), *free("v4", TO6, udp4()),
        *caught("v4 in a list", {"dst": ["203.0.113.7", "198.51.100.0/24"], "dst_port": [9, 53]},
                in4(f.UDP, dns())),
        *caught("v4 last port of a range", {"dst_port": "50-53"}, in4(f.UDP, dns())),
        *free("v4 past a range of ports", {"dst_port": "50-52"}, in4(f.UDP, dns())),
    ]


def keys():
    """What a sender may vary without becoming somebody else."""
    return [
        *caught("v4 source ports vary", {"per": "src"}, lambda i: udp4(src_port=1024 + i)),
        *caught("v4 destinations vary", {"per": "src"}, lambda i: udp4(dst=f"198.51.100.{i}")),
        *caught("v4 link addresses vary", {"per": "src"}, lambda i: bytes([2, i]) + udp4()[2:]),
        *caught("v4 protocols vary", {"per": "src"}, lambda i: in4(i + 1, bytes(24))),
        *caught("v4 tags vary", {"per": "src"}, lambda i: udp4(tags=[(f.VLAN, i + 1)])),
        *caught("v6 host parts vary", {"per": "src"}, lambda i: udp6(src=f"2001:db8:1::{i:x}:1")),
        *caught("v6 flow labels vary", {"per": "src"}, flow_label),
        *free("v6 networks vary", {"per": "src"}, lambda i: udp6(src=f"2001:db8:1:{i:x}::1")),
        *free("v4 sources vary", {"per": "src"}, lambda i: udp4(src=f"192.0.2.{i}")),
        *caught("v4 sources of one /24 vary", {"per": "src/24"},
                lambda i: udp4(src=f"192.0.2.{i}")),
        *caught("v6 networks of one /48 vary", {"per": "src/24/48"},
                lambda i: udp6(src=f"2001:db8:1:{i:x}::1")),
        *free("v6 hosts vary", {"per": "src/128", "match": TO6},
              lambda i: udp6(src=f"2001:db8:1::{i:x}:1")),
        *caught("v4 sources vary", {"per": "dst"}, lambda i: udp4(src=f"192.0.2.{i}")),
        *caught("v4 sources vary", ALL, lambda i: udp4(src=f"192.0.{i}.1")),
        *caught("v4 fragments and whole ones", {"per": "src", "match": DNS},
                lambda i: in4(f.UDP, dns(), fragment=(i % 3) * 50)),
        *caught("v4 and v6 in turn", ALL, lambda i: udp4() if i % 2 else udp6()),
    ]


def flow_label(i):
    frame = bytearray(udp6())
    frame[16:18] = i.to_bytes(2, "big")
    return bytes(frame)


def big():
    """Larger than one page: the driver hands such a frame over in pieces."""
    return [*caught("v4 of 8000 bytes", TO4, DNS, in4(f.UDP, dns(data=bytes(7950)))),
            *caught("v6 of 8000 bytes", TO6, DNS, in6(f.UDP, dns(data=bytes(7930)))),
            *free("v4 of 8000 bytes to another port", DNS, in4(f.UDP, udp(54, data=bytes(7950))))]


def exempt():
    """What keeps neighbours known, and what only pretends to."""
    def discovery(kind, hops=255, **more):
        return in6(f.ICMP6, icmp(kind), hops=hops, **more)

    arp = eth(f.ARP, bytes.fromhex("0001080006040001") + bytes(20))
    rows = free("ARP", ALL, arp) + free("LLDP", ALL, eth(0x88CC, bytes(46)))
    rows += free("ARP behind a tag", ALL, eth(f.ARP, arp[14:], tags=[(f.VLAN, 9)]))
    for kind in range(133, 138):
        rows += free(f"discovery {kind}", ALL, IS_ICMP6, discovery(kind))
        rows += caught(f"discovery {kind} from afar", ALL, discovery(kind, 254))
    rows += caught("echo with hop limit 255", ALL, discovery(128))
    rows += caught("type 138 with hop limit 255", ALL, discovery(138))
    rows += caught("fragmented discovery", ALL,
                   in6(f.FRAGMENT, extension(f.FRAGMENT, f.ICMP6) + icmp(135), hops=255))
    rows += caught("discovery in v4", ALL, in4(f.ICMP6, icmp(135), ttl=255))
    rows += caught("UDP like discovery", ALL, in6(f.UDP, icmp(135), hops=255))
    return rows


def rows():
    return [*links(), *versions(), *headers4(), *fragments4(), *chains6(), *headers6(),
            *fragments6(), *protocols(), *keys(), *big(), *exempt()]
