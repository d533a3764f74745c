/* A limit of packets is shown as it was written, kept, copied, compiled and compared. */
/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "unit/model/limit_text.h"

#define WITH(members)  "{\"scope\":\"packet\",\"limit\":10,\"interval\":\"1s\"," members "}"
#define MATCH(members) WITH("\"match\":{" members "}")

#define FULL                                                                        \
	"\"match\":{\"dst\":[\"192.0.2.0/24\",\"10.0.0.1\"],\"src\":\"2.0.0.0/7\"," \
	"\"proto\":[\"udp\",6],\"dst_port\":[\"1000-2000\",53]},\"per\":\"src/24/48\""

static void make_limit(const char *text, struct limit *ret)
{
	limit_must_parse(text, ret);
	strcpy(ret->id, "lim_1");
	ret->revision = 7;
	limit_date(ret, 1795466160123);
}

static void packets_are_shown_with_the_promised_names(void **state)
{
	static const struct limit_stats stats = {1, 2, 64, UINT64_MAX};
	static const struct limit_capacity capacity = {327680, 163840, 0.125};
	_cleanup_limit_ struct limit limit;
	_cleanup_buf_ struct buf buf = {0};

	make_limit(WITH(FULL ",\"confirm\":\"60s\""), &limit);
	limit_write(&limit, &stats, &capacity, &buf);
	assert_string_equal(
		buf.data,
		"{\"id\":\"lim_1\",\"scope\":\"packet\","
		"\"match\":{\"dst\":[\"192.0.2.0/24\",\"10.0.0.1\"],\"src\":\"2.0.0.0/7\","
		"\"proto\":[\"udp\",\"tcp\"],\"dst_port\":[\"1000-2000\",53]},"
		"\"per\":\"src/24/48\",\"limit\":10,\"interval\":\"1s\",\"burst\":10,"
		"\"algorithm\":\"token_bucket\",\"unit\":\"packets\",\"mode\":\"enforce\","
		"\"strategy\":\"local\",\"on_failure\":\"local_share\",\"name\":null,"
		"\"origin\":\"api\",\"revision\":7,\"created_at\":\"2026-11-23T20:36:00.123Z\","
		"\"updated_at\":\"2026-11-23T20:36:00.123Z\","
		"\"confirm_by\":\"2026-11-23T20:37:00.123Z\","
		"\"stats\":{\"allowed\":1,\"denied\":2,\"allowed_bytes\":64,"
		"\"denied_bytes\":18446744073709551615},"
		"\"capacity\":{\"keys\":327680,\"spoofed_pps\":163840,\"full\":0.125}}");
}

static void capacity_is_shown_as_a_share_of_one(void **state)
{
	static const struct {
		double full;
		const char *text;
	} rows[] = {
		{0, ":0.000}"}, {0.0009, ":0.000}"}, {0.5, ":0.500}"}, {0.9999, ":0.999}"},
		{1, ":1.000}"}, {1.5, ":1.000}"},    {-1, ":0.000}"},  {0.0 / 0.0, ":0.000}"},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct limit_capacity capacity = {.full = rows[i].full};
		_cleanup_limit_ struct limit limit;
		_cleanup_buf_ struct buf buf = {0};

		make_limit(MATCH(""), &limit);
		limit_write(&limit, NULL, &capacity, &buf);
		if (!strstr(buf.data, rows[i].text))
			fail_msg("%s: %s", rows[i].text, buf.data);
	}
}

/* What is sent, and the piece of what is shown that comes from it. */
static void match_and_per_are_shown_in_their_shortest_form(void **state)
{
	static const struct {
		const char *text, *piece;
	} rows[] = {
		{WITH("\"mode\":\"off\""), "\"match\":{},\"per\":null,"},
		{MATCH(""), "\"match\":{},\"per\":null,"},
		{MATCH("\"dst\":[\"192.0.2.1/32\"]"), "{\"dst\":\"192.0.2.1\"}"},
		{MATCH("\"dst\":\"0.0.0.0/0\""), "{\"dst\":\"0.0.0.0/0\"}"},
		{MATCH("\"src\":\"2001:0DB8:0:0:0:0:0:1/128\""), "{\"src\":\"2001:db8::1\"}"},
		{MATCH("\"src\":[\"::/0\"]"), "{\"src\":\"::/0\"}"},
		{MATCH("\"src\":[\"b::\",\"a::\",\"9.9.9.9\"]"), "[\"b::\",\"a::\",\"9.9.9.9\"]"},
		{MATCH("\"proto\":17"), "{\"proto\":\"udp\"}"},
		{MATCH("\"proto\":[58,\"icmp\",200]"), "[\"icmpv6\",\"icmp\",200]"},
		{MATCH("\"dst_port\":\"53-53\""), "{\"dst_port\":53}"},
		{MATCH("\"dst_port\":[\"0-65535\"]"), "{\"dst_port\":\"0-65535\"}"},
		{WITH("\"per\":[\"src\"]"), "\"per\":\"src\","},
		{WITH("\"per\":\"dst/32/64\""), "\"per\":\"dst\","},
		{WITH("\"per\":\"dst/24/64\""), "\"per\":\"dst/24\","},
		{WITH("\"per\":\"src/32/48\""), "\"per\":\"src/32/48\","},
		{WITH("\"match\":{\"src\":\"::/0\"},\"per\":\"src/64\""), "\"per\":\"src\","},
		{WITH("\"match\":{\"src\":\"::/0\"},\"per\":\"src/32/128\""),
		 "\"per\":\"src/128\","},
		{WITH("\"match\":{\"src\":\"::/0\"},\"per\":\"src/24/64\""),
		 "\"per\":\"src/24/64\","},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		_cleanup_limit_ struct limit limit;
		char *shown;

		make_limit(rows[i].text, &limit);
		shown = limit_to_text(&limit);
		if (!strstr(shown, rows[i].piece))
			fail_msg("%s: %s", rows[i].text, shown);
		free(shown);
	}
}

