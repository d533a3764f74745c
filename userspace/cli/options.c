/* The table of options, and its reader. */
/* SPDX-License-Identifier: MIT */
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/number.h"
#include "base/utf8.h"
#include "cli/options_priv.h"

#define ON(command) (1u << CLI_##command)
#define ALL         ((1u << CLI_N_COMMANDS) - 1)
#define ADD_SET     (ON(ADD) | ON(SET))
#define KEY_ADD_SET (ON(KEY_ADD) | ON(KEY_SET))
#define SETS_RMS    (ON(SET) | ON(RM) | ON(KEY_SET) | ON(KEY_RM))

const struct cli_option cli_options[CLI_N_OPTIONS] = {
	[CLI_COST] = {"--cost", NULL, "N", "cost", NULL, CLI_NUMBER, ON(CHECK),
		      "tokens to consume, 1 by default; negative gives back"},
	[CLI_PEEK] = {"--peek", NULL, NULL, NULL, NULL, CLI_FLAG, ON(CHECK),
		      "say whether it would pass; consume and count nothing"},
	[CLI_PACKET] = {"--packet", NULL, NULL, "scope", NULL, CLI_FLAG, ON(ADD),
			"limit packets at the NIC instead of requests with a key"},
	[CLI_LIMIT] = {"--limit", NULL, "N", "limit", NULL, CLI_NUMBER, ADD_SET,
		       "how many per interval"},
	[CLI_INTERVAL] = {"--interval", NULL, "TIME", "interval", "1s 1m 1h 1d", CLI_TEXT, ADD_SET,
			  "500ms, 1s, 1m, 1h, 1d, ..., up to 365d"},
	[CLI_BURST] = {"--burst", NULL, "N", "burst", NULL, CLI_NUMBER, ADD_SET,
		       "what a full bucket holds; '' goes back to the limit"},
	[CLI_ALGORITHM] = {"--algorithm", NULL, "NAME", "algorithm",
			   "token_bucket fixed_window sliding_window", CLI_TEXT, ADD_SET,
			   "token_bucket (default), fixed_window, sliding_window"},
	[CLI_MODE] = {"--mode", NULL, "MODE", "mode", "enforce shadow off", CLI_TEXT, ADD_SET,
		      "enforce (default), shadow (counts, denies nothing), off"},
	[CLI_NAME] = {"--name", NULL, "TEXT", "name", NULL, CLI_TEXT, ADD_SET | KEY_ADD_SET,
		      "for people; '' takes that of a limit away"},
	[CLI_RIGHT] = {"--right", NULL, "RIGHT", "rights",
		       "check limits:read limits:write metrics:read events:read keys:read "
		       "keys:write audit:read usage:read all",
		       CLI_LIST_OF, KEY_ADD_SET, "what it may do: check, limits:read, ..., all"},
	[CLI_EXPIRES_IN] = {"--expires-in", NULL, "TIME", "expires_in", "1h 1d 30d 90d 365d",
			    CLI_TEXT, KEY_ADD_SET,
			    "from now: 1h, 30d, ..., up to 3650d; '' for good"},
	[CLI_CONFIRM_IN] = {"--confirm", NULL, "TIME", "confirm", "60s 5m", CLI_TEXT, ON(ADD),
			    "taken back after this, unless `sluice limit confirm`"},
	[CLI_PROTO] = {"--proto", NULL, "NAME", "match.proto", "tcp udp icmp icmpv6 sctp",
		       CLI_LIST_OF, ADD_SET,
		       "packets of this protocol: tcp, udp, icmp, ..., 0 to 255"},
	[CLI_DST_PORT] = {"--dst-port", NULL, "PORT", "match.dst_port", NULL, CLI_LIST_OF, ADD_SET,
			  "packets to this port, or to a range: 53, 1000-2000"},
	[CLI_DST] = {"--dst", NULL, "PREFIX", "match.dst", NULL, CLI_LIST_OF, ADD_SET,
		     "packets to this address or prefix"},
	[CLI_SRC] = {"--src", NULL, "PREFIX", "match.src", NULL, CLI_LIST_OF, ADD_SET,
		     "packets from this address or prefix"},
	[CLI_PER] = {"--per", NULL, "WHAT", "per", "src dst src/24 src/24/48", CLI_TEXT, ON(ADD),
		     "a bucket each: src, dst, src/24, src/24/48; else one"},
	[CLI_UNIT] = {"--unit", NULL, "UNIT", "unit", "packets bytes", CLI_TEXT, ON(ADD),
		      "packets (default) or bytes"},
	[CLI_STATS] = {"--stats", NULL, NULL, NULL, NULL, CLI_FLAG, ON(LIST),
		       "show what each limit counted"},
	[CLI_COUNT] = {"--count", "-n", "N", "limit", NULL, CLI_NUMBER, ON(AUDIT),
		       "how many changes, 20 by default; 0: all"},
	[CLI_OBJECT] = {"--object", NULL, "ID", "object", NULL, CLI_TEXT, ON(AUDIT),
			"changes of this limit or API key"},
	[CLI_ACTOR] = {"--actor", NULL, "ID", "actor", "file keeper bootstrap", CLI_TEXT, ON(AUDIT),
		       "changes by this API key, or file, keeper, bootstrap"},
	[CLI_SINCE] = {"--since", NULL, "TIME", "since", "1h 24h 7d", CLI_TEXT, ON(AUDIT),
		       "2026-01-31, 2026-01-31T12:00:00Z, or how long ago: 24h"},
	[CLI_BY] = {"--by", NULL, "PERIOD", "by", "hour day", CLI_TEXT, ON(USAGE),
		    "hour (default) or day, of UTC"},
	[CLI_FROM] = {"--from", NULL, "TIME", "from", "24h 7d 30d", CLI_TEXT, ON(USAGE),
		      "24h or 30d ago by default; as --since of audit"},
	[CLI_TO] = {"--to", NULL, "TIME", "to", NULL, CLI_TEXT, ON(USAGE), "now by default"},
	[CLI_ONCE] = {"--once", NULL, NULL, NULL, NULL, CLI_FLAG, ON(TOP),
		      "one table, of one second, and no more"},
	[CLI_IF_REVISION] = {"--if-revision", NULL, "N", NULL, NULL, CLI_NUMBER, SETS_RMS,
			     "only if this still is its revision"},
	[CLI_OUTPUT] = {"--output", "-o", "FORMAT", NULL, "table json", CLI_WORD, ALL,
			"table (default) or json, as the server answers"},
	[CLI_URL] = {"--url", NULL, "URL", NULL, NULL, CLI_TEXT, ALL,
		     "the server; else SLUICE_URL, else http://127.0.0.1:4000"},
	[CLI_CACERT] = {"--cacert", NULL, "FILE", NULL, NULL, CLI_PATH, ALL,
			"of https: whom to trust; else SLUICE_CACERT"},
	[CLI_API_KEY_FILE] = {"--api-key-file", NULL, "FILE", NULL, NULL, CLI_PATH, ALL,
			      "the API key, or bootstrap.json; else SLUICE_API_KEY"},
	[CLI_TIMEOUT] = {"--timeout", NULL, "TIME", NULL, "1s 10s 1m", CLI_DURATION, ALL,
			 "how long to wait for an answer, 10s by default"},
	[CLI_HELP] = {"--help", "-h", NULL, NULL, NULL, CLI_FLAG, ALL, "this text"},
};

