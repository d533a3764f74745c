/* JSON is read strictly: what is refused says why and where, what is read is exact. */
/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "json/json.h"

/* jansson's own, for a countdown to the allocation that fails. */
void json_set_alloc_funcs(void *(*allocate)(size_t), void (*release)(void *));

static int parse(const char *text, size_t len, struct field_error *error,
		 struct json_document **ret)
{
	*error = (struct field_error){"untouched", "untouched"};
	return json_parse(text, len, error, ret);
}

static struct json_document *parse_good(const char *text)
{
	struct json_document *document = NULL;
	struct field_error error;

	if (parse(text, strlen(text), &error, &document) != 0)
		fail_msg("%s: %s", text, error.message);
	return document;
}

static const struct {
	const char *text;
	size_t len;
	const char *message;
} faulty[] = {
#define ROW(text, message)                      \
	{                                       \
		text, sizeof(text) - 1, message \
	}
	ROW("", "body is empty"),
	ROW(" \r\n\t", "body is empty"),
	ROW("\0", "not JSON"),
	ROW("{", "ends too early (line 1, column 1)"),
	ROW("{\"a\":1", "ends too early"),
	ROW("\"abc", "ends too early"),
	ROW("{\"a\":\n  tru}", "not JSON (line 2, column 5)"),
	ROW("{a:1}", "not JSON"),
	ROW("{'a':1}", "not JSON"),
	ROW("{\"a\":1,}", "not JSON"),
	ROW("[1,]", "not JSON"),
	ROW("[1 2]", "not JSON"),
	ROW("01", "not JSON"),
	ROW("+1", "not JSON"),
	ROW("-", "not JSON"),
	ROW(".5", "not JSON"),
	ROW("NaN", "not JSON"),
	ROW("Infinity", "not JSON"),
	ROW("// x\n1", "not JSON"),
	ROW("\xEF\xBB\xBF{}", "not JSON"),
	ROW("{} x", "more text after"),
	ROW("{}{}", "more text after"),
	ROW("{}\0", "more text after"),
	ROW("1 2", "more text after"),
	ROW("{\"a\":1,\"b\":2,\"a\":3}", "same member twice"),
	ROW("{\"a\":1,\"\\u0061\":3}", "same member twice"),
	ROW("{\"x\":[{\"a\":1,\"a\":1}]}", "same member twice"),
	ROW("\"a\\u0000b\"", "NUL"),
	ROW("{\"a\\u0000b\":1}", "NUL"),
	ROW("\"a\0b\"", "not JSON"),
	ROW("\"a\nb\"", "not JSON"),
	ROW("\"a\tb\"", "not JSON"),
	ROW("\"\\x41\"", "not JSON"),
	ROW("\"\\u12\"", "not JSON"),
	ROW("\"\\ud800\"", "not JSON"),
	ROW("\"\\udc00\\ud800\"", "not JSON"),
	ROW("\"\xFF\"", "not UTF-8"),
	ROW("\"\xC0\x80\"", "not UTF-8"),
	ROW("\"\xED\xA0\x80\"", "not UTF-8"),
	ROW("\"\xF4\x90\x80\x80\"", "not UTF-8"),
	ROW("9223372036854775808", "does not fit 64 bits"),
	ROW("-9223372036854775809", "does not fit 64 bits"),
	ROW("{\"a\":[99999999999999999999999999]}", "does not fit 64 bits"),
	ROW("1e999", "does not fit 64 bits"),
#undef ROW
};

static void json_faulty_text_is_refused_with_reason_and_place(void **state)
{
	for (size_t i = 0; i < sizeof(faulty) / sizeof(faulty[0]); i++) {
		struct json_document *document = NULL;
		struct field_error error;

		if (parse(faulty[i].text, faulty[i].len, &error, &document) != JSON_E_SYNTAX)
			fail_msg("row %zu was read: %s", i, faulty[i].text);
		assert_null(document);
		assert_string_equal(error.field, "");
		if (!strstr(error.message, faulty[i].message))
			fail_msg("row %zu (%s): %s", i, faulty[i].text, error.message);
	}
}

