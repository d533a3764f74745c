/* The YAML reader: what it takes, what it refuses and in which line. */
/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "conf/yaml_reader.h"

#define N_OF(rows) (sizeof(rows) / sizeof((rows)[0]))

static void yaml_entries_keep_order_lines_and_quotes(void **state)
{
	static const char text[] =
		"# none\na: 1\n\nb: 'x y'\nc: [u, \"v\"]\nd:\n- 5\n\n- six\ne: []\n";
	_cleanup_yaml_ struct yaml_file *file = NULL;
	struct yaml_error error;

	assert_int_equal(yaml_read(text, strlen(text), &error, &file), 0);
	assert_int_equal(file->n_entries, 5);
	assert_string_equal(file->entries[0].name, "a");
	assert_int_equal(file->entries[0].line, 2);
	assert_true(file->entries[0].values[0].plain);
	assert_false(file->entries[0].list);
	assert_string_equal(file->entries[1].values[0].text, "x y");
	assert_false(file->entries[1].values[0].plain);
	assert_true(file->entries[2].list);
	assert_int_equal(file->entries[2].n_values, 2);
	assert_false(file->entries[2].values[1].plain);
	assert_int_equal(file->entries[3].line, 6);
	assert_int_equal(file->entries[3].values[0].line, 7);
	assert_int_equal(file->entries[3].values[1].line, 9);
	assert_true(file->entries[4].list);
	assert_int_equal(file->entries[4].n_values, 0);
}

static void yaml_without_entries_is_taken(void **state)
{
	static const char *const rows[] = {"",  "\n", "# only words\n", "---\n", "---\n# x\n...\n",
					   "{}"};

	for (size_t i = 0; i < N_OF(rows); i++) {
		_cleanup_yaml_ struct yaml_file *file = NULL;
		struct yaml_error error;

		print_message("# row %zu\n", i);
		assert_int_equal(yaml_read(rows[i], strlen(rows[i]), &error, &file), 0);
		assert_int_equal(file->n_entries, 0);
	}
}

static void yaml_refused_names_line_and_entry(void **state)
{
	static const struct {
		const char *text;
		uint32_t line;
		const char *field, *words;
	} rows[] = {
		{"a: 1\nb: 2\n\na: 3\n", 4, "a", "twice, first in line 1"},
		{"a:\n b: 1\n", 2, "a", "not a mapping"},
		{"x: 1\na: {b: 1}\n", 2, "a", "not a mapping"},
		{"a:\n- [b]\n", 2, "a", "values only"},
		{"a:\n- b\n- c: d\n", 3, "a", "values only"},
		{"- a\n- b\n", 1, "", "NAME: VALUE"},
		{"words\n", 1, "", "NAME: VALUE"},
		{"''\n", 1, "", "NAME: VALUE"},
		{"a: 1\n? [b]\n: c\n", 2, "", "must be a word"},
		{"a: 1\n---\nb: 2\n", 2, "", "second document"},
		{"a: &x 1\n", 1, "a", "anchors"},
		{"a: 1\nb: *x\n", 2, "b", "anchors"},
		{"a: !!int 1\n", 1, "a", "tags"},
		{"a: ! 1\n", 1, "a", "tags"},
		{"!x {a: 1}\n", 1, "", "tags"},
		{"&x a: 1\n", 1, "", "anchors"},
		{"a: [&x b, *x]\n", 1, "a", "anchors"},
		{"<<: *x\n", 1, "<<", "anchors"},
		{"%YAML 1.1\n---\na: 1\n", 1, "", "directives"},
		{"\n%TAG ! x\n---\na: 1\n", 2, "", "directives"},
		{"a: 1\n\tb: 2\n", 2, "a", "not YAML"},
		{"a: 1\n b: 2\n", 2, "", "not YAML"},
		{"a: 'x\nb: 1\n", 3, "a", "not YAML"},
		{"a: [1, 2\n", 2, "a", "not YAML"},
		{"a: \"\\q\"\n", 1, "a", "not YAML"},
		{"a: 1\nb: \"x\\0y\"\n", 2, "b", "NUL"},
		{"a: 1\n\"x\\0y\": b\n", 2, "", "NUL"},
		{"a: 1\nb: \x01\n", 2, "", "control"},
		{"a: 1\nb: \xff\n", 2, "", "UTF-8"},
		{"\xff\xfe"
		 "a",
		 1, "", "UTF-8"},
	};

	for (size_t i = 0; i < N_OF(rows); i++) {
		struct yaml_file *file = NULL;
		struct yaml_error error = {.line = 99};

		print_message("# row %zu\n", i);
		assert_int_equal(yaml_read(rows[i].text, strlen(rows[i].text), &error, &file),
				 YAML_E_INVALID);
		print_message("#   %u: %s: %s\n", error.line, error.what.field, error.what.message);
		assert_int_equal(error.line, rows[i].line);
		assert_string_equal(error.what.field, rows[i].field);
		assert_non_null(strstr(error.what.message, rows[i].words));
		assert_null(file);
	}
}

