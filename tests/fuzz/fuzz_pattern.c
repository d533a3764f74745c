/* Any lines as patterns and keys: the limits that the engine finds are those that a plain matcher finds. */
/* SPDX-License-Identifier: MIT */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "engine/engine.h"
#include "unit/engine/plain.h"

/*
 * A line is `+Dpattern` (the limit D, a letter, counts by that pattern from now on), `-D`, `=key` (a
 * check that consumes, so that the key has state) or `?key` (a peek).
 */
enum {
	LIMITS = 26,
	TEXT_MAX = 40, /* backtracking over four stars */
	LINES_MAX = 60,
};

struct limit {
	char text[TEXT_MAX];
	size_t len; /* 0: there is none */
	unsigned int since;
};

struct run {
	struct engine *engine;
	struct limit limits[LIMITS];
	unsigned int made;
	uint64_t now_ns;
};

static void check(bool holds)
{
	if (!holds)
		abort();
}

static struct engine_change change_of(unsigned int number, char id[2])
{
	static const struct sluice_spec spec = {
		.limit = 1000000, .interval_ns = 1000000000, .cost_min = 1};
	struct engine_change change = {.op = ENGINE_DELETE};

	id[0] = (char)('a' + number);
	id[1] = '\0';
	change.limit.id = id;
	check(sluice_params_compile(&spec, 0, &change.limit.params) == 0);
	return change;
}

static void put_limit(struct run *run, unsigned int number, const char *text, size_t len)
{
	struct limit *limit = &run->limits[number];
	struct engine_change change;
	char id[2];
	bool exact;
	int err = engine_pattern_check(text, len, &exact);

	change = change_of(number, id);
	change.op = ENGINE_PUT;
	change.limit.pattern = text;
	change.limit.pattern_len = len;
	check(engine_apply(run->engine, &change, 1, run->now_ns) == err);
	if (err)
		return;
	if (limit->len == 0)
		limit->since = ++run->made;
	memcpy(limit->text, text, len);
	limit->len = len;
}

static void delete_limit(struct run *run, unsigned int number)
{
	struct limit *limit = &run->limits[number];
	struct engine_change change;
	char id[2];

	change = change_of(number, id);
	check(engine_apply(run->engine, &change, 1, run->now_ns) ==
	      (limit->len ? 0 : ENGINE_E_NOT_FOUND));
	limit->len = 0;
}

static void check_key(struct run *run, const char *key, size_t len, bool peek)
{
	struct engine_request request = {
		.key = key, .key_len = len, .cost = 1, .peek = peek, .now_ns = run->now_ns};
	struct engine_verdict verdict;
	unsigned int since = 0, found = 0;
	int err = engine_check(run->engine, &request, &verdict);

	check(err == (len == 0 ? ENGINE_E_KEY : 0));
	if (err)
		return;
	for (unsigned int i = 0; i < verdict.count; i++) {
		const struct limit *limit = &run->limits[verdict.hits[i].id[0] - 'a'];

		check(limit->since > since);
		since = limit->since;
		check(limit->len && plain_covers(limit->text, limit->len, key, len));
	}
	for (unsigned int i = 0; i < LIMITS; i++)
		found += run->limits[i].len &&
			 plain_covers(run->limits[i].text, run->limits[i].len, key, len);
	check(found == verdict.count);
}

static void take_line(struct run *run, const char *line, size_t len)
{
	if (len < 1 || len > TEXT_MAX)
		return;
	if (*line == '=' || *line == '?')
		check_key(run, line + 1, len - 1, *line == '?');
	else if (len >= 2 && line[1] >= 'a' && line[1] <= 'z' && *line == '+')
		put_limit(run, (unsigned int)(line[1] - 'a'), line + 2, len - 2);
	else if (len >= 2 && line[1] >= 'a' && line[1] <= 'z' && *line == '-')
		delete_limit(run, (unsigned int)(line[1] - 'a'));
	else
		engine_sweep(run->engine, run->now_ns, 100);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct engine_config config = {.seed = "fuzz_pattern", .keys_max = 1000};
	struct run run = {.now_ns = 1000000000};
	const char *at = (const char *)data, *end = at + size;

	check(engine_new(&config, &run.engine) == 0);
	for (int lines = 0; at < end && lines < LINES_MAX; lines++) {
		const char *stop = memchr(at, '\n', (size_t)(end - at));

		stop = stop ? stop : end;
		take_line(&run, at, (size_t)(stop - at));
		run.now_ns += 1000;
		at = stop + 1;
	}
	engine_free(run.engine);
	return 0;
}
