/* The table of metrics: names, labels, what is written of facts, and that the documentation agrees. */
/* SPDX-License-Identifier: MIT */
#include <ctype.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "metrics/metrics.h"

#define DOCUMENT "docs/metrics.md"

static bool ends_in(const char *text, const char *end)
{
	size_t len = strlen(text), end_len = strlen(end);

	return len >= end_len && strcmp(text + len - end_len, end) == 0;
}

static void names_are_distinct_and_say_their_type(void **state)
{
	size_t n;
	const struct metric *table = metrics_table(&n);

	for (size_t i = 0; i < n; i++) {
		assert_true(strncmp(table[i].name, "sluice_", 7) == 0 ||
			    strncmp(table[i].name, "process_", 8) == 0);
		for (const char *c = table[i].name; *c; c++)
			assert_true(islower((unsigned char)*c) || *c == '_');
		assert_int_equal(ends_in(table[i].name, "_total"),
				 strcmp(table[i].type, "counter") == 0);
		assert_true(*table[i].help);
		for (size_t j = 0; j < i; j++)
			assert_string_not_equal(table[i].name, table[j].name);
	}
}

/* Whatever a stranger can make up must not become a series. */
static void labels_are_bounded(void **state)
{
	static const char *const bounded[] = {"version", "outcome",   "door",   "le",
					      "method",  "path",      "status", "id",
					      "name",    "interface", "mode",   "verdict"};
	size_t n;
	const struct metric *table = metrics_table(&n);

	for (size_t i = 0; i < n; i++) {
		char labels[64], *rest = labels;
		const char *label;

		snprintf(labels, sizeof(labels), "%s", table[i].labels);
		while ((label = strtok_r(rest, ", ", &rest))) {
			bool known = false;

			for (size_t j = 0; j < sizeof(bounded) / sizeof(bounded[0]); j++)
				known |= strcmp(label, bounded[j]) == 0;
			assert_true(known);
		}
	}
}

static struct metrics_facts *make_facts(void)
{
	struct metrics_facts *facts = calloc(1, sizeof(*facts));

	assert_non_null(facts);
	facts->version = "1.2.3";
	facts->started_ms = 1795630948999;
	return facts;
}

static void free_facts(struct metrics_facts **facts)
{
	free(*facts);
}

static void expect(const struct metrics_facts *facts, const char *part, bool there)
{
	_cleanup_buf_ struct buf buf;

	buf_init(&buf);
	metrics_write(facts, &buf);
	assert_false(buf.failed);
	if (!!strstr(buf.data, part) != there)
		fail_msg("%s: %s\n%s", there ? "missing" : "there", part, buf.data);
}

static void every_metric_is_written_in_the_order_of_the_table(void **state)
{
	_cleanup_(free_facts) struct metrics_facts *facts = make_facts();
	_cleanup_buf_ struct buf buf;
	const char *at;
	size_t n;
	const struct metric *table = metrics_table(&n);

	buf_init(&buf);
	facts->reasons_read = true;
	metrics_write(facts, &buf);
	at = buf.data;
	for (size_t i = 0; i < n; i++) {
		char line[256];

		snprintf(line, sizeof(line), "# HELP %s ", table[i].name);
		at = strstr(at, line);
		assert_non_null(at);
	}
}

static void reasons_are_left_out_when_they_could_not_be_read(void **state)
{
	_cleanup_(free_facts) struct metrics_facts *facts = make_facts();

	facts->reasons.busy = 7;
	expect(facts, "sluice_packets_busy_total", false);
	facts->reasons_read = true;
	expect(facts, "\nsluice_packets_busy_total 7\n", true);
	expect(facts, "\n# HELP sluice_packets_passed_total packets that no limit matched\n", true);
}

static void process_is_told_in_whole_seconds(void **state)
{
	_cleanup_(free_facts) struct metrics_facts *facts = make_facts();

	facts->process.cpu_seconds = 1.25;
	expect(facts, "\nprocess_start_time_seconds 1795630948\n", true);
	expect(facts, "\nprocess_cpu_seconds_total 1.25\n", true);
	expect(facts, "\nsluice_build_info{version=\"1.2.3\"} 1\n", true);
}

