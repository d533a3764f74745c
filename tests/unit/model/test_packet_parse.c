/* A limit of packets is read with its defaults, or refused by the member at fault. */
/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "unit/model/limit_text.h"

/* Good limits but for what stands at the end. */
#define WITH(members) "{\"scope\":\"packet\",\"limit\":10,\"interval\":\"1s\"," members "}"
#define KEY(members)  "{\"key\":\"k\",\"limit\":10,\"interval\":\"1s\"," members "}"

#define V6_ONLY "\"match\":{\"dst\":\"2001:db8::/32\"},"

#define CHECK(rows) limits_must_be_refused(rows, sizeof(rows) / sizeof(rows[0]))

static void packets_without_a_match_are_all_packets_in_one_bucket(void **state)
{
	_cleanup_limit_ struct limit limit;

	limit_must_parse(WITH("\"mode\":\"enforce\""), &limit);
	assert_int_equal(limit.scope, LIMIT_SCOPE_PACKET);
	assert_int_equal(limit.unit, LIMIT_PACKETS);
	assert_int_equal(limit.algorithm, SLUICE_TOKEN_BUCKET);
	assert_null(limit.key);
	assert_int_equal(limit.key_len, 0);
	assert_int_equal(limit.match->per, SLUICE_PER_ALL);
	assert_int_equal(limit.match->n_dst + limit.match->n_src, 0);
	assert_int_equal(limit.match->n_proto + limit.match->n_dst_port, 0);
	assert_int_equal(limit.confirm_ms, 0);
	assert_int_equal(limit.confirm_by_ms, 0);
	assert_true(packet_match_takes(limit.match, 4));
	assert_true(packet_match_takes(limit.match, 6));
}

static void packets_with_every_member_are_read(void **state)
{
	static const uint8_t dst[16] = {192, 0, 2}, src[16] = {0x20, 0x01, 0x0d, 0xb8, [15] = 7};
	_cleanup_limit_ struct limit limit;
	const struct packet_match *match;

	/* The scope decides about what comes before it, too. */
	limit_must_parse(
		"{\"unit\":\"bytes\",\"confirm\":\"90s\",\"per\":\"dst/24/48\","
		"\"match\":{\"dst\":[\"192.0.2.0/23\",\"::/0\"],\"src\":[\"2001:DB8::7\","
		"\"0.0.0.0/0\"],\"proto\":[\"tcp\",132],\"dst_port\":[0,\"1000-65535\"]},"
		"\"limit\":1000000,\"interval\":\"1m\",\"name\":\"N\",\"scope\":\"packet\"}",
		&limit);
	match = limit.match;
	assert_int_equal(limit.unit, LIMIT_BYTES);
	assert_int_equal(limit.confirm_ms, 90000);
	assert_int_equal(match->n_dst, 2);
	assert_int_equal(match->dst[0].family, 4);
	assert_int_equal(match->dst[0].length, 23);
	assert_memory_equal(match->dst[0].bytes, dst, 16);
	assert_int_equal(match->dst[1].family, 6);
	assert_int_equal(match->dst[1].length, 0);
	assert_int_equal(match->n_src, 2);
	assert_int_equal(match->src[0].length, 128);
	assert_memory_equal(match->src[0].bytes, src, 16);
	assert_int_equal(match->n_proto, 2);
	assert_int_equal(match->proto[0], 6);
	assert_int_equal(match->proto[1], 132);
	assert_int_equal(match->n_dst_port, 2);
	assert_int_equal(match->dst_port[0].first, 0);
	assert_int_equal(match->dst_port[0].last, 0);
	assert_int_equal(match->dst_port[1].first, 1000);
	assert_int_equal(match->dst_port[1].last, 65535);
	assert_int_equal(match->per, SLUICE_PER_DST);
	assert_int_equal(match->per_length4, 24);
	assert_int_equal(match->per_length6, 48);
}

