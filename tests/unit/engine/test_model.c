/* Random operations: the engine answers as the plain model does, figure by figure. */
/* SPDX-License-Identifier: MIT */

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "unit/engine/kit.h"
#include "unit/engine/plain.h"

enum {
	RUNS = 4,
	OPERATIONS = 75000,
	TENANTS = 2,
	IDS = 20,
};

static const char *const patterns[] = {
	"*",   "a*",   "ab*", "abc",  "*c",      "a*c",   "*b*",  "a*b*c", "u:1",      "u:*",
	"u:*", "*:1*", "x",   "x\\*", "\\\\\\*", "*\\**", "\\*x", "aab*a", "*a*a*a*a", "u:*:*",
};

struct world {
	struct engine *engine;
	struct plain_engine model;
	const char *keys[PLAIN_KEYS];
	char texts[PLAIN_KEYS][24];
	uint64_t random;
	uint64_t now_ns;
};

static uint32_t draw(struct world *world, uint32_t below)
{
	world->random ^= world->random << 13;
	world->random ^= world->random >> 7;
	world->random ^= world->random << 17;
	return (uint32_t)((world->random >> 32) % below);
}

/* Few letters, so that patterns match often. */
static void make_keys(struct world *world)
{
	static const char letters[] = "aabbcux:1*\\";

	for (unsigned i = 0; i < PLAIN_KEYS; i++) {
		unsigned len = 1 + draw(world, i % 2 ? 4 : 20);

		if (i < 8)
			strcpy(world->texts[i], &"u:1:abc"[i % 4]);
		for (unsigned j = 0; i >= 8 && j < len; j++)
			world->texts[i][j] = letters[draw(world, sizeof(letters) - 1)];
		world->keys[i] = world->texts[i];
	}
	/* The model knows keys by number, so each text may stand there once only. */
	for (unsigned i = 0; i < PLAIN_KEYS; i++)
		for (unsigned j = 0; j < i; j++)
			if (strcmp(world->texts[i], world->texts[j]) == 0) {
				snprintf(world->texts[i], sizeof(world->texts[i]), "a%ub", i);
				break;
			}
	world->model.keys = world->keys;
}

static struct sluice_params draw_params(struct world *world)
{
	static const uint64_t intervals[] = {1000000,
					     10000000,
					     SECOND_NS,
					     7 * SECOND_NS,
					     60 * SECOND_NS,
					     3600 * SECOND_NS,
					     30 * 86400 * SECOND_NS};
	struct sluice_spec spec = {
		.limit = 1 + draw(world, draw(world, 2) ? 8 : 60),
		.interval_ns = intervals[draw(world, 7)],
		.cost_min = 1,
		.algorithm = draw(world, 3),
	};
	struct sluice_params params = {0};

	if (draw(world, 8) == 0) /* bytes: fractions of a tick */
		spec = (struct sluice_spec){.limit = 12500000000 - draw(world, 1000),
					    .burst = 1 + draw(world, 100),
					    .interval_ns = SECOND_NS,
					    .cost_min = 64};
	assert_int_equal(sluice_params_compile(&spec, draw(world, 1000000), &params), 0);
	return params;
}

static void apply_both(struct world *world, const struct engine_change *change)
{
	plain_apply(&world->model, change, world->now_ns);
	kit_apply(world->engine, change, world->now_ns);
}

static void put_limit(struct world *world, const char *id)
{
	const struct plain_limit *known = plain_find(&world->model, id);
	struct engine_change change = {.op = ENGINE_PUT, .limit = {.id = id}};
	char pattern[sizeof(known->pattern)];
	bool moved = false;

	change.limit.params = draw_params(world);
	change.limit.mode = draw(world, 4) ? ENGINE_ENFORCE : (enum engine_mode)draw(world, 3);
	change.limit.pattern = patterns[draw(world, sizeof(patterns) / sizeof(patterns[0]))];
	change.limit.tenant = draw(world, TENANTS);
	if (known && draw(world, 4)) {
		strcpy(pattern, known->pattern);
		change.limit.pattern = pattern;
		change.limit.tenant = known->tenant;
		if (draw(world, 4) == 0)
			change.limit.params = known->params;
	} else if (known) {
		moved = true;
	}
	change.limit.pattern_len = strlen(change.limit.pattern);
	apply_both(world, &change);
	/* Keys that no longer match forget only when they are carried over. */
	if (moved)
		kit_sweep(world->engine, world->now_ns);
}

static void change_limits(struct world *world)
{
	struct engine_change change = {.op = draw(world, 2) ? ENGINE_DELETE : ENGINE_RESET};
	uint32_t what = draw(world, 10);
	char id[8];

	snprintf(id, sizeof(id), "l%u", draw(world, IDS));
	if (what < 6) {
		put_limit(world, id);
		return;
	}
	if (!plain_find(&world->model, id))
		return;
	change.limit.id = id;
	if (what < 9) {
		apply_both(world, &change);
	} else {
		uint32_t key = draw(world, PLAIN_KEYS);

		plain_reset_key(&world->model, id, key);
		assert_int_equal(engine_reset_key(world->engine, id, world->keys[key],
						  strlen(world->keys[key]), world->now_ns),
				 0);
	}
}

