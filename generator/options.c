/* One table of options, which parsing and help both read. */
/* SPDX-License-Identifier: MIT */
#include <arpa/inet.h>
#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "base/number.h"
#include "generator/options.h"

struct option_row {
	const char *name;
	const char *value; /* what stands for it in the help; NULL: a flag */
	const char *help;
	int (*parse)(const struct option_row *row, const char *text, struct options *options);
	size_t offset; /* of what parse writes, where that is one field */
	uint64_t most; /* of a number */
};

static void *field_of(const struct option_row *row, struct options *options)
{
	return (char *)options + row->offset;
}

static int parse_text(const struct option_row *row, const char *text, struct options *options)
{
	*(const char **)field_of(row, options) = text;
	return *text ? 0 : -EINVAL;
}

static int parse_number(const struct option_row *row, const char *text, uint64_t *ret)
{
	int err = number_parse_u64(text, strlen(text), ret);

	return err ? err : *ret > row->most ? -ERANGE : 0;
}

static int parse_u16(const struct option_row *row, const char *text, struct options *options)
{
	uint64_t value;
	int err = parse_number(row, text, &value);

	if (!err)
		*(uint16_t *)field_of(row, options) = (uint16_t)value;
	return err;
}

static int parse_u32(const struct option_row *row, const char *text, struct options *options)
{
	uint64_t value;
	int err = parse_number(row, text, &value);

	if (!err)
		*(uint32_t *)field_of(row, options) = (uint32_t)value;
	return err;
}

static int parse_u64(const struct option_row *row, const char *text, struct options *options)
{
	return parse_number(row, text, field_of(row, options));
}

static int parse_duration(const struct option_row *row, const char *text, struct options *options)
{
	return duration_parse_ns(text, strlen(text), field_of(row, options));
}

static int parse_flag(const struct option_row *row, const char *text, struct options *options)
{
	(void)text;
	*(bool *)field_of(row, options) = true;
	return 0;
}

/* Source and destination are of one family. */
static int parse_address(const struct option_row *row, const char *text, struct options *options)
{
	uint8_t family = strchr(text, ':') ? 6 : 4;

	if (options->spec.family && options->spec.family != family)
		return -EINVAL;
	options->spec.family = family;
	return inet_pton(family == 4 ? AF_INET : AF_INET6, text, field_of(row, options)) == 1 ?
		       0 :
		       -EINVAL;
}

static int parse_mac(const struct option_row *row, const char *text, struct options *options)
{
	uint8_t *mac = field_of(row, options);
	int used = 0;

	if (sscanf(text, "%2hhx:%2hhx:%2hhx:%2hhx:%2hhx:%2hhx%n", &mac[0], &mac[1], &mac[2],
		   &mac[3], &mac[4], &mac[5], &used) != 6)
		return -EINVAL;
	return text[used] ? -EINVAL : 0;
}

#define FIELD(member)      offsetof(struct options, member)
#define SPEC_FIELD(member) offsetof(struct options, spec.member)

static const struct option_row rows[] = {
	{"netns", "NAME", "enter this network namespace", parse_text, FIELD(netns), 0},
	{"interface", "NAME", "a veth; needed", parse_text, SPEC_FIELD(interface), 0},
	{"dst-mac", "MAC", "default: broadcast", parse_mac, SPEC_FIELD(dst_mac), 0},
	{"src", "ADDRESS", "the first source; needed", parse_address, SPEC_FIELD(src), 0},
	{"sources", "N", "this many from there on, default 1: addresses, or /64s of IPv6",
	 parse_u32, SPEC_FIELD(sources), UINT32_MAX},
	{"in-turn", NULL, "each source after the other, not at random", parse_flag,
	 SPEC_FIELD(in_turn), 0},
	{"dst", "ADDRESS", "needed", parse_address, SPEC_FIELD(dst), 0},
	{"src-port", "PORT", "default 0", parse_u16, SPEC_FIELD(src_port), UINT16_MAX},
	{"dst-port", "PORT", "default 0", parse_u16, SPEC_FIELD(dst_port), UINT16_MAX},
	{"bytes", "N", "size of a frame, default and least: 60, IPv6 62", parse_u16,
	 SPEC_FIELD(bytes), GENERATOR_BYTES_MAX},
	{"pps", "N", "default: as fast as it goes", parse_u64, SPEC_FIELD(pps), 100000000},
	{"seed", "N", "of random sources; default: the clock's", parse_u64, SPEC_FIELD(seed),
	 UINT64_MAX},
	{"for", "DURATION", "default: until SIGINT or SIGTERM", parse_duration, FIELD(duration_ns),
	 0},
	{"every", "DURATION", "also report as often as this", parse_duration, FIELD(every_ns), 0},
	{"cpu", "N", "send, and let the peer receive, on this one", parse_u32, FIELD(cpu), 1023},
};

static void print_help(void)
{
	char left[32];

	puts("usage: generator OPTION...\n\n"
	     "Sends UDP frames into a veth whose peer is in another network namespace and has a\n"
	     "native XDP program. At the end:\n"
	     "{\"sent\":...,\"seconds\":...,\"pps\":...,\"busy_seconds\":...}\n");
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		snprintf(left, sizeof(left), "--%s %s", rows[i].name,
			 rows[i].value ? rows[i].value : "");
		printf("  %-20s %s\n", left, rows[i].help);
	}
}

static const struct option_row *find_row(const char *arg)
{
	if (strncmp(arg, "--", 2) != 0)
		return NULL;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (strcmp(rows[i].name, arg + 2) == 0)
			return &rows[i];
	}
	return NULL;
}

static int parse_one(int argc, char **argv, int *at, struct options *options)
{
	const struct option_row *row = find_row(argv[*at]);
	const char *text = "";

	if (!row) {
		fprintf(stderr, "generator: no option '%s'; see --help\n", argv[*at]);
		return -EINVAL;
	}
	if (row->value) {
		if (++*at >= argc) {
			fprintf(stderr, "generator: --%s: needs a %s\n", row->name, row->value);
			return -EINVAL;
		}
		text = argv[*at];
	}
	if (row->parse(row, text, options)) {
		fprintf(stderr, "generator: --%s: '%s' is no possible %s\n", row->name, text,
			row->value);
		return -EINVAL;
	}
	return 0;
}

int options_parse(int argc, char **argv, struct options *ret)
{
	static const uint8_t none[16];
	int err;

	*ret = (struct options){.cpu = -1, .duration_ns = UINT64_MAX};
	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "--help") == 0) {
			print_help();
			return 1;
		}
		err = parse_one(argc, argv, &i, ret);
		if (err)
			return err;
	}
	if (ret->spec.interface && memcmp(ret->spec.src, none, sizeof(none)) != 0 &&
	    memcmp(ret->spec.dst, none, sizeof(none)) != 0)
		return 0;
	fputs("generator: --interface, --src and --dst are needed; see --help\n", stderr);
	return -EINVAL;
}
