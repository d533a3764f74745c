/* What `sluice top` shows: lines that fit, in order, and nothing that steers a terminal. */
/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "cli/text_priv.h"
#include "cli/top_view_priv.h"

#define KEY(key, allowed, denied) \
	"{\"key\":\"" key "\",\"allowed_per_s\":" allowed ",\"denied_per_s\":" denied "}"
#define LIMIT(key, allowed, denied, keys)                                                  \
	"{\"id\":\"lim_" key "\",\"name\":null,\"scope\":\"request\",\"key\":\"" key "\"," \
	"\"unit\":\"requests\",\"limit\":10,\"interval\":\"1m\",\"mode\":\"enforce\","     \
	"\"allowed_per_s\":" allowed ",\"denied_per_s\":" denied ",\"keys\":[" keys "]}"
#define RATES(limits, others)                                                           \
	"{\"time\":\"2026-11-25T20:47:11.366Z\",\"seconds\":1,\"sampled_1_of\":12.4,"   \
	"\"checks\":{\"allowed_per_s\":1234.5,\"denied_per_s\":3,\"peeked_per_s\":0,"   \
	"\"invalid_per_s\":1,\"keys_max_per_s\":1,\"failed_per_s\":0},\"keys_live\":7," \
	"\"packets\":null,\"limits\":[" limits "],\"others\":{\"limits\":" others       \
	",\"allowed_per_s\":20,\"denied_per_s\":0}}"

/* The lines of one view. */
struct shown {
	char text[16384];
	const char *lines[200];
	size_t n;
};

static void show(struct top_view *view, const char *rates, struct shown *ret)
{
	struct json_document *document = NULL;
	struct field_error error;
	struct buf out;
	char *at;

	buf_init(&out);
	if (rates)
		assert_int_equal(json_parse(rates, strlen(rates), &error, &document), 0);
	view->url = view->url ?: "http://127.0.0.1:4000";
	view->state = view->state ?: "";
	view->keys = view->keys ?: 3;
	view->rates = rates ? json_root(document) : NULL;
	top_view_write(view, &out);
	assert_false(out.failed);
	assert_true(out.len < sizeof(ret->text));
	memcpy(ret->text, out.data, out.len + 1);
	ret->n = 0;
	for (at = ret->text; *at; at = strchr(at, '\0') + 1) {
		*strchr(at, '\n') = '\0';
		assert_true(text_columns(at, strlen(at)) <= view->width);
		for (const char *c = at; *c; c++)
			assert_true((unsigned char)*c >= ' ' && *c != 0x7F);
		ret->lines[ret->n++] = at;
	}
	json_document_free(document);
	buf_done(&out);
}

static void view_of_80_columns(void **state)
{
	struct top_view view = {.width = 80};
	struct shown shown;

	show(&view, RATES(LIMIT("user*", "1000", "20", KEY("user1", "990", "20")), "4"), &shown);
	assert_string_equal(shown.lines[0], "sluice top  http://127.0.0.1:4000"
					    "                                   20:47:11 UTC");
	assert_string_equal(shown.lines[1], "checks/s  1.23k allowed  3 denied  0 peeked  2 in "
					    "error  keys of 1 in 12");
	assert_string_equal(shown.lines[2], "packets off  keys live 7");
	assert_string_equal(shown.lines[3], "");
	assert_string_equal(shown.lines[TOP_HEAD_LINE],
			    "LIMIT, BUSIEST KEYS                         RULE         "
			    "   ALLOWED/s   DENIED/s");
	assert_string_equal(shown.lines[5],
			    "user*                                       10/1m        "
			    "       1.00k         20");
	assert_string_equal(shown.lines[6],
			    "  user1                                                  "
			    "         990         20");
	assert_string_equal(shown.lines[7],
			    "4 others                                                 "
			    "          20          0");
	assert_int_equal(shown.n, 8);
}