static void must_load(const struct buf *record, struct limit *ret)
{
	struct field_error error = {0};

	if (limit_load(record->data, record->len, &error, ret) != 0)
		fail_msg("%s: %s %s", record->data, error.field, error.message);
}

static void packets_load_as_they_were_saved(void **state)
{
	static const char *const texts[] = {
		MATCH(""),
		WITH(FULL),
		WITH(FULL ",\"confirm\":\"1d\",\"burst\":7"),
		WITH("\"unit\":\"bytes\",\"burst\":1514,\"per\":\"dst\""),
		WITH("\"match\":{\"src\":[\"::/0\",\"::1.2.3.4\"]},\"per\":\"dst/128\""),
		MATCH("\"proto\":[0,255],\"dst\":\"255.255.255.255\""),
		"{\"key\":\"k\",\"limit\":1,\"interval\":\"1s\",\"confirm\":\"1s\"}",
	};

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		_cleanup_limit_ struct limit limit = {0}, loaded = {0};
		_cleanup_buf_ struct buf first = {0}, second = {0};
		char *shown, *shown_again;

		make_limit(texts[i], &limit);
		limit_save(&limit, &first);
		must_load(&first, &loaded);
		limit_save(&loaded, &second);
		assert_string_equal(first.data, second.data);
		shown = limit_to_text(&limit);
		shown_again = limit_to_text(&loaded);
		assert_string_equal(shown, shown_again);
		assert_int_equal(loaded.confirm_by_ms, limit.confirm_by_ms);
		assert_int_equal(loaded.confirm_ms, 0);
		if (limit.match)
			assert_memory_equal(loaded.match, limit.match, sizeof(*limit.match));
		assert_true(limit_same_subject(&limit, &loaded));
		free(shown);
		free(shown_again);
	}
}

/* A saved record, with parts that rows of the table below replace. */
#define RECORD_TEXT                                                                        \
	"{\"schema\":1,\"id\":\"lim_1\",\"scope\":\"packet\",\"match\":{\"dst\":\"::1\"}," \
	"\"per\":\"src/128\",\"limit\":10,\"interval\":\"1m\",\"burst\":25,"               \
	"\"algorithm\":\"token_bucket\",\"unit\":\"packets\",\"mode\":\"enforce\","        \
	"\"strategy\":\"local\",\"on_failure\":\"local_share\",\"name\":null,"             \
	"\"origin\":\"api\",\"revision\":3,\"created_at\":\"2026-11-23T20:36:00.123Z\","   \
	"\"updated_at\":\"2026-11-23T20:36:01.000Z\","                                     \
	"\"confirm_by\":\"2026-11-23T20:37:00.123Z\"}"

static void packets_record_is_read(void **state)
{
	const struct buf record = {.data = (char *)RECORD_TEXT, .len = strlen(RECORD_TEXT)};
	_cleanup_limit_ struct limit limit = {0};

	must_load(&record, &limit);
	assert_int_equal(limit.match->dst[0].bytes[15], 1);
	assert_int_equal(limit.match->per_length6, 128);
	assert_int_equal(limit.confirm_by_ms, 1795466220123);
}