/* CLI_N_OPTIONS if there is none that this command takes. */
static enum cli_option_id find_option(enum cli_command_id command, const char *arg, size_t len)
{
	enum cli_option_id id = 0;

	for (; id < CLI_N_OPTIONS; id++) {
		const char *names[] = {cli_options[id].name, cli_options[id].letter};

		for (int i = 0; cli_takes(command, id) && i < 2; i++)
			if (names[i] && strlen(names[i]) == len && memcmp(names[i], arg, len) == 0)
				return id;
	}
	return id;
}

static bool is_choice(const char *choices, const char *text)
{
	size_t len = strlen(text);

	for (const char *at = choices; *at; at += strcspn(at, " "), at += *at == ' ')
		if (strcspn(at, " ") == len && memcmp(at, text, len) == 0)
			return true;
	return false;
}

/* What the client itself must understand; the server judges the rest. */
static int check_value(const struct cli_option *option, const char *text, struct field_error *error)
{
	uint64_t ns;
	int64_t number;

	if (!utf8_valid(text, strlen(text)))
		field_error_set(error, option->name, "is not UTF-8");
	else if (option->kind == CLI_NUMBER && *text &&
		 number_parse_s64(text, strlen(text), &number))
		field_error_set(error, option->name, "'%s' is no whole number", text);
	else if (option->kind == CLI_WORD && !is_choice(option->choices, text))
		field_error_set(error, option->name, "'%s' is none of: %s", text, option->choices);
	else if (option->kind == CLI_DURATION &&
		 (duration_parse_ns(text, strlen(text), &ns) || ns / 1000000 > 24ULL * 3600 * 1000))
		field_error_set(error, option->name,
				"'%s' is no time such as 500ms or 10s, up to 24h", text);
	else
		return 0;
	return CLI_E_INVALID;
}