static void narrow_view_leaves_the_rule_out(void **state)
{
	struct top_view view = {.width = 60, .height = 24};
	struct shown shown;

	show(&view, RATES(LIMIT("user*", "1", "2", ""), "0"), &shown);
	assert_string_equal(shown.lines[TOP_HEAD_LINE],
			    "LIMIT, BUSIEST KEYS                     ALLOWED/s   DENIED/s");
	assert_string_equal(shown.lines[5],
			    "user*                                           1          2");
}

static void packet_limits_show_no_sources_and_bytes_where_they_count_them(void **state)
{
	static const char limits[] =
		"{\"name\":\"dns\",\"scope\":\"packet\",\"match\":{\"proto\":\"udp\",\"dst_port\":"
		"53},\"per\":\"src\",\"unit\":\"bytes\",\"limit\":1000000,\"interval\":\"1s\","
		"\"mode\":\"shadow\",\"allowed_per_s\":1,\"denied_per_s\":2,"
		"\"allowed_bytes_per_s\":1234567,\"denied_bytes_per_s\":999}";
	struct top_view view = {.width = 80};
	char rates[2048];
	struct shown shown;

	snprintf(rates, sizeof(rates),
		 "{\"limits\":[%s],\"packets\":{\"passed_per_s\":5,\"admitted_per_s\":1500000,"
		 "\"refused_per_s\":0.04},\"keys_live\":1}",
		 limits);
	show(&view, rates, &shown);
	assert_string_equal(shown.lines[2],
			    "packets/s  5 passed  1.50M admitted  <0.1 refused  keys live 1");
	assert_string_equal(shown.lines[5],
			    "(shadow) dns  proto udp dst-port 53 per src 1000000/1s         1.23MB"
			    "       999B");
	assert_string_equal(shown.lines[6], "  -");
}

static void limits_are_sorted_as_asked(void **state)
{
	static const char rates[] =
		RATES(LIMIT("a", "5", "5", "") "," LIMIT("b", "9", "0", "") "," LIMIT(
			      "c", "1", "7", "") "," LIMIT("d", "5", "5", ""),
		      "3");
	static const char *const orders[] = {
		[TOP_BY_RATE] = "adbc",
		[TOP_BY_ALLOWED] = "badc",
		[TOP_BY_DENIED] = "cadb",
	};

	for (enum top_sort sort = TOP_BY_RATE; sort <= TOP_BY_DENIED; sort++) {
		struct top_view view = {.width = 80, .sort = sort};
		struct shown shown;

		show(&view, rates, &shown);
		for (size_t i = 0; i < 4; i++)
			assert_int_equal(shown.lines[5 + i][0], orders[sort][i]);
		assert_memory_equal(shown.lines[9], "3 others", 8);
	}
}

static void scrolling_stops_at_both_ends(void **state)
{
	static const char rates[] = RATES(LIMIT("a", "9", "0", KEY("a1", "9", "0")) "," LIMIT(
						  "b", "8", "0", "") "," LIMIT("c", "7", "0", ""),
					  "0");
	struct top_view view = {.width = 80, .height = 8};
	struct shown shown;

	show(&view, rates, &shown);
	assert_int_equal(shown.n, 8);
	assert_memory_equal(shown.lines[5], "a ", 2);
	assert_memory_equal(shown.lines[7], "1-2 of 4 by rate  q quit", 24);
	view.scroll = 1;
	show(&view, rates, &shown);
	assert_memory_equal(shown.lines[5], "  a1 ", 5);
	view.scroll = SIZE_MAX;
	show(&view, rates, &shown);
	assert_int_equal(view.scroll, 2);
	assert_memory_equal(shown.lines[6], "c ", 2);
	assert_memory_equal(shown.lines[7], "3-4 of 4 ", 9);
	/* A screen with no room shows one row; a large one all, from the first. */
	view.height = 1;
	show(&view, rates, &shown);
	assert_int_equal(shown.n, 7);
	view.height = 50;
	show(&view, rates, &shown);
	assert_int_equal(view.scroll, 0);
	assert_memory_equal(shown.lines[5], "a ", 2);
	assert_string_equal(shown.lines[9], "");
	assert_memory_equal(shown.lines[49], "1-4 of 4 ", 9);
}

