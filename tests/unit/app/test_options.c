/* The command line: what is read, what is refused and under which name. */
/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "app/options.h"

enum { ARGS_MAX = 40 };

/* Words of one line. The text must outlive *ret. */
static int parse(char *text, struct field_error *error, struct options *ret)
{
	char *args[ARGS_MAX], *rest = text;
	int n = 0;

	while (n < ARGS_MAX && (args[n] = strtok_r(rest, " ", &rest)))
		n++;
	return options_parse(n, args, error, ret);
}

static void options_default_limit_no_packets(void **state)
{
	struct field_error error;
	struct options options;
	char none[] = "";

	assert_int_equal(parse(none, &error, &options), 0);
	assert_int_equal(options.n_interfaces, 0);
	assert_string_equal(options.pin_dir, "/sys/fs/bpf/sluice");
	assert_int_equal(options.packet_lines, DATAPATH_LINES_DEFAULT);
	assert_false(options.detach_on_exit);
	assert_true(options.loopback);
}

static void options_of_packets_are_read_in_order(void **state)
{
	char text[] = "--iface eth1 --pin-dir=/sys/fs/bpf/x --iface=eth0.7 --packet-memory 1GiB "
		      "--detach-on-exit";
	struct field_error error;
	struct options options;

	assert_int_equal(parse(text, &error, &options), 0);
	assert_int_equal(options.n_interfaces, 2);
	assert_string_equal(options.interfaces[0], "eth1");
	assert_string_equal(options.interfaces[1], "eth0.7");
	assert_string_equal(options.pin_dir, "/sys/fs/bpf/x");
	assert_int_equal(options.packet_lines, DATAPATH_LINES_MAX);
	assert_true(options.detach_on_exit);
}

static void packet_memory_is_rounded_down_to_a_power_of_two(void **state)
{
	static const struct {
		const char *text;
		uint32_t lines;
	} rows[] = {
		{"64KiB", 1 << 10}, {"127KiB", 1 << 10},  {"128KiB", 1 << 11},
		{"1MiB", 1 << 14},  {"3MiB", 1 << 15},    {"16MiB", 1 << 18},
		{"1GiB", 1 << 24},  {"1023MiB", 1 << 23}, {"1024MiB", 1 << 24},
	};
	struct field_error error;
	uint32_t lines;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		print_message("# %s\n", rows[i].text);
		assert_int_equal(packet_memory_parse(rows[i].text, &error, &lines), 0);
		assert_int_equal(lines, rows[i].lines);
	}
}

static void packet_memory_of_another_form_is_refused(void **state)
{
	static const char *const rows[] = {
		"",
		"16",
		"MiB",
		"16MB",
		"16mib",
		"16 MiB",
		"-1MiB",
		"1.5MiB",
		"63KiB",
		"2GiB",
		"0MiB",
		"1025MiB",
		"16MiB ",
		"0x1MiB",
		"+1MiB",
		"17179869184GiB",
		"99999999999999999999KiB",
	};
	struct field_error error;
	uint32_t lines = 7;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		print_message("# '%s'\n", rows[i]);
		assert_int_equal(packet_memory_parse(rows[i], &error, &lines), OPTIONS_E_INVALID);
		assert_string_equal(error.field, "--packet-memory");
		assert_int_equal(lines, 7);
	}
}

static void interface_name_that_cannot_be_is_refused(void **state)
{
	static const char *const rows[] = {
		"",
		".",
		"..",
		"a/b",
		"a:b",
		"a b",
		"a\tb",
		"a\nb",
		"a\x7f",
		"\xc3\xa4",
		"sixteen-letters!",
	};
	struct options options = {.n_interfaces = 0};
	struct field_error error;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		print_message("# '%s'\n", rows[i]);
		assert_int_equal(interface_parse(rows[i], &error, &options), OPTIONS_E_INVALID);
		assert_string_equal(error.field, "--iface");
	}
	assert_int_equal(options.n_interfaces, 0);
	assert_int_equal(interface_parse("fifteen-letters", &error, &options), 0);
	assert_int_equal(options.n_interfaces, 1);
}

static void interface_named_twice_or_beyond_sixteen_is_refused(void **state)
{
	char twice[] = "--iface eth0 --iface eth1 --iface eth0";
	char many[ARGS_MAX * 16] = "", *at = many;
	struct field_error error;
	struct options options;

	assert_int_equal(parse(twice, &error, &options), OPTIONS_E_INVALID);
	assert_string_equal(error.field, "--iface");
	for (int i = 0; i <= DATAPATH_INTERFACES_MAX; i++)
		at += sprintf(at, "--iface eth%d ", i);
	assert_int_equal(parse(many, &error, &options), OPTIONS_E_INVALID);
	assert_string_equal(error.field, "--iface");
	assert_int_equal(options.n_interfaces, DATAPATH_INTERFACES_MAX);
}

static void options_that_contradict_are_refused(void **state)
{
	static const struct {
		const char *text, *field;
	} rows[] = {
		{"--test-clock --iface eth0", "--test-clock"},
		{"--iface eth0 --test-clock", "--test-clock"},
		{"--test-clock --listen 192.0.2.1:4000", "--test-clock"},
		{"--iface", "--iface"},
		{"--detach-on-exit=yes", "--detach-on-exit"},
		{"--pin-dir=", "--pin-dir"},
		{"--ifaces eth0", "--ifaces"},
	};
	struct field_error error;
	struct options options;
	char text[64];

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		print_message("# %s\n", rows[i].text);
		strcpy(text, rows[i].text);
		assert_int_equal(parse(text, &error, &options), OPTIONS_E_INVALID);
		assert_string_equal(error.field, rows[i].field);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(options_default_limit_no_packets),
		cmocka_unit_test(options_of_packets_are_read_in_order),
		cmocka_unit_test(packet_memory_is_rounded_down_to_a_power_of_two),
		cmocka_unit_test(packet_memory_of_another_form_is_refused),
		cmocka_unit_test(interface_name_that_cannot_be_is_refused),
		cmocka_unit_test(interface_named_twice_or_beyond_sixteen_is_refused),
		cmocka_unit_test(options_that_contradict_are_refused),
	};

	return cmocka_run_group_tests_name("app/options", tests, NULL, NULL);
}
