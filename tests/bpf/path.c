/* The packet path natively: the maps it asks for are memory of this process, its clock is moved. */
/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>

#include "bpf/path.h"
#include "bpf/verdict.h"

enum { LINES_OF_A_RULE = 1024 };

struct path path;

__u64 clock_source_ns(void)
{
	path.clock_reads++;
	return path.now_ns;
}

__u64 clock_source_jiffies(void)
{
	return path.jiffies;
}

const struct sluice_tables *map_tables(void)
{
	return path.tables;
}

struct sluice_line *map_line(__u32 index)
{
	return index < path.n_lines ? &path.lines[index] : NULL;
}

struct sluice_counts *map_counts(__u32 slot)
{
	return slot < SLUICE_RULES_MAX ? &path.counts[slot] : NULL;
}

struct sluice_reasons *map_reasons(void)
{
	return &path.reasons;
}

struct clock_cache *map_clock(void)
{
	return &path.clock;
}

bool path_packet(const void *frame, uint32_t bytes)
{
	const struct sluice_tables *t = map_tables();
	struct sluice_packet p;

	if (!t->rules)
		return true;
	parse_packet(frame, bytes, &p);
	return verdict_of(t, &p) == VERDICT_PASS;
}

static void *zeroed(size_t bytes)
{
	size_t size = (bytes + 63) / 64 * 64;
	void *memory = aligned_alloc(64, size ? size : 64);

	if (!memory)
		abort();
	return memset(memory, 0, size);
}

struct sluice_tables *path_init(uint32_t n, const struct sluice_params *params)
{
	struct sluice_tables *t = zeroed(sizeof(*t));

	memset(&path, 0, sizeof(path));
	path.n_lines = n * LINES_OF_A_RULE;
	path.lines = zeroed(path.n_lines * sizeof(*path.lines));
	path.tables = t;
	t->rules = n < 64 ? (1ULL << n) - 1 : ~0ULL;
	t->enforce = t->family4 = t->family6 = t->rules;
	for (uint32_t i = 0; i < 4; i++)
		t->seed[i] = 0x9e3779b97f4a7c15ULL * (i + 1);
	for (uint32_t i = 0; i < 256; i++)
		t->proto[i] = t->rules;
	for (uint32_t i = 0; i < n; i++) {
		struct sluice_rule *rule = &t->rule[i];

		rule->params = *params;
		rule->mask4 = ~0U;
		rule->mask6[0] = ~0ULL;
		rule->line_first = i * LINES_OF_A_RULE;
		rule->line_count = LINES_OF_A_RULE;
		rule->slot = i;
		rule->per = SLUICE_PER_SRC;
	}
	return t;
}

void path_done(void)
{
	free((void *)path.tables);
	free(path.lines);
	memset(&path, 0, sizeof(path));
}
