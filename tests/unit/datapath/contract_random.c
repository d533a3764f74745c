/* The contract of the packet path: random packets under random limits. */
/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "bpf/packets.h"
#include "bpf/parse.h"
#include "unit/datapath/contract_cases.h"
#include "unit/datapath/plain_match.h"

static void put_address(struct algo_random *random, bool four, uint8_t *at)
{
	uint8_t address[16];

	limit_set_random_address(random, four ? 4 : 6, address);
	memcpy(at, address, four ? 4 : 16);
}

/* A frame whose addresses and ports lie where random limits look; one in eight is cut. */
static void random_frame(struct algo_random *random, struct packet *p)
{
	static const uint8_t protos[] = {6, 17, 17, 1, 58};
	bool four = algo_random_below(random, 2);
	uint8_t proto = protos[algo_random_below(random, sizeof(protos))];
	uint16_t port = limit_set_random_port(random);

	if (algo_random_below(random, 4) == 0)
		proto = limit_set_random_proto(random);
	packet_eth(p, four ? 0x0800 : 0x86dd);
	if (algo_random_below(random, 8) == 0)
		packet_vlan(p, 0x8100, 7);
	if (four)
		packet_ip4(p, (struct packet_ip4){
				      .proto = proto,
				      .fragment = algo_random_below(random, 8) ? 0 : 0x2010});
	else
		packet_ip6(p, (struct packet_ip6){.next = proto, .hop_limit = 64});
	put_address(random, four, p->bytes + p->n - (four ? 8 : 32));
	put_address(random, four, p->bytes + p->n - (four ? 4 : 16));
	if (proto == 6)
		packet_tcp(p, 1000, port, 2);
	else
		packet_udp(p, 1000, port);
	packet_fill(p, 0, 20);
	packet_finish(p);
	if (algo_random_below(random, 8) == 0)
		p->n = (uint32_t)algo_random_between(random, 14, p->n);
}

static bool is_exempt(const struct sluice_packet *p)
{
	if (p->flags & (SLUICE_PACKET_ARP | SLUICE_PACKET_ND))
		return true;
	return !p->family && !(p->flags & (SLUICE_PACKET_TRUNCATED | SLUICE_PACKET_TOO_DEEP));
}

/* 16 shadows on any packet at most, so that each counts every packet that it is about. */
void random_packets_count_for_the_limits_they_match(void **state)
{
	struct contract *c = contract_open(state);
	uint64_t expected[16] = {0};
	struct algo_random random;

	algo_random_start(&random, __func__);
	limit_set_add_random(c->set, &random, 16, 60);
	for (size_t i = 0; i < 16; i++)
		c->set->own[i].mode = ENGINE_SHADOW;
	contract_apply(c);
	for (int i = 0; i < 3000; i++) {
		struct sluice_packet parsed;
		struct packet p;

		random_frame(&random, &p);
		parse_packet(p.bytes, p.n, &parsed);
		assert_true(contract_packet(c, p.bytes, p.n));
		for (size_t j = 0; j < 16 && !is_exempt(&parsed); j++)
			expected[j] += plain_match(c->set->own[j].match, &parsed);
	}
	for (size_t i = 0; i < 16; i++) {
		struct sluice_counts counts = contract_counts(c, c->set->own[i].id);

		assert_int_equal(counts.allowed_packets + counts.denied_packets, expected[i]);
	}
	assert_true(contract_reasons(c).crowded == 0);
}
