/* Matches that mean the same are one subject, and no others are. */
/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "unit/model/limit_text.h"

#define WITH(members)  "{\"scope\":\"packet\",\"limit\":10,\"interval\":\"1s\"," members "}"
#define MATCH(members) WITH("\"match\":{" members "}")

static void check_pair(const char *a_text, const char *b_text, bool same)
{
	_cleanup_limit_ struct limit a, b;
	_cleanup_buf_ struct buf a_subject = {0}, b_subject = {0};

	limit_must_parse(a_text, &a);
	limit_must_parse(b_text, &b);
	limit_subject(&a, &a_subject);
	limit_subject(&b, &b_subject);
	assert_false(a_subject.failed || b_subject.failed);
	if (limit_same_subject(&a, &b) != same || limit_same_subject(&b, &a) != same)
		fail_msg("%s and %s are %s", a_text, b_text, same ? "not the same" : "the same");
	if ((strcmp(a_subject.data, b_subject.data) == 0) != same)
		fail_msg("%s and %s: %s and %s", a_text, b_text, a_subject.data, b_subject.data);
}

static void packets_that_mean_the_same_are_one_subject(void **state)
{
	static const char *const rows[][2] = {
		{WITH("\"mode\":\"off\",\"name\":\"x\",\"burst\":3"), MATCH("")},
		{MATCH("\"dst\":[\"10.0.0.0/8\",\"::1\"]"),
		 MATCH("\"dst\":[\"::1\",\"10.0.0.0/8\"]")},
		{MATCH("\"proto\":[\"tcp\",17]"), MATCH("\"proto\":[\"udp\",\"tcp\"]")},
		{MATCH("\"dst_port\":[1,2,\"3-9\"]"), MATCH("\"dst_port\":\"1-9\"")},
		{MATCH("\"dst_port\":[\"5-7\",\"1-9\"]"), MATCH("\"dst_port\":[\"1-6\",\"4-9\"]")},
		{MATCH("\"dst_port\":[65535,\"0-65534\"]"), MATCH("\"dst_port\":\"0-65535\"")},
		{MATCH("\"dst_port\":53"),
		 MATCH("\"dst_port\":53,\"proto\":[\"udplite\",\"sctp\",\"dccp\",\"udp\",\"tcp\"]")},
		/* A prefix in another, halves of one, and all there is. */
		{MATCH("\"dst\":[\"10.1.2.3\",\"10.0.0.0/8\",\"10.1.0.0/16\"]"),
		 MATCH("\"dst\":\"10.0.0.0/8\"")},
		{MATCH("\"src\":[\"10.0.0.192/26\",\"10.0.0.0/25\",\"10.0.0.128/26\"]"),
		 MATCH("\"src\":\"10.0.0.0/24\"")},
		{MATCH("\"src\":[\"::/1\",\"8000::/1\"]"), MATCH("\"src\":\"::/0\"")},
		{MATCH("\"src\":[\"128.0.0.0/1\",\"::/0\",\"0.0.0.0/1\"]"), MATCH("")},
		{MATCH("\"dst\":[\"0.0.0.0/0\",\"::/0\"],\"src\":[\"::/0\",\"0.0.0.0/0\"]"),
		 MATCH("")},
		/* Addresses of a family that the other member excludes. */
		{MATCH("\"dst\":\"10.0.0.0/8\",\"src\":\"0.0.0.0/0\""),
		 MATCH("\"dst\":\"10.0.0.0/8\"")},
		{MATCH("\"dst\":[\"10.0.0.0/8\",\"::1\"],\"src\":\"1.1.1.1\""),
		 MATCH("\"dst\":\"10.0.0.0/8\",\"src\":\"1.1.1.1\"")},
		/* Lengths that are written out, and those of a family that does not come. */
		{WITH("\"per\":\"src/32/64\""), WITH("\"per\":[\"src\"]")},
		{WITH("\"per\":\"src/24/48\",\"match\":{\"dst\":\"10.0.0.0/8\"}"),
		 WITH("\"per\":\"src/24\",\"match\":{\"dst\":\"10.0.0.0/8\"}")},
		{WITH("\"per\":\"src/24/48\",\"match\":{\"dst\":\"::1\"}"),
		 WITH("\"per\":\"src/48\",\"match\":{\"dst\":\"::1\"}")},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		check_pair(rows[i][0], rows[i][1], true);
}

static void packets_that_differ_are_different_subjects(void **state)
{
	static const char *const texts[] = {
		MATCH(""),
		"{\"scope\":\"packet\",\"limit\":10,\"interval\":\"2s\"}",
		WITH("\"unit\":\"bytes\",\"burst\":5000"),
		"{\"key\":\"packets:per=0/0/0\",\"limit\":10,\"interval\":\"1s\"}",
		WITH("\"per\":\"src\""),
		WITH("\"per\":\"dst\""),
		WITH("\"per\":\"src/24\""),
		WITH("\"per\":\"src/32/48\""),
		MATCH("\"dst\":\"0.0.0.0/0\""),
		MATCH("\"dst\":\"::/0\""),
		MATCH("\"dst\":\"10.0.0.0/8\""),
		MATCH("\"src\":\"10.0.0.0/8\""),
		MATCH("\"dst\":\"a00::/8\""),
		MATCH("\"dst\":\"10.0.0.0/9\""),
		MATCH("\"dst\":\"11.0.0.0/8\""),
		/* Neighbours, but not halves of one. */
		MATCH("\"dst\":[\"11.0.0.0/8\",\"12.0.0.0/8\"]"),
		MATCH("\"dst\":[\"10.0.0.0/8\",\"::1\"]"),
		MATCH("\"proto\":\"tcp\""),
		MATCH("\"proto\":[\"tcp\",\"udp\"]"),
		MATCH("\"dst_port\":53"),
		MATCH("\"dst_port\":\"0-65535\""),
		MATCH("\"dst_port\":[53,55]"),
		MATCH("\"dst_port\":\"53-55\""),
		MATCH("\"dst_port\":53,\"proto\":\"udp\""),
		MATCH("\"proto\":[6,17,33,132,136]"),
	};
	const size_t n = sizeof(texts) / sizeof(texts[0]);

	for (size_t i = 0; i < n; i++)
		for (size_t j = 0; j < n; j++)
			check_pair(texts[i], texts[j], i == j);
}

static void packets_subject_has_its_promised_text(void **state)
{
	_cleanup_buf_ struct buf subject = {0};
	_cleanup_limit_ struct limit limit;

	limit_must_parse(WITH("\"match\":{\"dst\":[\"192.0.2.0/24\",\"10.0.0.1\"],"
			      "\"proto\":[\"udp\",6],\"dst_port\":[\"1000-2000\",53]},"
			      "\"per\":\"src/24/48\""),
			 &limit);
	limit_subject(&limit, &subject);
	/* Stores hold its digest: another text would let old limits be made twice. */
	assert_string_equal(subject.data, "packet:token_bucket:1000000000:packets:per=1/24/0;"
					  "dst=10.0.0.1,192.0.2.0/24;src=0.0.0.0/0;proto=6,17;"
					  "dst_port=53-53,1000-2000");
}

/* Every one of n prefixes alone, or one that holds them all: small random sets, told by address. */
static uint32_t next_random(uint32_t *state)
{
	*state = *state * 1664525 + 1013904223;
	return *state >> 16;
}

/* Up to 8 prefixes of 10.0.0.0/28 .. /32; bit i of the result: 10.0.0.i is in one. */
static unsigned int random_match(uint32_t *seed, struct packet_match *match)
{
	unsigned int members = 0;

	packet_match_init(match);
	match->n_dst = 1 + next_random(seed) % 8;
	for (uint32_t i = 0; i < match->n_dst; i++) {
		unsigned int length = 28 + next_random(seed) % 5, size = 1 << (32 - length);
		unsigned int first = next_random(seed) % 16 / size * size;

		match->dst[i] = (struct packet_prefix){.family = 4,
						       .length = (uint8_t)length,
						       .bytes = {10, 0, 0, (uint8_t)first}};
		members |= ((1U << size) - 1) << first;
	}
	return members;
}

static void matches_are_the_same_exactly_if_they_take_the_same_addresses(void **state)
{
	uint32_t seed = 7, same = 0;

	for (int i = 0; i < 20000; i++) {
		_cleanup_buf_ struct buf a_text = {0}, b_text = {0};
		struct packet_match a, b;
		unsigned int a_members = random_match(&seed, &a);
		unsigned int b_members = random_match(&seed, &b);

		packet_match_format(&a, &a_text);
		packet_match_format(&b, &b_text);
		assert_int_equal(packet_match_same(&a, &b), a_members == b_members);
		assert_int_equal(strcmp(a_text.data, b_text.data) == 0, a_members == b_members);
		same += a_members == b_members;
	}
	/* Both outcomes were seen. */
	assert_in_range(same, 100, 19900);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(packets_that_mean_the_same_are_one_subject),
		cmocka_unit_test(packets_that_differ_are_different_subjects),
		cmocka_unit_test(packets_subject_has_its_promised_text),
		cmocka_unit_test(matches_are_the_same_exactly_if_they_take_the_same_addresses),
	};

	return cmocka_run_group_tests_name("packet_canonical", tests, NULL, NULL);
}
