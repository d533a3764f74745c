/* What the writer writes is compact JSON that reads back as what was put in. */
/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "json/json.h"
#include "json/writer.h"

static void writer_sets_commas_where_they_belong(void **state)
{
	struct json_writer writer;
	_cleanup_buf_ struct buf buf;

	buf_init(&buf);
	json_writer_init(&writer, &buf);
	json_begin_object(&writer);
	json_name(&writer, "empty");
	json_begin_object(&writer);
	json_end_object(&writer);
	json_name(&writer, "list");
	json_begin_array(&writer);
	json_put_null(&writer);
	json_put_bool(&writer, true);
	json_put_bool(&writer, false);
	json_begin_array(&writer);
	json_end_array(&writer);
	json_begin_object(&writer);
	json_name(&writer, "a");
	json_put_u64(&writer, UINT64_MAX);
	json_name(&writer, "b");
	json_put_s64(&writer, INT64_MIN);
	json_end_object(&writer);
	json_put_str(&writer, "");
	json_end_array(&writer);
	json_name(&writer, "last");
	json_put_u64(&writer, 0);
	json_end_object(&writer);
	assert_string_equal(buf.data,
			    "{\"empty\":{},\"list\":[null,true,false,[],"
			    "{\"a\":18446744073709551615,\"b\":-9223372036854775808},\"\"],"
			    "\"last\":0}");
}

static void writer_escapes_what_must_be(void **state)
{
	static const struct {
		const char *text, *written;
	} rows[] = {
		{"", "\"\""},
		{"plain", "\"plain\""},
		{"\"", "\"\\\"\""},
		{"\\", "\"\\\\\""},
		{"/", "\"/\""},
		{"a\"b\\c", "\"a\\\"b\\\\c\""},
		{"\b\f\n\r\t", "\"\\b\\f\\n\\r\\t\""},
		{"\x01\x1f", "\"\\u0001\\u001f\""},
		{"\x7f", "\"\x7f\""},
		{"\xC3\xA4\xF0\x9F\x98\x80", "\"\xC3\xA4\xF0\x9F\x98\x80\""},
		{"end\n", "\"end\\n\""},
		{"\nstart", "\"\\nstart\""},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct json_writer writer;
		_cleanup_buf_ struct buf buf;

		buf_init(&buf);
		json_writer_init(&writer, &buf);
		json_put_str(&writer, rows[i].text);
		assert_string_equal(buf.data, rows[i].written);
	}
}

static void writer_string_of_every_character_reads_back(void **state)
{
	_cleanup_json_ struct json_document *document = NULL;
	struct json_writer writer;
	_cleanup_buf_ struct buf buf;
	const char *read;
	char text[128];
	size_t len;

	for (int i = 1; i < 128; i++)
		text[i - 1] = (char)i;
	buf_init(&buf);
	json_writer_init(&writer, &buf);
	json_put_string(&writer, text, 127);
	assert_int_equal(json_parse(buf.data, buf.len, NULL, &document), 0);
	read = json_string(json_root(document), &len);
	assert_int_equal(len, 127);
	assert_memory_equal(read, text, 127);
}

/* The eight-bytes-at-a-time path must see each kind at each place, and nothing else. */
static void writer_escape_is_found_at_every_position(void **state)
{
	static const char specials[] = {'"', '\\', '\x01', '\x1f'};
	static const char plains[] = {' ', '!', '#', '[', ']', '\x7f', '~', '\x80', '\xa2', '\xff'};
	char text[40];

	for (size_t at = 0; at < sizeof(text) * sizeof(plains); at++) {
		for (size_t s = 0; s < sizeof(specials); s++) {
			_cleanup_buf_ struct buf plain = {0}, special = {0};
			struct json_writer writer;
			size_t place = at % sizeof(text);

			memset(text, plains[at / sizeof(text)], sizeof(text));
			json_writer_init(&writer, &plain);
			json_put_string(&writer, text, sizeof(text));
			assert_int_equal(plain.len, sizeof(text) + 2);
			assert_memory_equal(plain.data + 1, text, sizeof(text));
			text[place] = specials[s];
			json_writer_init(&writer, &special);
			json_put_string(&writer, text, sizeof(text));
			assert_int_equal(special.len, sizeof(text) + (s < 2 ? 3 : 7));
			assert_memory_equal(special.data + 1, text, place);
			assert_int_equal(special.data[1 + place], '\\');
		}
	}
}

static void put_sample(struct buf *buf)
{
	struct json_writer writer;

	json_writer_init(&writer, buf);
	json_begin_array(&writer);
	json_put_str(&writer, "plain");
	json_put_str(&writer, "es\"ca\nped");
	json_begin_object(&writer);
	json_name(&writer, "name");
	json_put_u64(&writer, 1234567);
	json_name(&writer, "other");
	json_put_null(&writer);
	json_end_object(&writer);
	json_end_array(&writer);
}

static void writer_without_room_fails_at_every_size(void **state)
{
	static const char sample[] =
		"[\"plain\",\"es\\\"ca\\nped\",{\"name\":1234567,\"other\":null}]";
	char memory[sizeof(sample) + 1];

	for (size_t size = 1; size <= sizeof(memory); size++) {
		struct buf buf;

		memset(memory, '#', sizeof(memory));
		buf_init_fixed(&buf, memory, size);
		put_sample(&buf);
		/* Nothing is written beyond the end, and what there is, is the text's beginning. */
		assert_true(size == sizeof(memory) || memory[size] == '#');
		assert_memory_equal(memory, sample, buf.len);
		if (buf.failed != (size < sizeof(sample)))
			fail_msg("size %zu", size);
	}
	assert_string_equal(memory, sample);
}

static void decimals_are_rounded_to_thousandths(void **state)
{
	static const struct {
		double value;
		const char *text;
	} cases[] = {
		{0, "0"},           {-1, "0"},
		{0.0004, "0"},      {0.00051, "0.001"},
		{0.1, "0.1"},       {0.9996, "1"},
		{12.34, "12.34"},   {12.305, "12.305"},
		{7.05, "7.05"},     {1234567.5, "1234567.5"},
		{99.009, "99.009"}, {1e30, "1000000000000000"},
		{0.0 / 0.0, "0"},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct json_writer writer;
		struct buf buf;

		buf_init(&buf);
		json_writer_init(&writer, &buf);
		json_put_decimal(&writer, cases[i].value);
		assert_string_equal(buf.data, cases[i].text);
		buf_done(&buf);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(writer_sets_commas_where_they_belong),
		cmocka_unit_test(writer_escapes_what_must_be),
		cmocka_unit_test(writer_string_of_every_character_reads_back),
		cmocka_unit_test(writer_escape_is_found_at_every_position),
		cmocka_unit_test(writer_without_room_fails_at_every_size),
		cmocka_unit_test(decimals_are_rounded_to_thousandths),
	};

	return cmocka_run_group_tests_name("writer", tests, NULL, NULL);
}