static void packets_per_an_address_are_read(void **state)
{
	static const struct {
		const char *text;
		enum sluice_per per;
		unsigned int length4, length6;
	} rows[] = {
		{WITH("\"per\":null"), SLUICE_PER_ALL, 32, 64},
		{WITH("\"per\":\"src\""), SLUICE_PER_SRC, 32, 64},
		{WITH("\"per\":[\"dst\"]"), SLUICE_PER_DST, 32, 64},
		{WITH("\"per\":\"src/24\""), SLUICE_PER_SRC, 24, 64},
		{WITH("\"per\":\"dst/1/1\""), SLUICE_PER_DST, 1, 1},
		{WITH("\"per\":\"src/32/64\""), SLUICE_PER_SRC, 32, 64},
		{WITH("\"match\":{\"dst\":\"10.0.0.0/8\"},\"per\":\"src/24/48\""), SLUICE_PER_SRC,
		 24, 48},
		{WITH(V6_ONLY "\"per\":\"src\""), SLUICE_PER_SRC, 32, 64},
		{WITH(V6_ONLY "\"per\":\"src/48\""), SLUICE_PER_SRC, 32, 48},
		{WITH(V6_ONLY "\"per\":\"src/128\""), SLUICE_PER_SRC, 32, 128},
		{WITH(V6_ONLY "\"per\":\"src/24/128\""), SLUICE_PER_SRC, 24, 128},
		/* What match says counts, also when it comes later. */
		{WITH("\"per\":\"src/65\",\"match\":{\"src\":\"::/0\"}"), SLUICE_PER_SRC, 32, 65},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		_cleanup_limit_ struct limit limit;

		limit_must_parse(rows[i].text, &limit);
		if (limit.match->per != rows[i].per ||
		    limit.match->per_length4 != rows[i].length4 ||
		    limit.match->per_length6 != rows[i].length6)
			fail_msg("%s: %d/%u/%u", rows[i].text, (int)limit.match->per,
				 limit.match->per_length4, limit.match->per_length6);
	}
}

static void packets_and_requests_keep_their_own_members(void **state)
{
	static const struct limit_refusal rows[] = {
		{WITH("\"key\":\"k\""), "key", "belongs to limits of requests"},
		{WITH("\"unit\":\"requests\""), "unit", "use \"packets\" or \"bytes\""},
		{WITH("\"unit\":\"connections\""), "unit", "not available yet"},
		{WITH("\"unit\":\"bits\""), "unit", "must be \"packets\" or \"bytes\""},
		{WITH("\"strategy\":\"shared\""), "strategy", "needs Redis"},
		{WITH("\"confirm_by\":null"), "confirm_by", "read-only"},
		{WITH("\"capacity\":{}"), "capacity", "read-only"},
		{KEY("\"match\":{}"), "match", "add \"scope\":\"packet\""},
		{KEY("\"match\":7"), "match", "add \"scope\":\"packet\""},
		{KEY("\"per\":\"src\""), "per", "add \"scope\":\"packet\""},
		{KEY("\"scope\":\"request\",\"per\":null"), "per", "add \"scope\":\"packet\""},
		{KEY("\"unit\":\"packets\""), "unit", "add \"scope\":\"packet\""},
		{KEY("\"unit\":\"bytes\""), "unit", "add \"scope\":\"packet\""},
		{KEY("\"unit\":\"connections\""), "unit", "not available yet"},
		{"{\"scope\":\"packet\",\"interval\":\"1s\"}", "limit", "is required"},
		{"{\"scope\":\"packet\",\"limit\":1}", "interval", "is required"},
		{"{\"limit\":1,\"interval\":\"1s\"}", "key", "is required"},
	};

	CHECK(rows);
}

static void packets_by_a_window_are_understood_but_unsupported(void **state)
{
	static const char *const algorithms[] = {"fixed_window", "sliding_window"};

	for (size_t i = 0; i < 2; i++) {
		struct field_error error = {0};
		struct limit limit = {.limit = 77};
		char text[200];

		snprintf(text, sizeof(text), WITH("\"algorithm\":\"%s\""), algorithms[i]);
		assert_int_equal(limit_from_text(text, &error, &limit), MODEL_E_UNSUPPORTED);
		assert_string_equal(error.field, "algorithm");
		assert_non_null(strstr(error.message, "token_bucket"));
		assert_int_equal(limit.limit, 77);
	}
}

