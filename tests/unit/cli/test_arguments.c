/* What is typed behind a command: what is read, what is refused, and the JSON it becomes. */
/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "cli/body_priv.h"

enum {
	ARGS_MAX = 80,
};

/* Words with single blanks between; '' is an empty one. The text must outlive *ret. */
static int parse(enum cli_command_id command, char *text, struct field_error *error,
		 struct cli_arguments *ret)
{
	static char nothing[] = "";
	char *args[ARGS_MAX], *rest = text;
	int n = 0;

	while (n < ARGS_MAX && (args[n] = strtok_r(rest, " ", &rest))) {
		if (strcmp(args[n], "''") == 0)
			args[n] = nothing;
		n++;
	}
	*error = (struct field_error){.field = ""};
	return cli_parse(command, n, args, error, ret);
}

static void options_and_operands_come_in_any_order(void **state)
{
	char text[] = "--cost -5 -o json key --peek --url=http://x -- -o";
	struct cli_arguments arguments;
	struct field_error error;

	assert_int_equal(parse(CLI_CHECK, text, &error, &arguments), 0);
	assert_int_equal(arguments.n_operands, 2);
	assert_string_equal(arguments.operands[0], "key");
	assert_string_equal(arguments.operands[1], "-o");
	assert_string_equal(cli_text(&arguments, CLI_COST), "-5");
	assert_string_equal(cli_text(&arguments, CLI_OUTPUT), "json");
	assert_string_equal(cli_text(&arguments, CLI_URL), "http://x");
	assert_true(cli_has(&arguments, CLI_PEEK));
	assert_false(cli_has(&arguments, CLI_TIMEOUT));
}

static void wrong_words_are_refused_by_name(void **state)
{
	static const struct {
		enum cli_command_id command;
		const char *text, *field, *message;
	} rows[] = {
		{CLI_CHECK, "k --colour", "--colour", "no such option"},
		{CLI_CHECK, "k --limit 1", "--limit", "no such option"},
		{CLI_SET, "id --per src", "--per", "no such option"},
		{CLI_CHECK, "k --cost", "--cost", "needs a value: N"},
		{CLI_CHECK, "k --cost x", "--cost", "'x' is no whole number"},
		{CLI_CHECK, "k --cost 1.5", "--cost", "'1.5'"},
		{CLI_CHECK, "k --cost 9223372036854775808", "--cost", "no whole number"},
		{CLI_CHECK, "k --cost 1 --cost 2", "--cost", "given twice"},
		{CLI_CHECK, "k --peek=1", "--peek", "takes no value"},
		{CLI_CHECK, "k --output yaml", "--output", "none of: table json"},
		{CLI_CHECK, "k -o jso", "--output", "'jso'"},
		{CLI_CHECK, "k -o ''", "--output", "''"},
		{CLI_CHECK, "k --timeout 5", "--timeout", "'5'"},
		{CLI_CHECK, "k --timeout 25h", "--timeout", "up to 24h"},
		{CLI_CHECK, "a b c", "c", "one word too many"},
		{CLI_ADD, "\xFF", "an operand", "not UTF-8"},
		{CLI_ADD, "k --name \xC3", "--name", "not UTF-8"},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct cli_arguments arguments;
		struct field_error error;
		char text[64];

		strcpy(text, rows[i].text);
		if (parse(rows[i].command, text, &error, &arguments) != CLI_E_INVALID)
			fail_msg("%s was taken", rows[i].text);
		assert_string_equal(error.field, rows[i].field);
		if (!strstr(error.message, rows[i].message))
			fail_msg("%s: %s", rows[i].text, error.message);
	}
}

static void list_option_is_taken_64_times(void **state)
{
	static const char word[] = "--src=::";
	struct cli_arguments arguments;
	struct field_error error;
	char *args[CLI_VALUES_MAX + 1];
	char text[sizeof(word)];

	strcpy(text, word);
	for (size_t i = 0; i <= CLI_VALUES_MAX; i++)
		args[i] = text;
	assert_int_equal(cli_parse(CLI_ADD, CLI_VALUES_MAX, args, &error, &arguments), 0);
	assert_int_equal(arguments.given[CLI_SRC].n, CLI_VALUES_MAX);
	assert_int_equal(cli_parse(CLI_ADD, CLI_VALUES_MAX + 1, args, &error, &arguments),
			 CLI_E_INVALID);
	assert_non_null(strstr(error.message, "more than 64 times"));
}

