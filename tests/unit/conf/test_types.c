/* Types of settings: which texts each takes, and what they become. */
/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "conf/table_priv.h"
#include "unit/conf/kit.h"

#define N_OF(rows) (sizeof(rows) / sizeof((rows)[0]))

static bool parse(const char *name, const char *text, struct field_error *error,
		  struct settings *settings)
{
	const struct setting *row = setting_find(STYLE_FILE, name, strlen(name));

	assert_non_null(row);
	return row->type->parse(row, text, error, settings);
}

static void packet_memory_is_rounded_down_to_a_power_of_two(void **state)
{
	static const struct {
		const char *text;
		uint64_t bytes;
	} rows[] = {
		{"64KiB", 1 << 16}, {"127KiB", 1 << 16},  {"128KiB", 1 << 17},
		{"1MiB", 1 << 20},  {"3MiB", 1 << 21},    {"16MiB", 1 << 24},
		{"1GiB", 1 << 30},  {"1023MiB", 1 << 29}, {"1024MiB", 1 << 30},
	};

	for (size_t i = 0; i < N_OF(rows); i++) {
		struct settings settings = {.packet_bytes = 0};
		struct field_error error;

		print_message("# %s\n", rows[i].text);
		assert_true(parse("packet_memory", rows[i].text, &error, &settings));
		assert_int_equal(settings.packet_bytes, rows[i].bytes);
	}
}

static void text_that_a_setting_does_not_take_is_refused(void **state)
{
	static const struct {
		const char *name, *texts[24];
	} rows[] = {
		{"packet_memory",
		 {"", "16", "MiB", "16MB", "16mib", "16 MiB", "-1MiB", "1.5MiB", "63KiB", "2GiB",
		  "0MiB", "1025MiB", "16MiB ", "0x1MiB", "+1MiB", "17179869184GiB",
		  "99999999999999999999KiB"}},
		{"keys_max",
		 {"", "0", "-1", "1.0", "1e3", "1_000", " 1", "0x1", "18446744073709551616"}},
		{"http_threads", {"", "257", "-0", "all", "18446744073709551616"}},
		{"idle_timeout",
		 {"", "10", "0s", "10 s", "1.5s", "-1s", "86400001ms", "25h", "2d", "10S",
		  "365000000d"}},
		{"listen",
		 {"", "nowhere", ":1", "127.0.0.1", "127.0.0.1:", "127.0.0.1:65536", "127.0.0.1:-1",
		  "256.0.0.1:0", "::1:0", "[::1:0", "[::1]", "localhost:80", "127.1:80",
		  "[::1%lo]:1"}},
		{"test_clock", {"", "yes", "1", "True", "false "}},
		{"data", {""}},
		{"bootstrap_key_file", {""}},
		{"iface",
		 {"", ".", "..", "a/b", "a:b", "a b", "a\tb", "a\nb", "a\x7f", "\xc3\xa4",
		  "sixteen-letters!"}},
	};

	for (size_t i = 0; i < N_OF(rows); i++) {
		for (size_t j = 0; rows[i].texts[j]; j++) {
			struct settings settings, before;
			struct field_error error = {.message = ""};

			memset(&settings, 7, sizeof(settings));
			settings.n_interfaces = 0;
			before = settings;
			print_message("# %s: %zu\n", rows[i].name, j);
			assert_false(parse(rows[i].name, rows[i].texts[j], &error, &settings));
			assert_int_not_equal(error.message[0], '\0');
			assert_memory_equal(&settings, &before, sizeof(settings));
		}
	}
}

static void value_at_each_end_of_its_range_is_taken(void **state)
{
	static const struct {
		const char *name, *least, *most;
	} rows[] = {
		{"keys_max", "1", "18446744073709551615"}, {"http_threads", "0", "256"},
		{"header_timeout", "1ms", "24h"},          {"packet_memory", "64KiB", "1GiB"},
		{"listen", "0.0.0.0:0", "[::1]:65535"},    {"iface", "a", "fifteen-letters"},
		{"http_memory", "4MiB", "1GiB"},
	};

	for (size_t i = 0; i < N_OF(rows); i++) {
		struct settings settings = {.n_interfaces = 0};
		struct field_error error;

		print_message("# %s\n", rows[i].name);
		assert_true(parse(rows[i].name, rows[i].least, &error, &settings));
		assert_true(parse(rows[i].name, rows[i].most, &error, &settings));
	}
}

static void refusal_says_what_is_taken(void **state)
{
	static const struct {
		const char *name, *text, *message;
	} rows[] = {
		{"keys_max", "0", "takes a number, at least 1, not '0'"},
		{"http_threads", "x", "takes a number, 0 to 256, not 'x'"},
		{"body_timeout", "5", "takes a time such as 500ms or 10s, 1ms to 1d, not '5'"},
		{"packet_memory", "5",
		 "takes a size with a unit (KiB, MiB, GiB), 64KiB to 1GiB, not '5'"},
		{"listen", "x", "takes ADDRESS:PORT such as 127.0.0.1:4000 or [::1]:4000, not 'x'"},
		{"test_clock", "x", "takes true or false, not 'x'"},
	};

	for (size_t i = 0; i < N_OF(rows); i++) {
		struct settings settings = {.n_interfaces = 0};
		struct field_error error;

		assert_false(parse(rows[i].name, rows[i].text, &error, &settings));
		assert_string_equal(error.message, rows[i].message);
	}
}

static void loopback_is_what_only_this_host_reaches(void **state)
{
	static const struct {
		const char *text;
		bool loopback;
	} rows[] = {
		{"127.0.0.1:1", true},
		{"127.9.9.9:1", true},
		{"[::1]:1", true},
		{"0.0.0.0:1", false},
		{"[::]:1", false},
		{"192.0.2.1:1", false},
		{"[::2]:1", false},
		{"[::ffff:127.0.0.1]:1", true},
		{"[::ffff:1.2.3.4]:1", false},
	};

	for (size_t i = 0; i < N_OF(rows); i++) {
		struct conf_address address;
		char text[ADDRESS_TEXT_SIZE];

		print_message("# %s\n", rows[i].text);
		assert_true(address_parse(rows[i].text, &address));
		assert_int_equal(address.loopback, rows[i].loopback);
		assert_int_equal(address_port(&address), 1);
		address_format(&address, 1, text);
		assert_string_equal(text, rows[i].text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(packet_memory_is_rounded_down_to_a_power_of_two),
		cmocka_unit_test(text_that_a_setting_does_not_take_is_refused),
		cmocka_unit_test(value_at_each_end_of_its_range_is_taken),
		cmocka_unit_test(refusal_says_what_is_taken),
		cmocka_unit_test(loopback_is_what_only_this_host_reaches),
	};

	return cmocka_run_group_tests_name("conf/types", tests, NULL, NULL);
}