static void compare(const struct engine_verdict *a, const struct engine_verdict *b)
{
	assert_int_equal(a->allowed, b->allowed);
	assert_int_equal(a->count, b->count);
	for (uint32_t i = 0; i < a->count; i++) {
		const struct engine_hit *x = &a->hits[i], *y = &b->hits[i];

		assert_string_equal(x->id, y->id);
		assert_int_equal(x->refused, y->refused);
		assert_int_equal(x->mode, y->mode);
		assert_true(x->limit == y->limit && x->burst == y->burst);
		assert_true(x->interval_ns == y->interval_ns);
		assert_int_equal(x->figures.remaining, y->figures.remaining);
		assert_int_equal(x->figures.retry_after_ns, y->figures.retry_after_ns);
		assert_int_equal(x->figures.reset_after_ns, y->figures.reset_after_ns);
	}
}

static int64_t draw_cost(struct world *world)
{
	switch (draw(world, 10)) {
	case 0:
		return 0;
	case 1:
		return -(int64_t)draw(world, 10);
	case 2:
		return draw(world, 80);
	default:
		return 1 + draw(world, 3);
	}
}

static void check_key(struct world *world)
{
	uint32_t key = draw(world, PLAIN_KEYS);
	bool peek = draw(world, 6) == 0;
	int64_t cost = draw_cost(world);
	struct engine_request request = {
		.tenant = draw(world, 8) == 0,
		.peek = peek,
		.key = world->keys[key],
		.key_len = strlen(world->keys[key]),
		.cost = cost,
		.now_ns = world->now_ns,
	};
	struct engine_verdict expected, verdict;

	plain_check(&world->model, request.tenant, key, cost, peek, world->now_ns, &expected);
	assert_int_equal(engine_check(world->engine, &request, &verdict), 0);
	compare(&verdict, &expected);
}

static void move_time(struct world *world)
{
	uint32_t what = draw(world, 2000);

	if (what == 0)
		world->now_ns += (uint64_t)draw(world, 86400 * 60) * SECOND_NS;
	else if (what == 1)
		world->now_ns += 65536 * SECOND_NS;
	else if (what == 2)
		world->now_ns += 65536 * 1000000ULL;
	else if (what < 100)
		world->now_ns += (uint64_t)draw(world, 100) * SECOND_NS;
	else if (what < 500)
		world->now_ns += draw(world, 1000000000);
	else if (what < 1500)
		world->now_ns += draw(world, 1000000);
}

/* All live limits of the model, oldest first. */
static void apply_model(struct world *world, struct engine *engine)
{
	for (uint64_t next = 0; next < world->model.sequence; next++)
		for (int i = 0; i < PLAIN_LIMITS; i++) {
			struct plain_limit *limit = &world->model.limits[i];
			struct engine_change change = {
				.op = ENGINE_PUT,
				.limit = {limit->id, limit->tenant, limit->mode, limit->pattern,
					  strlen(limit->pattern), limit->params},
			};

			if (limit->live && limit->sequence == next)
				kit_apply(engine, &change, world->now_ns);
		}
}

static void forget_stats(struct world *world)
{
	for (int i = 0; i < PLAIN_LIMITS; i++)
		world->model.limits[i].stats = (struct engine_limit_stats){0};
}

/* Another engine goes on with what this one has in memory; limits may have changed in between. */
static void restart(struct world *world)
{
	struct kit_state *state = kit_export(world->engine, world->now_ns);
	struct engine *engine = kit_engine(1000);
	struct engine_imported result;
	uint32_t first = draw(world, IDS);
	char id[8];

	/* Each once: words know limits by id only. */
	for (uint32_t i = draw(world, 4); i > 0; i--) {
		snprintf(id, sizeof(id), "l%u", (first + i) % IDS);
		put_limit(world, id);
	}
	apply_model(world, engine);
	assert_int_equal(kit_import(engine, state, world->now_ns, world->now_ns, &result), 0);
	kit_state_free(state);
	engine_free(world->engine);
	world->engine = engine;
	forget_stats(world);
}

static void compare_stats(struct world *world)
{
	for (int i = 0; i < PLAIN_LIMITS; i++) {
		const struct plain_limit *limit = &world->model.limits[i];
		struct engine_limit_stats stats;

		if (!limit->live)
			continue;
		assert_int_equal(engine_limit_stats(world->engine, limit->id, &stats), 0);
		assert_int_equal(stats.allowed, limit->stats.allowed);
		assert_int_equal(stats.denied, limit->stats.denied);
	}
}

static void operate(struct world *world)
{
	uint32_t what = draw(world, 1000);

	move_time(world);
	if (what < 15)
		change_limits(world);
	else if (what < 20)
		engine_sweep(world->engine, world->now_ns, 1 + draw(world, 2000));
	else if (what < 21)
		compare_stats(world);
	else if (what < 23)
		restart(world);
	else
		check_key(world);
}

static void engine_random_operations_equal_the_model(void **state)
{
	int runs = getenv("SLUICE_LONG") ? RUNS * 20 : RUNS;

	for (int run = 0; run < runs; run++) {
		struct world *world = calloc(1, sizeof(*world));

		assert_non_null(world);
		world->random = 88172645463325252ULL + (uint64_t)run * 1000003;
		world->now_ns = START_NS;
		world->engine = kit_engine(1000);
		make_keys(world);
		for (int i = 0; i < OPERATIONS; i++)
			operate(world);
		compare_stats(world);
		engine_free(world->engine);
		free(world);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(engine_random_operations_equal_the_model),
	};

	return cmocka_run_group_tests_name("engine model", tests, NULL, NULL);
}
