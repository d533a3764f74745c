/* Fuzzes the packet path under a rich set of limits: plain lists judge every packet the same. */
/* SPDX-License-Identifier: MIT */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bpf/judge.h"
#include "bpf/path.h"
#include "datapath/datapath_priv.h"
#include "unit/datapath/limit_set.h"

enum {
	LIMIT_LINES = 64,
	LINES = SLUICE_RULES_MAX * LIMIT_LINES,
	TIMES = 3, /* that each packet comes: some limits are of one or two */
};

/* The seeds of the corpus come from 16.17.18.19 or 4041:4243:..., and go to 36.37.38.39 or 5051:... */
#define NUMBERS(n) "\"limit\":" n ",\"interval\":\"365d\""

static const char *const members[] = {
	NUMBERS("2"),
	NUMBERS("9") ",\"per\":\"src\"",
	NUMBERS("1") ",\"per\":\"src\",\"mode\":\"shadow\"",
	NUMBERS("9") ",\"match\":{\"src\":\"16.17.0.0/16\"},\"per\":\"src/24\"",
	NUMBERS("9") ",\"match\":{\"dst\":[\"36.37.38.39\",\"5051::/16\"]},\"per\":\"dst\"",
	NUMBERS("1") ",\"match\":{\"dst\":\"36.37.38.38\"}",
	NUMBERS("1") ",\"match\":{\"src\":\"4041:4243::/32\",\"proto\":\"tcp\"}",
	NUMBERS("1") ",\"match\":{\"src\":\"4041:4243:4445::/48\",\"proto\":\"icmpv6\"}",
	NUMBERS("2") ",\"match\":{\"proto\":\"udp\",\"dst_port\":[53,\"1000-2000\"]}",
	NUMBERS("1") ",\"match\":{\"proto\":[\"tcp\",132],\"dst_port\":\"0-442\"}",
	NUMBERS("1") ",\"match\":{\"proto\":[47,50,51,255]}",
	NUMBERS("1") ",\"match\":{\"dst_port\":443},\"per\":\"dst/16/32\",\"mode\":\"shadow\"",
	NUMBERS("4000") ",\"unit\":\"bytes\",\"per\":\"src/8/16\"",
	NUMBERS("2") ",\"match\":{\"src\":\"::/0\"},\"per\":\"src/128\"",
	NUMBERS("2") ",\"match\":{\"src\":[\"0.0.0.0/1\",\"128.0.0.0/1\"]},\"mode\":\"shadow\"",
};

enum { LIMITS = sizeof(members) / sizeof(members[0]) };

static struct limit_set *set;
static struct sluice_slot slots[SLUICE_RULES_MAX];
static struct sluice_tables tables;
static struct sluice_line lines[LINES];
static struct judge judge;

/* The random stream that seeds the hash is of no matter; that it fills all bits is. */
static void make_tables(void)
{
	static const uint64_t seed[4] = {0x9e3779b97f4a7c15, 0xbf58476d1ce4e5b9, 0x94d049bb133111eb,
					 0xd6e8feb86659fd93};
	struct field_error error;
	char id[ID_SIZE];

	set = limit_set_new();
	for (uint32_t i = 0; i < LIMITS; i++) {
		snprintf(id, sizeof(id), "lim_%02u", i);
		limit_set_add(set, id, members[i]);
		memcpy(slots[i].id, id, sizeof(slots[i].id));
		slots[i].line_first = i * LIMIT_LINES;
		slots[i].line_count = set->own[i].match->per == SLUICE_PER_ALL ? 1 : LIMIT_LINES;
	}
	if (tables_build(slots, seed, set->limit, set->n, &error, &tables))
		abort();
}

static void begin(void)
{
	memset(&path, 0, sizeof(path));
	memset(lines, 0, sizeof(lines));
	memset(&judge.counts, 0, sizeof(judge.counts));
	memset(&judge.reasons, 0, sizeof(judge.reasons));
	judge_begin(&judge, set->limit, set->n, slots, &tables);
	path.now_ns = judge.now_ns = 1000;
	path.tables = &tables;
	path.lines = lines;
	path.n_lines = LINES;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t *frame;

	if (size > 65536)
		return 0;
	if (!set)
		make_tables();
	begin();
	/* Exact size, so that the sanitizer sees a byte too far. */
	frame = malloc(size);
	if (size)
		memcpy(frame, data, size);
	for (int i = 0; i < TIMES; i++) {
		if (path_packet(frame, (uint32_t)size) !=
		    judge_packet(&judge, frame, (uint32_t)size))
			abort();
		if (memcmp(path.counts, judge.counts, sizeof(path.counts)) ||
		    memcmp(&path.reasons, &judge.reasons, sizeof(path.reasons)))
			abort();
	}
	free(frame);
	return 0;
}
