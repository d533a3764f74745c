/* Packets by name with what the parser must say of them, for native code and the kernel. */
/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "bpf/parse_cases.h"

/* One packet per function: the names below say what each shows. */
#define PACKET(name, ...)                          \
	static void build_##name(struct packet *p) \
	{                                          \
		__VA_ARGS__                        \
	}

#define IP4(...) packet_eth(p, 0x0800), packet_ip4(p, (struct packet_ip4){__VA_ARGS__})
#define IP6(...) packet_eth(p, 0x86dd), packet_ip6(p, (struct packet_ip6){__VA_ARGS__})
#define TCP      packet_tcp(p, 1000, 443, 2)
#define DONE     packet_finish(p)

PACKET(tcp4, IP4(.proto = 6); TCP; DONE;)
PACKET(udp4_padded, IP4(.proto = 17); packet_udp(p, 5, 53); DONE; packet_fill(p, 0, 18);)
PACKET(options4, IP4(.proto = 6, .ihl = 15); TCP; DONE;)
PACKET(icmp4, IP4(.proto = 1); packet_icmp(p, 8, 0); DONE;)
PACKET(icmp6_in_4, IP4(.proto = 58); packet_icmp(p, 135, 0); DONE;)
PACKET(gre4, IP4(.proto = 47); packet_fill(p, 0, 4); DONE;)
PACKET(first4, IP4(.proto = 6, .fragment = 0x2000); TCP; DONE;)
PACKET(later4, IP4(.proto = 6, .fragment = 1); TCP; DONE;)
PACKET(tiny4, IP4(.proto = 6, .fragment = 0x2000); TCP; p->n -= 12; DONE;)
PACKET(ihl4, IP4(.proto = 6, .ihl = 4); TCP; DONE;)
PACKET(short4, IP4(.proto = 6); DONE; p->bytes[17] = 19; TCP;)
PACKET(long4, IP4(.proto = 6); TCP; DONE; p->bytes[16] = 9;)
PACKET(hidden4, IP4(.proto = 6); DONE; TCP;)
PACKET(cut4, IP4(.proto = 6); p->n -= 1;)
PACKET(vlan2, IP4(.proto = 6); p->n = 14; packet_vlan(p, 0x8100, 7); packet_vlan(p, 0x88a8, 9);
       packet_ip4(p, (struct packet_ip4){.proto = 6}); TCP; DONE;)
PACKET(vlan3, packet_eth(p, 0x0800); for (int i = 0; i < 3; i++) packet_vlan(p, 0x8100, 7);
       packet_ip4(p, (struct packet_ip4){.proto = 6}); TCP; DONE;)
PACKET(arp, packet_eth(p, 0x0806); packet_fill(p, 0, 28);)
PACKET(tcp6, IP6(6, 64); TCP; DONE;)
PACKET(echo6, IP6(58, 64); packet_icmp(p, 128, 0); DONE;)
PACKET(icmp1_in_6, IP6(1, 64); packet_icmp(p, 8, 0); DONE;)
PACKET(nd6, IP6(58, 255); packet_icmp(p, 135, 0); DONE;)
PACKET(nd6_far, IP6(58, 254); packet_icmp(p, 135, 0); DONE;)
PACKET(nd6_long, IP6(58, 255); packet_icmp(p, 135, 0); DONE; p->bytes[19] = 99;)
PACKET(nd6_fragment, IP6(44, 255); packet_fragment(p, 58, 0); packet_icmp(p, 135, 0); DONE;)
PACKET(ext2, IP6(0, 64); packet_ext(p, 0, 60, 0); packet_ext(p, 60, 6, 1); TCP; DONE;)
PACKET(ah6, IP6(51, 64); packet_ext(p, 51, 6, 4); TCP; DONE;)
PACKET(ext6, IP6(60, 64); for (int i = 0; i < 6; i++) packet_ext(p, 60, i < 5 ? 60 : 6, 0); TCP;
       DONE;)
PACKET(ext7, IP6(60, 64); for (int i = 0; i < 7; i++) packet_ext(p, 60, i < 6 ? 60 : 6, 0); TCP;
       DONE;)
PACKET(first6, IP6(44, 64); packet_fragment(p, 6, 1); TCP; DONE;)
PACKET(later6, IP6(44, 64); packet_fragment(p, 6, 8); TCP; DONE;)
PACKET(later6_ext, IP6(44, 64); packet_fragment(p, 60, 8); TCP; DONE;)
PACKET(past6, IP6(60, 64); packet_ext(p, 60, 6, 0); DONE; p->bytes[55] = 255; TCP;)
PACKET(zero6, IP6(6, 64); TCP;)
PACKET(jumbo6, IP6(0, 64); packet_ext(p, 0, 6, 0); TCP;)
PACKET(none6, IP6(59, 64);)
PACKET(version6, IP6(6, 64); TCP; DONE; p->bytes[14] = 0x45;)

