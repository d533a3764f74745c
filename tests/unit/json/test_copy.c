/* A copy of a value is the value, member for member. */
/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "json/copy.h"

static void copy_reads_as_its_original(void **state)
{
	static const char *const texts[] = {
		"null",
		"true",
		"[]",
		"{}",
		"-9223372036854775808",
		"0.1",
		"-0.0",
		"1.0",
		"1e+300",
		"-2.5e-300",
		"0.30000000000000004",
		"\"a\\\"b\\\\c\\n\xC3\xA4\"",
		"{\"b\":[1,[2,{}],null],\"a\":{\"x\":false},\"\\\"\\n\":\"\"}",
	};

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		_cleanup_json_ struct json_document *document = NULL;
		_cleanup_buf_ struct buf buf;
		struct field_error error;
		struct json_writer writer;

		assert_int_equal(json_parse(texts[i], strlen(texts[i]), &error, &document), 0);
		buf_init(&buf);
		json_writer_init(&writer, &buf);
		json_put_copy(&writer, json_root(document));
		assert_string_equal(buf.data, texts[i]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(copy_reads_as_its_original),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