static void packet_limit_has_its_name_escaped(void **state)
{
	_cleanup_(free_facts) struct metrics_facts *facts = make_facts();
	struct metrics_packet_limit *limit = &facts->packet_limits[0];

	strcpy(limit->id, "lim_1");
	strcpy(limit->name, "a \"b\"\\\n");
	limit->mode = ENGINE_SHADOW;
	limit->counts = (struct sluice_counts){1, 2, 3, 4};
	limit->full = 0.5;
	facts->n_packet_limits = 1;
#define SERIES(metric, more) \
	"\nsluice_packet_limit_" metric "{id=\"lim_1\",name=\"a \\\"b\\\"\\\\\\n\"" more "} "
	expect(facts, SERIES("info", ",mode=\"shadow\"") "1\n", true);
	expect(facts, SERIES("packets_total", ",verdict=\"allowed\"") "1\n", true);
	expect(facts, SERIES("packets_total", ",verdict=\"denied\"") "3\n", true);
	expect(facts, SERIES("bytes_total", ",verdict=\"allowed\"") "2\n", true);
	expect(facts, SERIES("bytes_total", ",verdict=\"denied\"") "4\n", true);
	expect(facts, SERIES("full_ratio", "") "0.5\n", true);
}

static void interface_has_its_mode(void **state)
{
	_cleanup_(free_facts) struct metrics_facts *facts = make_facts();

	strcpy(facts->interfaces[0].name, "eth0");
	facts->interfaces[0].mode = DATAPATH_GENERIC;
	facts->n_interfaces = 1;
	expect(facts, "\nsluice_interface_info{interface=\"eth0\",mode=\"generic\"} 1\n", true);
}

static char *read_document(void)
{
	FILE *file = fopen(DOCUMENT, "re");
	char *text = NULL;
	size_t size = 0;

	if (!file)
		fail_msg("%s cannot be opened; run this test in the root of the tree", DOCUMENT);
	assert_true(getdelim(&text, &size, '\0', file) > 0);
	fclose(file);
	return text;
}

static size_t count_rows(const char *text)
{
	size_t n = 0;

	for (const char *at = text; (at = strstr(at, "\n| `")); at++)
		n++;
	return n;
}

static void document_has_the_table(void **state)
{
	_cleanup_buf_ struct buf rows;
	char *text = read_document();
	size_t n;
	const struct metric *table = metrics_table(&n);

	buf_init(&rows);
	for (size_t i = 0; i < n; i++)
		buf_printf(&rows, "| `%s` | %s | %s | %s |\n", table[i].name, table[i].type,
			   table[i].labels, table[i].help);
	/* cmocka would cut them off. */
	if (!strstr(text, rows.data))
		fprintf(stderr, "%s should have these rows:\n%s", DOCUMENT, rows.data);
	assert_non_null(strstr(text, rows.data));
	assert_int_equal(count_rows(text), n);
	free(text);
}

/* The alerts name metrics: each must be there. */
static void document_names_only_metrics_that_are(void **state)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyz_";
	char *text = read_document();
	size_t n;
	const struct metric *table = metrics_table(&n);

	for (const char *at = text; (at = strstr(at, "sluice_")); at += strspn(at, letters)) {
		size_t len = strspn(at, letters);
		bool known = false;

		for (size_t i = 0; i < n; i++) {
			size_t name_len = strlen(table[i].name);

			known |= len >= name_len && strncmp(at, table[i].name, name_len) == 0 &&
				 (len == name_len || strncmp(at + name_len, "_bucket", 7) == 0);
		}
		if (!known)
			fail_msg("%s names %.*s", DOCUMENT, (int)len, at);
	}
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_are_distinct_and_say_their_type),
		cmocka_unit_test(labels_are_bounded),
		cmocka_unit_test(every_metric_is_written_in_the_order_of_the_table),
		cmocka_unit_test(reasons_are_left_out_when_they_could_not_be_read),
		cmocka_unit_test(process_is_told_in_whole_seconds),
		cmocka_unit_test(packet_limit_has_its_name_escaped),
		cmocka_unit_test(interface_has_its_mode),
		cmocka_unit_test(document_has_the_table),
		cmocka_unit_test(document_names_only_metrics_that_are),
	};

	return cmocka_run_group_tests_name("metrics/table", tests, NULL, NULL);
}
