/* Shortcuts for the engine's tests. */
/* SPDX-License-Identifier: MIT */

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "unit/engine/kit.h"

struct engine *kit_engine(uint64_t keys_max)
{
	struct engine_config config = {.seed = "engine kit seed", .keys_max = keys_max};
	struct engine *engine;

	assert_int_equal(engine_new(&config, &engine), 0);
	return engine;
}

struct sluice_params kit_params(uint32_t algorithm, uint64_t limit, uint64_t interval_ns)
{
	struct sluice_spec spec = {
		.limit = limit,
		.interval_ns = interval_ns,
		.cost_min = 1,
		.algorithm = algorithm,
	};
	struct sluice_params params;

	assert_int_equal(sluice_params_compile(&spec, 0, &params), 0);
	return params;
}

struct engine_change kit_put(const char *id, const char *pattern, uint32_t algorithm,
			     uint64_t limit, uint64_t interval_ns)
{
	return (struct engine_change){
		.op = ENGINE_PUT,
		.limit =
			{
				.id = id,
				.pattern = pattern,
				.pattern_len = strlen(pattern),
				.params = kit_params(algorithm, limit, interval_ns),
			},
	};
}

void kit_apply(struct engine *engine, const struct engine_change *change, uint64_t now_ns)
{
	assert_int_equal(engine_apply(engine, change, 1, now_ns), 0);
}

void kit_limit(struct engine *engine, const char *id, const char *pattern, uint64_t limit)
{
	struct engine_change change = kit_put(id, pattern, SLUICE_TOKEN_BUCKET, limit, SECOND_NS);

	kit_apply(engine, &change, START_NS);
}

void kit_delete(struct engine *engine, const char *id, uint64_t now_ns)
{
	struct engine_change change = {.op = ENGINE_DELETE, .limit = {.id = id}};

	kit_apply(engine, &change, now_ns);
}

int kit_check(struct engine *engine, const char *key, int64_t cost, uint64_t now_ns,
	      struct engine_verdict *ret)
{
	struct engine_request request = {
		.key = key, .key_len = strlen(key), .cost = cost, .now_ns = now_ns};

	return engine_check(engine, &request, ret);
}

bool kit_allowed(struct engine *engine, const char *key, int64_t cost, uint64_t now_ns)
{
	struct engine_verdict verdict;

	assert_int_equal(kit_check(engine, key, cost, now_ns, &verdict), 0);
	return verdict.allowed;
}

uint64_t kit_remaining(struct engine *engine, const char *key, uint32_t n, uint64_t now_ns)
{
	struct engine_verdict verdict;
	struct engine_request request = {
		.key = key, .key_len = strlen(key), .cost = 1, .peek = true, .now_ns = now_ns};

	assert_int_equal(engine_check(engine, &request, &verdict), 0);
	assert_true(n < verdict.count);
	return verdict.hits[n].figures.remaining;
}

size_t kit_sweep(struct engine *engine, uint64_t now_ns)
{
	size_t freed = 0;

	/* From wherever the sweep stands; 16 is what the visit of a small shard counts as. */
	for (int i = 0; i < 2; i++)
		freed += engine_sweep(engine, now_ns,
				      kit_usage(engine).cells * 2 + ENGINE_SHARDS * 16);
	return freed;
}

struct engine_usage kit_usage(struct engine *engine)
{
	struct engine_usage usage;

	engine_usage(engine, &usage);
	return usage;
}

/* Adds the next block to the end; false when there is none. */
static bool export_block(struct engine_export *export, uint64_t now_ns, struct kit_block ***end)
{
	struct kit_block *block = malloc(sizeof(*block) + ENGINE_BLOCK_MIN);

	assert_non_null(block);
	block->next = NULL;
	assert_int_equal(
		engine_export_step(export, now_ns, block->bytes, ENGINE_BLOCK_MIN, &block->len), 0);
	if (block->len == 0) {
		free(block);
		return false;
	}
	**end = block;
	*end = &block->next;
	return true;
}

struct kit_state *kit_export(struct engine *engine, uint64_t now_ns)
{
	struct kit_state *state = calloc(1, sizeof(*state));
	struct kit_block **end;
	struct engine_export *export;

	assert_non_null(state);
	end = &state->first;
	assert_int_equal(engine_export_new(engine, &export), 0);
	while (export_block(export, now_ns, &end))
		state->n++;
	engine_export_free(export);
	return state;
}

int kit_import(struct engine *engine, const struct kit_state *state, uint64_t now_ns,
	       uint64_t then_ns, struct engine_imported *ret)
{
	struct engine_import *import;
	int err = 0;

	assert_int_equal(engine_import_new(engine, now_ns, then_ns, &import), 0);
	for (const struct kit_block *block = state->first; block && !err; block = block->next)
		err = engine_import_block(import, block->bytes, block->len);
	engine_import_result(import, ret);
	engine_import_free(import);
	return err;
}

void kit_state_free(struct kit_state *state)
{
	while (state->first) {
		struct kit_block *block = state->first;

		state->first = block->next;
		free(block);
	}
	free(state);
}
