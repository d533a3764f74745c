/* The command line: one table of options that parsing and help both read. */
/* SPDX-License-Identifier: MIT */
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "app/options.h"
#include "base/number.h"

struct option_row {
	const char *name;
	const char *value;      /* what stands for it in the help; NULL: a flag */
	const char *by_default; /* parsed like what is typed; NULL: none */
	const char *help;
	size_t offset; /* in struct options, of what parse writes */
	int (*parse)(const struct option_row *row, const char *text, struct field_error *error,
		     struct options *options);
};

static void *field_of(const struct option_row *row, struct options *options)
{
	return (char *)options + row->offset;
}

static int parse_listen(const struct option_row *row, const char *text, struct field_error *error,
			struct options *options)
{
	(void)row;
	return address_parse(text, error, options);
}

static int parse_path(const struct option_row *row, const char *text, struct field_error *error,
		      struct options *options)
{
	if (!*text) {
		field_error_set(error, row->name, "must not be empty");
		return OPTIONS_E_INVALID;
	}
	*(const char **)field_of(row, options) = text;
	return 0;
}

static int parse_flag(const struct option_row *row, const char *text, struct field_error *error,
		      struct options *options)
{
	(void)text;
	(void)error;
	*(bool *)field_of(row, options) = true;
	return 0;
}

static int parse_count(const struct option_row *row, const char *text, struct field_error *error,
		       struct options *options)
{
	uint64_t *count = field_of(row, options);

	if (number_parse_u64(text, strlen(text), count) == 0 && *count > 0)
		return 0;
	field_error_set(error, row->name, "'%s' is no number of at least 1", text);
	return OPTIONS_E_INVALID;
}

static int parse_threads(const struct option_row *row, const char *text, struct field_error *error,
			 struct options *options)
{
	uint64_t threads;

	if (number_parse_u64(text, strlen(text), &threads) || threads > 256) {
		field_error_set(error, row->name, "'%s' is no number up to 256", text);
		return OPTIONS_E_INVALID;
	}
	*(uint32_t *)field_of(row, options) = (uint32_t)threads;
	return 0;
}

static int parse_timeout(const struct option_row *row, const char *text, struct field_error *error,
			 struct options *options)
{
	const uint64_t ns_per_ms = 1000000, max_ms = 24ULL * 3600 * 1000;
	uint64_t ns;

	if (duration_parse_ns(text, strlen(text), &ns) || ns / ns_per_ms > max_ms) {
		field_error_set(error, row->name, "'%s' is no time such as 500ms or 10s, up to 24h",
				text);
		return OPTIONS_E_INVALID;
	}
	*(uint32_t *)field_of(row, options) = (uint32_t)(ns / ns_per_ms);
	return 0;
}

static int parse_interface(const struct option_row *row, const char *text,
			   struct field_error *error, struct options *options)
{
	(void)row;
	return interface_parse(text, error, options);
}

static int parse_packet_memory(const struct option_row *row, const char *text,
			       struct field_error *error, struct options *options)
{
	return packet_memory_parse(text, error, field_of(row, options));
}

#define FIELD(name) offsetof(struct options, name)

static const struct option_row rows[] = {
	{"--listen", "ADDRESS:PORT", "127.0.0.1:4000",
	 "where to answer HTTP; port 0 takes any free one", FIELD(listen), parse_listen},
	{"--data", "DIR", "sluice-data", "where limits and keys are kept; made if absent",
	 FIELD(data), parse_path},
	{"--keys-max", "N", "1000000", "keys that one tenant may have in use at a time",
	 FIELD(keys_max), parse_count},
	{"--http-threads", "N", "0", "threads that answer HTTP; 0: half the CPUs, at most 4",
	 FIELD(http_threads), parse_threads},
	{"--header-timeout", "TIME", "10s", "a request's headers must be complete after this",
	 FIELD(header_timeout_ms), parse_timeout},
	{"--body-timeout", "TIME", "30s", "and its body after this", FIELD(body_timeout_ms),
	 parse_timeout},
	{"--idle-timeout", "TIME", "60s", "how long an unused connection stays open",
	 FIELD(idle_timeout_ms), parse_timeout},
	{"--iface", "NAME", NULL, "limit packets that come in here; repeat it for up to 16", 0,
	 parse_interface},
	{"--pin-dir", "DIR", "/sys/fs/bpf/sluice", "where packet limits outlive this process",
	 FIELD(pin_dir), parse_path},
	{"--packet-memory", "SIZE", "16MiB",
	 "of all buckets of packets, 64KiB to 1GiB, rounded down to a power of two",
	 FIELD(packet_lines), parse_packet_memory},
	{"--detach-on-exit", NULL, NULL, "stop limiting packets on exit and remove what is pinned",
	 FIELD(detach_on_exit), parse_flag},
	{"--test-clock", NULL, NULL,
	 "for tests: the clock stands still but for POST /test/clock (loopback only)",
	 FIELD(test_clock), parse_flag},
};

enum {
	N_ROWS = sizeof(rows) / sizeof(rows[0]),
};

static const struct option_row *find_row(const char *arg, size_t len)
{
	for (size_t i = 0; i < N_ROWS; i++)
		if (strlen(rows[i].name) == len && memcmp(rows[i].name, arg, len) == 0)
			return &rows[i];
	return NULL;
}

/* Reads one option and returns how many args it took, or -1 with *error. */
static int parse_option(int n_args, char *const *args, struct field_error *error,
			struct options *options)
{
	const char *equals = strchr(args[0], '=');
	size_t len = equals ? (size_t)(equals - args[0]) : strlen(args[0]);
	const struct option_row *row = find_row(args[0], len);
	bool separate = row && row->value && !equals;
	const char *value = equals ? equals + 1 : separate && n_args > 1 ? args[1] : NULL;

	if (!row)
		field_error_set(error, args[0], "there is no such option; see `sluice help`");
	else if (!row->value && equals)
		field_error_set(error, row->name, "takes no value");
	else if (row->value && !value)
		field_error_set(error, row->name, "needs a value: %s", row->value);
	else if (row->parse(row, value, error, options) == 0)
		return separate ? 2 : 1;
	return -1;
}

static int check_together(const struct options *options, struct field_error *error)
{
	if (!options->test_clock)
		return 0;
	if (options->n_interfaces > 0)
		field_error_set(error, "--test-clock", "packets go by the real clock: no --iface");
	else if (!options->loopback)
		field_error_set(error, "--test-clock",
				"anybody could move the clock: only with a loopback --listen");
	else
		return 0;
	return OPTIONS_E_INVALID;
}

int options_parse(int n_args, char *const *args, struct field_error *error, struct options *ret)
{
	memset(ret, 0, sizeof(*ret));
	for (size_t i = 0; i < N_ROWS; i++)
		if (rows[i].by_default && rows[i].parse(&rows[i], rows[i].by_default, error, ret))
			return OPTIONS_E_INVALID;
	for (int at = 0; at < n_args;) {
		int used = parse_option(n_args - at, args + at, error, ret);

		if (used < 0)
			return OPTIONS_E_INVALID;
		at += used;
	}
	return check_together(ret, error);
}

void options_print(void)
{
	for (size_t i = 0; i < N_ROWS; i++) {
		char left[48];

		snprintf(left, sizeof(left), "%s %s", rows[i].name,
			 rows[i].value ? rows[i].value : "");
		printf("  %-24s %s", left, rows[i].help);
		if (rows[i].by_default)
			printf(" (default %s)", rows[i].by_default);
		printf("\n");
	}
}