#define F(name) SLUICE_PACKET_##name
#define TCP_ALL (F(PORTS) | F(TCP_FLAGS))
#define ROW(name, ...)                           \
	{                                        \
#name, build_##name, __VA_ARGS__ \
	}

/* name, family, proto, flags, dst_port, extensions, vlans */
const struct parse_case parse_cases[] = {
	ROW(tcp4, 4, 6, TCP_ALL, 443, 0, 0),
	ROW(udp4_padded, 4, 17, F(PORTS), 53, 0, 0),
	ROW(options4, 4, 6, TCP_ALL, 443, 0, 0),
	ROW(icmp4, 4, 1, F(ICMP), 0, 0, 0),
	ROW(icmp6_in_4, 4, 58, 0, 0, 0, 0),
	ROW(gre4, 4, 47, 0, 0, 0, 0),
	ROW(first4, 4, 6, TCP_ALL | F(FRAGMENT), 443, 0, 0),
	ROW(later4, 4, 6, F(FRAGMENT) | F(LATER), 0, 0, 0),
	ROW(tiny4, 4, 6, F(PORTS) | F(FRAGMENT) | F(TRUNCATED), 443, 0, 0),
	ROW(ihl4, 4, 6, F(TRUNCATED), 0, 0, 0),
	ROW(short4, 4, 6, TCP_ALL | F(TRUNCATED), 443, 0, 0),
	ROW(long4, 4, 6, TCP_ALL | F(TRUNCATED), 443, 0, 0),
	ROW(hidden4, 4, 6, F(TRUNCATED), 0, 0, 0),
	ROW(cut4, 0, 0, F(TRUNCATED), 0, 0, 0),
	ROW(vlan2, 4, 6, TCP_ALL, 443, 0, 2),
	ROW(vlan3, 0, 0, F(TOO_DEEP), 0, 0, 2),
	ROW(arp, 0, 0, F(ARP), 0, 0, 0),
	ROW(tcp6, 6, 6, TCP_ALL, 443, 0, 0),
	ROW(echo6, 6, 58, F(ICMP), 0, 0, 0),
	ROW(icmp1_in_6, 6, 1, 0, 0, 0, 0),
	ROW(nd6, 6, 58, F(ICMP) | F(ND), 0, 0, 0),
	ROW(nd6_far, 6, 58, F(ICMP), 0, 0, 0),
	ROW(nd6_long, 6, 58, F(ICMP) | F(TRUNCATED), 0, 0, 0),
	ROW(nd6_fragment, 6, 58, F(ICMP) | F(FRAGMENT), 0, 1, 0),
	ROW(ext2, 6, 6, TCP_ALL, 443, 2, 0),
	ROW(ah6, 6, 6, TCP_ALL, 443, 1, 0),
	ROW(ext6, 6, 6, TCP_ALL, 443, 6, 0),
	ROW(ext7, 6, 60, F(TOO_DEEP) | F(NO_PROTO), 0, 6, 0),
	ROW(first6, 6, 6, TCP_ALL | F(FRAGMENT), 443, 1, 0),
	ROW(later6, 6, 6, F(FRAGMENT) | F(LATER), 0, 1, 0),
	ROW(later6_ext, 6, 60, F(FRAGMENT) | F(LATER) | F(NO_PROTO), 0, 1, 0),
	ROW(past6, 6, 6, F(TRUNCATED), 0, 1, 0),
	ROW(zero6, 6, 6, TCP_ALL | F(TRUNCATED), 443, 0, 0),
	ROW(jumbo6, 6, 6, TCP_ALL, 443, 1, 0),
	ROW(none6, 6, 59, 0, 0, 0, 0),
	ROW(version6, 6, 6, F(TRUNCATED), 0, 0, 0),
};

const size_t parse_cases_n = sizeof(parse_cases) / sizeof(parse_cases[0]);

bool parse_case_matches(const struct parse_case *c, const struct packet *packet,
			const struct sluice_packet *parsed)
{
	return parsed->family == c->family && parsed->proto == c->proto &&
	       parsed->flags == c->flags && parsed->dst_port == c->dst_port &&
	       parsed->extensions == c->extensions && parsed->vlans == c->vlans &&
	       parsed->wire_bytes == packet->n;
}