static void put_nested(struct buf *buf, const char *open, int depth, const char *inner,
		       const char *close)
{
	for (int i = 0; i < depth; i++)
		buf_put_str(buf, open);
	buf_put_str(buf, inner);
	for (int i = 0; i < depth; i++)
		buf_put_str(buf, close);
}

static void json_depth_is_bounded(void **state)
{
	static const struct {
		const char *open, *inner, *close;
	} kinds[] = {
		{"[", "", "]"},
		{"{\"a\":", "1", "}"},
		{" [\n", "\"]]]{{{\\\"[[[\"", "]"},
	};
	struct field_error error;

	for (size_t k = 0; k < sizeof(kinds) / sizeof(kinds[0]); k++) {
		_cleanup_json_ struct json_document *document = NULL;
		_cleanup_buf_ struct buf fits, deep, bottomless;

		buf_init(&fits);
		put_nested(&fits, kinds[k].open, JSON_DEPTH_MAX, kinds[k].inner, kinds[k].close);
		if (parse(fits.data, fits.len, &error, &document) != 0)
			fail_msg("%s: %s", fits.data, error.message);

		buf_init(&deep);
		put_nested(&deep, kinds[k].open, JSON_DEPTH_MAX + 1, kinds[k].inner,
			   kinds[k].close);
		assert_int_equal(parse(deep.data, deep.len, &error, &document), JSON_E_SYNTAX);
		assert_non_null(strstr(error.message, "deeper than 16 levels"));

		buf_init(&bottomless);
		put_nested(&bottomless, kinds[k].open, 100000, "", "");
		assert_int_equal(parse(bottomless.data, bottomless.len, &error, &document),
				 JSON_E_SYNTAX);
		assert_non_null(strstr(error.message, "deeper than 16 levels"));
	}
}

static void json_depth_fault_names_line_and_column(void **state)
{
	static const char text[] = "[[[[[[[[[[[[[[[[\n\"\xC3\xA4\",[";
	struct json_document *document = NULL;
	struct field_error error;

	assert_int_equal(parse(text, sizeof(text) - 1, &error, &document), JSON_E_SYNTAX);
	assert_non_null(strstr(error.message, "line 2, column 5"));
}

static void json_many_siblings_are_not_depth(void **state)
{
	_cleanup_json_ struct json_document *document = NULL;
	_cleanup_buf_ struct buf buf;

	buf_init(&buf);
	buf_put_str(&buf, "[[]");
	for (int i = 0; i < 1000; i++)
		buf_put_str(&buf, ",[{}]");
	buf_put_str(&buf, "]");
	document = parse_good(buf.data);
	assert_int_equal(json_array_len(json_root(document)), 1001);
}

static void json_types_are_told_apart(void **state)
{
	static const struct {
		const char *text;
		enum json_type type;
	} rows[] = {
		{"null", JSON_NULL}, {"true", JSON_BOOL},  {"false", JSON_BOOL},
		{"1", JSON_INTEGER}, {"-0", JSON_INTEGER}, {"1.0", JSON_REAL},
		{"1e3", JSON_REAL},  {"-1E-3", JSON_REAL}, {"\"\"", JSON_STRING},
		{"[]", JSON_ARRAY},  {"{}", JSON_OBJECT},  {" 7 ", JSON_INTEGER},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		_cleanup_json_ struct json_document *document = parse_good(rows[i].text);

		assert_int_equal(json_type_of(json_root(document)), rows[i].type);
		assert_non_null(json_type_name(rows[i].type));
	}
	assert_string_equal(json_type_name(JSON_STRING), "a string");
	assert_string_equal(json_type_name(JSON_INTEGER), "an integer");
}

static void json_integers_are_exact(void **state)
{
	static const struct {
		const char *text;
		int64_t value;
	} rows[] = {
		{"0", 0},
		{"-1", -1},
		{"9007199254740993", 9007199254740993}, /* 2^53 + 1: no double holds it */
		{"-9007199254740993", -9007199254740993},
		{"9223372036854775807", INT64_MAX},
		{"-9223372036854775808", INT64_MIN},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		_cleanup_json_ struct json_document *document = parse_good(rows[i].text);

		assert_true(json_integer(json_root(document)) == rows[i].value);
	}
}

