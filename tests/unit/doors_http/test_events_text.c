/* Events as text: one line of data each, JSON that parses, and a size that a stream can hold. */
/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "doors/http/events_text.h"
#include "httpd/httpd.h"
#include "json/json.h"

static const double no_checks[METRICS_N_CHECKS];

/* What stands behind "data: ", which must be one line and JSON. */
static struct json_document *data_of(const struct buf *text, const char *event)
{
	struct json_document *document;
	struct field_error error;
	const char *data, *end;

	assert_false(text->failed);
	assert_memory_equal(text->data, "event: ", 7);
	assert_memory_equal(text->data + 7, event, strlen(event));
	data = text->data + 7 + strlen(event);
	assert_memory_equal(data, "\ndata: {", 8);
	data += 7;
	end = strchr(data, '\n');
	assert_string_equal(end, "\n\n");
	assert_int_equal(json_parse(data, (size_t)(end - data), &error, &document), 0);
	return document;
}

static const struct json *at(const struct json *object, const char *name)
{
	const struct json *member = json_member(object, name);

	assert_non_null(member);
	return member;
}

static void decision_says_what_was_asked_and_answered(void **state)
{
	static const char key[] = "a\nb\"c\r\xe2\x80\xa8";
	const struct events_decision decision = {
		.time_ms = 1790000000123,
		.key = key,
		.key_len = sizeof(key) - 1,
		.cost = -3,
		.allowed = true,
		.limit = "lim_a",
		.weight = 17,
	};
	_cleanup_json_ struct json_document *document = NULL;
	_cleanup_buf_ struct buf text;
	const struct json *root;
	size_t len;

	buf_init(&text);
	events_put_decision(&decision, &text);
	document = data_of(&text, "decision");
	root = json_root(document);
	assert_string_equal(json_string(at(root, "time"), &len), "2026-09-21T14:13:20.123Z");
	assert_string_equal(json_string(at(root, "key"), &len), key);
	assert_int_equal(json_integer(at(root, "cost")), -3);
	assert_true(json_bool(at(root, "allowed")));
	assert_string_equal(json_string(at(root, "limit"), &len), "lim_a");
	assert_string_equal(json_string(at(root, "door"), &len), "http");
	assert_int_equal(json_integer(at(root, "weight")), 17);
}

static void decision_that_no_limit_made_says_null(void **state)
{
	const struct events_decision decision = {.key = "k", .key_len = 1, .allowed = true};
	_cleanup_json_ struct json_document *document = NULL;
	_cleanup_buf_ struct buf text;

	buf_init(&text);
	events_put_decision(&decision, &text);
	document = data_of(&text, "decision");
	assert_int_equal(json_type_of(at(json_root(document), "limit")), JSON_NULL);
}

static void lost_says_how_many(void **state)
{
	_cleanup_buf_ struct buf text;

	buf_init(&text);
	events_put_lost(12, &text);
	assert_string_equal(text.data, "event: lost\ndata: {\"events\":12}\n\n");
}

static void host_is_told_to_its_tenant_only(void **state)
{
	const struct events_host host = {
		.keys_live = 5, .packets_on = true, .packets.refused = 2.5};
	struct events_rates rates = {.checks_per_s = no_checks, .seconds = 1, .sampled_1_of = 1};
	_cleanup_json_ struct json_document *with = NULL, *without = NULL;
	_cleanup_buf_ struct buf text;

	buf_init(&text);
	events_put_rates(&rates, &text);
	without = data_of(&text, "rates");
	assert_null(json_member(json_root(without), "keys_live"));
	assert_null(json_member(json_root(without), "packets"));
	buf_clear(&text);
	rates.host = &host;
	events_put_rates(&rates, &text);
	with = data_of(&text, "rates");
	assert_int_equal(json_integer(at(json_root(with), "keys_live")), 5);
	assert_true(json_read_real(at(at(json_root(with), "packets"), "refused_per_s")) == 2.5);
}

/* Names, patterns and keys of the greatest length, in characters that take six bytes each. */
static void greatest_rates_fit_a_stream_and_nothing_is_left_out_of_the_sum(void **state)
{
	struct events_limit *limits = calloc(EVENTS_LIMITS_MAX, sizeof(*limits));
	const struct events_rates rates = {
		.checks_per_s = no_checks,
		.limits = limits,
		.n_limits = EVENTS_LIMITS_MAX,
		.n_others = 7,
		.others = {.allowed_per_s = 3},
	};
	_cleanup_json_ struct json_document *document = NULL;
	const struct json *root, *others, *told;
	char hostile[ENGINE_KEY_MAX];
	struct limit limit = {.key = hostile, .key_len = sizeof(hostile), .interval_ns = 1000000};
	_cleanup_buf_ struct buf text;
	size_t n;

	memset(hostile, 1, sizeof(hostile));
	memset(limit.name, 1, LIMIT_NAME_MAX);
	for (int i = 0; i < EVENTS_LIMITS_MAX; i++) {
		limits[i].limit = &limit;
		limits[i].flow.allowed_per_s = 2;
		limits[i].n_keys = EVENTS_KEYS_MAX;
		for (int j = 0; j < EVENTS_KEYS_MAX; j++)
			limits[i].keys[j] = (struct events_key){hostile, sizeof(hostile), 1, 1};
	}
	buf_init(&text);
	events_put_rates(&rates, &text);
	assert_in_range(text.len, EVENTS_TEXT_LIMITS_MAX, HTTPD_STREAM_MAX * 3 / 4);
	document = data_of(&text, "rates");
	root = json_root(document);
	told = at(root, "limits");
	others = at(root, "others");
	n = json_array_len(told);
	assert_in_range(n, 10, EVENTS_LIMITS_MAX - 1);
	assert_int_equal(json_array_len(at(json_array_at(told, 0), "keys")), EVENTS_KEYS_MAX);
	assert_int_equal(json_array_len(at(json_array_at(told, n - 1), "keys")), 0);
	assert_int_equal(json_integer(at(others, "limits")), 7 + EVENTS_LIMITS_MAX - n);
	assert_int_equal((size_t)json_read_real(at(others, "allowed_per_s")),
			 3 + 2 * (EVENTS_LIMITS_MAX - n));
	free(limits);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(decision_says_what_was_asked_and_answered),
		cmocka_unit_test(decision_that_no_limit_made_says_null),
		cmocka_unit_test(lost_says_how_many),
		cmocka_unit_test(host_is_told_to_its_tenant_only),
		cmocka_unit_test(greatest_rates_fit_a_stream_and_nothing_is_left_out_of_the_sum),
	};

	return cmocka_run_group_tests_name("events_text", tests, NULL, NULL);
}