/* The body of what was typed, over a limit with this match. */
static void check_body(enum cli_command_id command, const char *typed, const char *key,
		       const char *match, const char *expected)
{
	_cleanup_json_ struct json_document *document = NULL;
	_cleanup_buf_ struct buf body;
	struct cli_arguments arguments;
	struct field_error error;
	char text[256];

	strcpy(text, typed);
	if (parse(command, text, &error, &arguments))
		fail_msg("%s: %s", typed, error.message);
	if (match)
		assert_int_equal(json_parse(match, strlen(match), &error, &document), 0);
	buf_init(&body);
	cli_body_write(&arguments, key, match ? json_root(document) : NULL, &body);
	assert_string_equal(body.data, expected);
}

static void body_of_a_key_has_what_was_typed(void **state)
{
	check_body(CLI_ADD, "--limit 1000 --interval 1m", "user123", NULL,
		   "{\"key\":\"user123\",\"limit\":1000,\"interval\":\"1m\"}");
	check_body(
		CLI_ADD,
		"--mode off --burst 5 --limit 1 --interval 1s --algorithm fixed_window --name 12 "
		"--confirm 60s",
		"a\"b", NULL,
		"{\"key\":\"a\\\"b\",\"limit\":1,\"interval\":\"1s\",\"burst\":5,"
		"\"algorithm\":\"fixed_window\",\"mode\":\"off\",\"name\":\"12\","
		"\"confirm\":\"60s\"}");
	check_body(CLI_SET, "--burst '' --name ''", NULL, NULL, "{\"burst\":null,\"name\":null}");
}

static void body_of_packets_has_scope_and_match(void **state)
{
	check_body(CLI_ADD,
		   "--packet --proto udp --dst-port 53 --per src --limit 100 --interval 1s "
		   "--unit bytes",
		   NULL, NULL,
		   "{\"scope\":\"packet\",\"limit\":100,\"interval\":\"1s\",\"per\":\"src\","
		   "\"unit\":\"bytes\",\"match\":{\"proto\":[\"udp\"],\"dst_port\":[53]}}");
	check_body(CLI_ADD,
		   "--packet --dst-port 53,1000-2000 --dst-port 80 --src 2001:db8::/32 --proto 17",
		   NULL, NULL,
		   "{\"scope\":\"packet\",\"match\":{\"proto\":[17],"
		   "\"dst_port\":[53,\"1000-2000\",80],\"src\":[\"2001:db8::/32\"]}}");
	check_body(CLI_ADD, "--packet --limit 1", NULL, NULL, "{\"scope\":\"packet\",\"limit\":1}");
}

static void changed_match_keeps_what_was_not_typed(void **state)
{
	static const char old[] = "{\"proto\":\"udp\",\"dst_port\":[53,80],\"dst\":\"192.0.2.1\"}";

	check_body(CLI_SET, "--dst-port 443", NULL, old,
		   "{\"match\":{\"proto\":\"udp\",\"dst_port\":[443],\"dst\":\"192.0.2.1\"}}");
	check_body(CLI_SET, "--proto ''", NULL, old,
		   "{\"match\":{\"dst_port\":[53,80],\"dst\":\"192.0.2.1\"}}");
	check_body(CLI_SET, "--limit 5", NULL, old, "{\"limit\":5}");
}

static void options_have_rows_and_help_within_a_line(void **state)
{
	for (size_t i = 0; i < CLI_N_OPTIONS; i++) {
		const struct cli_option *option = &cli_options[i];

		assert_non_null(option->name);
		assert_true(option->commands != 0);
		if (strlen(option->help) + 23 > 80)
			fail_msg("%s: the help is longer than a line", option->name);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(options_and_operands_come_in_any_order),
		cmocka_unit_test(wrong_words_are_refused_by_name),
		cmocka_unit_test(list_option_is_taken_64_times),
		cmocka_unit_test(body_of_a_key_has_what_was_typed),
		cmocka_unit_test(body_of_packets_has_scope_and_match),
		cmocka_unit_test(changed_match_keeps_what_was_not_typed),
		cmocka_unit_test(options_have_rows_and_help_within_a_line),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