static void packets_per_a_wrong_address_are_refused(void **state)
{
	static const struct limit_refusal rows[] = {
		{WITH("\"per\":\"\""), "per", "must be \"src\" or \"dst\""},
		{WITH("\"per\":\"ip\""), "per", "must be \"src\" or \"dst\""},
		{WITH("\"per\":\"srcs\""), "per", "must be \"src\" or \"dst\""},
		{WITH("\"per\":\"Src\""), "per", "must be \"src\" or \"dst\""},
		{WITH("\"per\":\"src/\""), "per", "must be \"src\" or \"dst\""},
		{WITH("\"per\":\"src/24/\""), "per", "must be \"src\" or \"dst\""},
		{WITH("\"per\":\"src/24/48/1\""), "per", "must be \"src\" or \"dst\""},
		{WITH("\"per\":\"src/024\""), "per", "must be \"src\" or \"dst\""},
		{WITH("\"per\":\"src /24\""), "per", "must be \"src\" or \"dst\""},
		{WITH("\"per\":\"src/1000\""), "per", "must be \"src\" or \"dst\""},
		{WITH("\"per\":\"src/0\""), "per", "IPv4 prefix length from 1 to 32"},
		{WITH("\"per\":\"src/33\""), "per", "IPv4 prefix length from 1 to 32: a single"},
		{WITH("\"per\":\"src/128\""), "per", "unless match has IPv6 addresses only"},
		{WITH("\"per\":\"src/33/48\""), "per", "IPv4 prefix length from 1 to 32"},
		{WITH("\"per\":\"src/24/0\""), "per", "IPv6 prefix length from 1 to 64"},
		{WITH("\"per\":\"src/24/65\""), "per", "to 64, as long as match takes IPv4"},
		{WITH("\"match\":{\"dst\":\"10.0.0.0/8\"},\"per\":\"src/24/65\""), "per",
		 "IPv6 prefix length from 1 to 64"},
		{WITH(V6_ONLY "\"per\":\"src/129\""), "per", "IPv6 prefix length from 1 to 128"},
		{WITH(V6_ONLY "\"per\":\"src/0\""), "per", "IPv6 prefix length from 1 to 128"},
		{WITH("\"per\":[]"), "per", "exactly one value, not 0"},
		{WITH("\"per\":[\"src\",\"dst\"]"), "per", "exactly one value, not 2"},
		{WITH("\"per\":[7]"), "per", "must be a string, not an integer"},
		{WITH("\"per\":[[\"src\"]]"), "per", "must be a string, not an array"},
		{WITH("\"per\":{}"), "per", "must be a string, not an object"},
	};

	CHECK(rows);
}

static void confirm_is_read_for_both_scopes(void **state)
{
	static const struct {
		const char *text;
		uint64_t ms;
	} rows[] = {
		{WITH("\"confirm\":\"1s\""), 1000},
		{KEY("\"confirm\":\"1d\""), 86400000},
		{WITH("\"confirm\":\"1500ms\""), 1500},
	};
	static const struct limit_refusal wrong[] = {
		{WITH("\"confirm\":\"999ms\""), "confirm", "from \"1s\" to \"1d\""},
		{KEY("\"confirm\":\"86400001ms\""), "confirm", "from \"1s\" to \"1d\""},
		{WITH("\"confirm\":\"60\""), "confirm", "such as \"60s\""},
		{WITH("\"confirm\":\"\""), "confirm", "such as \"60s\""},
		{WITH("\"confirm\":60"), "confirm", "must be a string, not an integer"},
		{WITH("\"confirm\":null"), "confirm", "must be a string, not null"},
		{WITH("\"confrim\":\"60s\""), "confrim", "did you mean \"confirm\"?"},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		_cleanup_limit_ struct limit limit;

		limit_must_parse(rows[i].text, &limit);
		assert_int_equal(limit.confirm_ms, rows[i].ms);
		assert_int_equal(limit.confirm_by_ms, 0);
		limit_date(&limit, 1000000);
		assert_int_equal(limit.created_at_ms, 1000000);
		assert_int_equal(limit.updated_at_ms, 1000000);
		assert_int_equal(limit.confirm_by_ms, 1000000 + rows[i].ms);
		assert_int_equal(limit.confirm_ms, 0);
	}
	CHECK(wrong);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(packets_without_a_match_are_all_packets_in_one_bucket),
		cmocka_unit_test(packets_with_every_member_are_read),
		cmocka_unit_test(packets_per_an_address_are_read),
		cmocka_unit_test(packets_and_requests_keep_their_own_members),
		cmocka_unit_test(packets_by_a_window_are_understood_but_unsupported),
		cmocka_unit_test(packets_per_a_wrong_address_are_refused),
		cmocka_unit_test(confirm_is_read_for_both_scopes),
	};

	return cmocka_run_group_tests_name("packet_parse", tests, NULL, NULL);
}
