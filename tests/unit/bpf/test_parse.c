/* The packet parser, natively: a table of packets, and agreement with the reference parser. */
/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "bpf/packets.h"
#include "bpf/parse.h"
#include "bpf/parse_cases.h"
#include "bpf/reference.h"

enum { ROUNDS = 100000 };

/* Parses a copy of exact size, so that the sanitizer sees a byte too far. */
static void parse_exact(const struct packet *packet, struct sluice_packet *ret)
{
	uint8_t *frame = malloc(packet->n);

	if (packet->n)
		memcpy(frame, packet->bytes, packet->n);
	parse_packet(frame, packet->n, ret);
	free(frame);
}

static void parse_of_each_packet_in_table_is_as_written(void **state)
{
	struct sluice_packet parsed;
	struct packet packet;

	for (size_t i = 0; i < parse_cases_n; i++) {
		const struct parse_case *c = &parse_cases[i];

		c->build(&packet);
		parse_exact(&packet, &parsed);
		if (!parse_case_matches(c, &packet, &parsed)) {
			print_error("%s: family %u proto %u flags %#x ports %u %u ext %u\n",
				    c->name, parsed.family, parsed.proto, parsed.flags,
				    parsed.src_port, parsed.dst_port, parsed.extensions);
			fail();
		}
	}
}

static void parse_of_random_packets_equals_reference(void **state)
{
	struct sluice_packet parsed, expected;
	uint32_t seen = 0;
	struct packet packet;
	struct algo_random r;

	algo_random_start(&r, __func__);
	for (uint64_t i = 0; i < ROUNDS; i++) {
		packet_random(&r, 0, &packet);
		parse_exact(&packet, &parsed);
		reference_parse(packet.bytes, packet.n, &expected);
		if (memcmp(&parsed, &expected, sizeof(parsed)))
			print_error("packet %llu: flags %#x, expected %#x\n", (unsigned long long)i,
				    parsed.flags, expected.flags);
		assert_memory_equal(&parsed, &expected, sizeof(parsed));
		seen |= parsed.flags;
	}
	/* The packets reach every flag. */
	assert_int_equal(seen, (SLUICE_PACKET_ND << 1) - 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(parse_of_each_packet_in_table_is_as_written),
		cmocka_unit_test(parse_of_random_packets_equals_reference),
	};

	return cmocka_run_group_tests_name("bpf/parse", tests, NULL, NULL);
}