static void yaml_with_nul_byte_is_refused_where_it_is(void **state)
{
	static const char text[] = "a: 1\nb: 2\0\nc: 3\n";
	struct yaml_file *file = NULL;
	struct yaml_error error;

	assert_int_equal(yaml_read(text, sizeof(text) - 1, &error, &file), YAML_E_INVALID);
	assert_int_equal(error.line, 2);
	assert_non_null(strstr(error.what.message, "NUL"));
}

/* A megabyte of what parsers nest, or compare with all that went before: each ends at once. */
static void yaml_bombs_are_refused_quickly(void **state)
{
	static const struct {
		const char *head, *part;
	} rows[] = {
		{"", "["},      {"", "{"},       {"", "- "},     {"", "? "},
		{"a: ", "["},   {"a: ", "{a: "}, {"a: ", "- "},  {"a: [", "["},
		{"a:\n", "- "}, {"", "&a "},     {"", "!a "},    {"", "%TAG !a! x\n"},
		{"", "---\n"},  {"a: [", "x,"},  {"", "a: b\n"},
	};

	for (size_t i = 0; i < N_OF(rows); i++) {
		_cleanup_buf_ struct buf text;
		struct yaml_file *file = NULL;
		struct yaml_error error;

		print_message("# row %zu\n", i);
		buf_init(&text);
		buf_put_str(&text, rows[i].head);
		while (text.len < 1 << 20)
			buf_put_str(&text, rows[i].part);
		assert_int_equal(yaml_read(text.data, text.len, &error, &file), YAML_E_INVALID);
		assert_null(file);
	}
}

static void yaml_has_a_most_of_entries_and_values(void **state)
{
	_cleanup_yaml_ struct yaml_file *file = NULL;
	_cleanup_buf_ struct buf text;
	struct yaml_error error;

	buf_init(&text);
	for (int i = 0; i < YAML_ENTRIES_MAX; i++)
		buf_printf(&text, "a%d: 1\n", i);
	assert_int_equal(yaml_read(text.data, text.len, &error, &file), 0);
	assert_int_equal(file->n_entries, YAML_ENTRIES_MAX);
	yaml_file_free(TAKE_PTR(file));
	buf_put_str(&text, "b: 1\n");
	assert_int_equal(yaml_read(text.data, text.len, &error, &file), YAML_E_INVALID);
	assert_int_equal(error.line, YAML_ENTRIES_MAX + 1);
	buf_clear(&text);
	buf_put_str(&text, "a:\n");
	for (int i = 0; i < YAML_VALUES_MAX; i++)
		buf_put_str(&text, "- x\n");
	assert_int_equal(yaml_read(text.data, text.len, &error, &file), 0);
	yaml_file_free(TAKE_PTR(file));
	buf_put_str(&text, "- x\n");
	assert_int_equal(yaml_read(text.data, text.len, &error, &file), YAML_E_INVALID);
	assert_int_equal(error.line, YAML_VALUES_MAX + 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(yaml_entries_keep_order_lines_and_quotes),
		cmocka_unit_test(yaml_without_entries_is_taken),
		cmocka_unit_test(yaml_refused_names_line_and_entry),
		cmocka_unit_test(yaml_with_nul_byte_is_refused_where_it_is),
		cmocka_unit_test(yaml_bombs_are_refused_quickly),
		cmocka_unit_test(yaml_has_a_most_of_entries_and_values),
	};

	return cmocka_run_group_tests_name("conf/yaml_reader", tests, NULL, NULL);
}