static void json_values_are_read(void **state)
{
	_cleanup_json_ struct json_document *document = parse_good(
		"{\"t\":true,\"f\":false,\"s\":\"\\u00e4\\n\\\"\\ud83d\\ude00\",\"a\":[1,[2]],\"n\":null}");
	const struct json *root = json_root(document), *array;
	const char *text;
	size_t len;

	assert_true(json_bool(json_member(root, "t")));
	assert_false(json_bool(json_member(root, "f")));
	text = json_string(json_member(root, "s"), &len);
	assert_string_equal(text, "\xC3\xA4\n\"\xF0\x9F\x98\x80");
	assert_int_equal(len, 8);
	array = json_member(root, "a");
	assert_int_equal(json_array_len(array), 2);
	assert_int_equal(json_integer(json_array_at(array, 0)), 1);
	assert_int_equal(json_integer(json_array_at(json_array_at(array, 1), 0)), 2);
	assert_null(json_array_at(array, 2));
	assert_int_equal(json_type_of(json_member(root, "n")), JSON_NULL);
	assert_null(json_member(root, "absent"));
	assert_null(json_member(array, "t"));
	assert_int_equal(json_array_len(root), 0);
}

struct visited {
	char names[32];
	int left;
};

static int note_name(const char *name, const struct json *value, void *data)
{
	struct visited *visited = data;

	strcat(visited->names, name);
	assert_int_equal(json_type_of(value), JSON_INTEGER);
	return --visited->left == 0 ? 42 : 0;
}

static void json_each_visits_in_order_until_told_to_stop(void **state)
{
	_cleanup_json_ struct json_document *document =
		parse_good("{\"z\":1,\"b\":2,\"y\":3,\"a\":4,\"x\":5}");
	struct visited all = {.left = 100}, some = {.left = 3}, none = {.left = 1};

	assert_int_equal(json_each(json_root(document), note_name, &all), 0);
	assert_string_equal(all.names, "zbyax");
	assert_int_equal(json_each(json_root(document), note_name, &some), 42);
	assert_string_equal(some.names, "zby");
	assert_int_equal(json_each(json_member(json_root(document), "z"), note_name, &none), 0);
	assert_string_equal(none.names, "");
}

static int allocations_left = INT_MAX;

static void *allocate_some(size_t size)
{
	return allocations_left-- > 0 ? malloc(size) : NULL;
}

static void json_without_memory_says_so_at_every_allocation(void **state)
{
	static const char text[] = "{\"a\":[1,\"two\",{\"b\":null}],\"long name\":1.5}";
	int r = -ENOMEM, needed = 0;

	/* -ENOMEM for each allocation that fails, then success: nothing is misread as bad JSON. */
	for (; r == -ENOMEM && needed < 200; needed++) {
		struct json_document *document = NULL;
		struct field_error error;

		allocations_left = needed;
		r = parse(text, sizeof(text) - 1, &error, &document);
		allocations_left = INT_MAX;
		json_document_free(document);
		if (r != 0 && r != -ENOMEM)
			fail_msg("allocation %d: %d %s", needed, r, error.message);
	}
	assert_int_equal(r, 0);
	assert_true(needed > 5);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(json_faulty_text_is_refused_with_reason_and_place),
		cmocka_unit_test(json_depth_is_bounded),
		cmocka_unit_test(json_depth_fault_names_line_and_column),
		cmocka_unit_test(json_many_siblings_are_not_depth),
		cmocka_unit_test(json_types_are_told_apart),
		cmocka_unit_test(json_integers_are_exact),
		cmocka_unit_test(json_values_are_read),
		cmocka_unit_test(json_each_visits_in_order_until_told_to_stop),
		cmocka_unit_test(json_without_memory_says_so_at_every_allocation),
	};

	/* Before the first parse: the reader keeps the allocator that it finds. */
	json_set_alloc_funcs(allocate_some, free);
	return cmocka_run_group_tests_name("json", tests, NULL, NULL);
}