static void packets_record_that_is_corrupt_is_refused_by_field(void **state)
{
	static const struct {
		const char *from, *to, *field, *piece;
	} rows[] = {
		{"\"match\":{\"dst\":\"::1\"},\"per\":\"src/128\"", "\"per\":\"src\"", "match",
		 "is required"},
		{"\"per\":\"src/128\",", "", "per", "is required"},
		{"\"scope\":\"packet\",", "", "match", "belongs to limits of packets"},
		{"\"scope\":\"packet\"", "\"scope\":\"request\"", "match", "belongs to"},
		{"\"per\":", "\"key\":\"k\",\"per\":", "key", "belongs to limits of requests"},
		{"\"per\":", "\"confirm\":\"1s\",\"per\":", "confirm", "is not a field"},
		{"\"per\":", "\"capacity\":{},\"per\":", "capacity", "is not a field"},
		{"\"dst\":\"::1\"", "\"dst\":\"::1/2\"", "match.dst", "bits set"},
		{"\"dst\":\"::1\"", "\"dst\":\"1.1.1.1\"", "per", "single"},
		{"\"unit\":\"packets\"", "\"unit\":\"requests\"", "unit", "use \"packets\""},
		{"\"unit\":\"packets\"", "\"unit\":\"bytes\"", "burst", "at least 1514"},
		{"\"unit\":\"packets\",", "", "unit", "is required"},
		{"\"confirm_by\":\"2026", "\"confirm_by\":\"26", "confirm_by", "a time"},
	};
	char text[4096];

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const char *at = strstr(RECORD_TEXT, rows[i].from);
		struct field_error error = {0};
		struct limit limit = {.limit = 77};
		int r;

		assert_non_null(at);
		snprintf(text, sizeof(text), "%.*s%s%s", (int)(at - RECORD_TEXT), RECORD_TEXT,
			 rows[i].to, at + strlen(rows[i].from));
		r = limit_load(text, strlen(text), &error, &limit);
		limit_must_be_refused(r, &error, rows[i].field, rows[i].piece, text);
		assert_int_equal(limit.limit, 77);
	}
}

static void packets_copy_stands_alone(void **state)
{
	_cleanup_limit_ struct limit copy;
	char *before, *after;
	struct limit limit;

	make_limit(WITH(FULL), &limit);
	before = limit_to_text(&limit);
	assert_int_equal(limit_copy(&limit, &copy), 0);
	memset(limit.match, 0xFF, sizeof(*limit.match));
	limit_done(&limit);
	assert_null(limit.match);
	after = limit_to_text(&copy);
	assert_string_equal(before, after);
	free(before);
	free(after);
}

static void packets_compile_by_their_unit(void **state)
{
	static const struct {
		const char *text;
		struct sluice_spec spec;
	} rows[] = {
		{MATCH(""), {10, 10, 1000000000, 1, SLUICE_TOKEN_BUCKET}},
		{"{\"scope\":\"packet\",\"unit\":\"bytes\",\"limit\":12500000000,"
		 "\"interval\":\"1s\",\"burst\":2000000}",
		 {12500000000, 2000000, 1000000000, SLUICE_BYTES_COST_MIN, SLUICE_TOKEN_BUCKET}},
		{"{\"scope\":\"packet\",\"unit\":\"bytes\",\"limit\":1514,\"interval\":\"1s\"}",
		 {1514, 1514, 1000000000, SLUICE_BYTES_COST_MIN, SLUICE_TOKEN_BUCKET}},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct sluice_params expected, params = {0};
		_cleanup_limit_ struct limit limit;

		limit_must_parse(rows[i].text, &limit);
		assert_int_equal(sluice_params_compile(&rows[i].spec, 0, &expected), 0);
		assert_int_equal(limit_compile(&limit, 0, NULL, &params), 0);
		assert_memory_equal(&params, &expected, sizeof(params));
	}
}

static void bytes_must_hold_a_packet(void **state)
{
	static const struct limit_refusal rows[] = {
		{WITH("\"unit\":\"bytes\""), "burst", "follows the limit of 10 bytes"},
		{WITH("\"unit\":\"bytes\",\"burst\":1513"), "burst",
		 "is 1513 bytes: give at least 1514"},
		{WITH("\"burst\":1513,\"unit\":\"bytes\""), "burst", "a full-size packet"},
	};

	limits_must_be_refused(rows, sizeof(rows) / sizeof(rows[0]));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(packets_are_shown_with_the_promised_names),
		cmocka_unit_test(capacity_is_shown_as_a_share_of_one),
		cmocka_unit_test(match_and_per_are_shown_in_their_shortest_form),
		cmocka_unit_test(packets_load_as_they_were_saved),
		cmocka_unit_test(packets_record_is_read),
		cmocka_unit_test(packets_record_that_is_corrupt_is_refused_by_field),
		cmocka_unit_test(packets_copy_stands_alone),
		cmocka_unit_test(packets_compile_by_their_unit),
		cmocka_unit_test(bytes_must_hold_a_packet),
	};

	return cmocka_run_group_tests_name("packet_codec", tests, NULL, NULL);
}