static int take_value(const struct cli_option *option, const char *text, struct field_error *error,
		      struct cli_given *given)
{
	size_t most = option->kind == CLI_LIST_OF ? CLI_VALUES_MAX : 1;

	if (given->n == most && most == 1)
		field_error_set(error, option->name, "is given twice");
	else if (given->n == most)
		field_error_set(error, option->name, "is given more than %zu times", most);
	else if (check_value(option, text, error) == 0) {
		given->texts[given->n++] = text;
		return 0;
	}
	return CLI_E_INVALID;
}

/* Reads one option and returns how many args it took, or -1 with *error. */
static int take_option(enum cli_command_id command, int n_args, char *const *args,
		       struct field_error *error, struct cli_arguments *ret)
{
	const char *equals = strchr(args[0], '=');
	size_t len = equals ? (size_t)(equals - args[0]) : strlen(args[0]);
	enum cli_option_id id = find_option(command, args[0], len);
	const struct cli_option *option = &cli_options[id];
	const char *value = equals ? equals + 1 : n_args > 1 ? args[1] : NULL;

	if (id == CLI_N_OPTIONS) {
		field_error_set(error, args[0], "there is no such option");
		return -1;
	}
	if (!option->value && equals)
		field_error_set(error, option->name, "takes no value");
	else if (option->value && !value)
		field_error_set(error, option->name, "needs a value: %s", option->value);
	else if (take_value(option, option->value ? value : "", error, &ret->given[id]) == 0)
		return option->value && !equals ? 2 : 1;
	return -1;
}

static int take_operand(const char *text, struct field_error *error, struct cli_arguments *ret)
{
	if (ret->n_operands == CLI_OPERANDS_MAX)
		field_error_set(error, text, "is one word too many");
	else if (!utf8_valid(text, strlen(text)))
		field_error_set(error, "an operand", "is not UTF-8");
	else {
		ret->operands[ret->n_operands++] = text;
		return 0;
	}
	return CLI_E_INVALID;
}

int cli_parse(enum cli_command_id command, int n_args, char *const *args, struct field_error *error,
	      struct cli_arguments *ret)
{
	bool options_over = false;

	memset(ret, 0, sizeof(*ret));
	for (int at = 0; at < n_args;) {
		int used = 1;

		if (!options_over && strcmp(args[at], "--") == 0)
			options_over = true;
		else if (!options_over && args[at][0] == '-' && args[at][1])
			used = take_option(command, n_args - at, args + at, error, ret);
		else if (take_operand(args[at], error, ret))
			used = -1;
		if (used < 0)
			return CLI_E_INVALID;
		at += used;
	}
	return 0;
}

void cli_print_options(enum cli_command_id command)
{
	for (enum cli_option_id id = 0; id < CLI_N_OPTIONS; id++) {
		const struct cli_option *option = &cli_options[id];
		char left[32];

		if (!cli_takes(command, id))
			continue;
		snprintf(left, sizeof(left), "%s%s%s%s%s", option->letter ? option->letter : "",
			 option->letter ? ", " : "", option->name, option->value ? " " : "",
			 option->value ? option->value : "");
		printf("  %-20s %s\n", left, option->help);
	}
}