static void hostile_texts_steer_nothing(void **state)
{
	static const char rates[] =
		"{\"time\":\"\\u001b\\u001b\\u001b\\u001bT\\u001b[2J....\",\"limits\":["
		"{\"key\":\"\\u001b[2J\\u202e\\n\\u4e16\\u754c\\u4e16\\u754c\\u4e16\\u754c\\u4e16\\u754c"
		"\\u4e16\\u754c\\u4e16\\u754c\\u4e16\\u754c\\u4e16\\u754c\\u4e16\\u754c\",\"mode\":\"\\r\","
		"\"interval\":\"\\u009b1m\",\"allowed_per_s\":1e300,\"denied_per_s\":-5,"
		"\"keys\":[{\"key\":\"\\u0007\\ud83d\\ude00\",\"allowed_per_s\":1},7,null]},"
		"7,[],null]}";
	struct top_view view = {.width = 80, .url = "http://\x1b[2J", .state = "lost: \x1b[2J"};
	struct shown shown;

	show(&view, rates, &shown);
	assert_non_null(strstr(shown.lines[0], "\\x1b[2J"));
	assert_string_equal(shown.lines[3], "lost: \\x1b[2J");
	assert_non_null(strstr(shown.lines[5], "\\x1b[2J\\u202e\\n"));
	assert_non_null(strstr(shown.lines[5], "…"));
	assert_non_null(strstr(shown.lines[6], "\\x07"));
}

static void view_of_anything_else_is_no_fault(void **state)
{
	static const char *const others[] = {
		"7", "[]", "{}", "{\"limits\":7,\"others\":[],\"checks\":1,\"packets\":\"x\"}",
		"{\"limits\":[{\"keys\":{}}],\"others\":{\"limits\":-3}}"};
	struct shown shown;

	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		struct top_view view = {.width = 80, .height = 24};

		show(&view, others[i], &shown);
		assert_true(shown.n >= 6);
	}
}

static void view_before_the_first_event_says_so(void **state)
{
	struct top_view view = {.width = 80, .height = 24};
	struct shown shown;

	show(&view, NULL, &shown);
	assert_string_equal(shown.lines[3], "waiting for the first second");
	assert_int_equal(shown.n, 24);
	assert_memory_equal(shown.lines[23], "0-0 of 0 ", 9);
}

static void rates_take_five_columns(void **state)
{
	static const struct {
		double rate;
		const char *text;
	} cases[] = {
		{0, "0"},         {-1, "0"},         {0.0 / 0.0, "0"}, {0.01, "<0.1"},
		{0.05, "0.1"},    {3, "3"},          {3.24, "3.2"},    {9.94, "9.9"},
		{9.96, "10"},     {512.4, "512"},    {999.4, "999"},   {999.5, "1.00k"},
		{1234, "1.23k"},  {9996, "10.0k"},   {45600, "45.6k"}, {99960, "100k"},
		{999499, "999k"}, {999500, "1.00M"}, {1.5e9, "1.50G"}, {2e15, "2.00P"},
		{1e300, "9999P"},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char text[TOP_RATE_SIZE];

		top_format_rate(cases[i].rate, text);
		assert_string_equal(text, cases[i].text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(view_of_80_columns),
		cmocka_unit_test(narrow_view_leaves_the_rule_out),
		cmocka_unit_test(packet_limits_show_no_sources_and_bytes_where_they_count_them),
		cmocka_unit_test(limits_are_sorted_as_asked),
		cmocka_unit_test(scrolling_stops_at_both_ends),
		cmocka_unit_test(hostile_texts_steer_nothing),
		cmocka_unit_test(view_of_anything_else_is_no_fault),
		cmocka_unit_test(view_before_the_first_event_says_so),
		cmocka_unit_test(rates_take_five_columns),
	};

	text_init();
	return cmocka_run_group_tests_name("top_view", tests, NULL, NULL);
}
