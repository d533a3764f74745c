/* Any bytes as a block of exported state: safe to take, and what was taken can be exported again. */
/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>

#include "engine/engine.h"

static const uint64_t now_ns = 1000000000000ULL;

static void check(bool holds)
{
	if (!holds)
		abort();
}

static void put_limit(struct engine *engine, const char *id, const char *pattern,
		      uint32_t algorithm, uint64_t interval_ns)
{
	struct sluice_spec spec = {
		.limit = 10, .interval_ns = interval_ns, .cost_min = 1, .algorithm = algorithm};
	struct engine_change change = {
		.op = ENGINE_PUT,
		.limit = {.id = id, .pattern = pattern, .pattern_len = strlen(pattern)},
	};

	check(sluice_params_compile(&spec, 12345678901234567ULL, &change.limit.params) == 0);
	check(engine_apply(engine, &change, 1, now_ns) == 0);
}

static struct engine *make_engine(void)
{
	struct engine_config config = {.seed = "fuzzed state 16", .keys_max = 4};
	struct engine *engine;

	check(engine_new(&config, &engine) == 0);
	put_limit(engine, "a", "*", SLUICE_TOKEN_BUCKET, 1000000000);
	put_limit(engine, "b", "k*", SLUICE_FIXED_WINDOW, 60000000000);
	put_limit(engine, "c", "*k", SLUICE_SLIDING_WINDOW, 3600000000000);
	return engine;
}

static void import(struct engine *engine, uint64_t then_ns, const void *block, size_t len,
		   bool sound)
{
	struct engine_import *state;
	int err;

	check(engine_import_new(engine, now_ns, then_ns, &state) == 0);
	err = engine_import_block(state, block, len);
	check(err == 0 || (err == ENGINE_E_STATE && !sound));
	engine_import_free(state);
}

/* Another engine takes it, and answers alike. */
static void export_again(struct engine *engine)
{
	struct engine *other = make_engine();
	struct engine_request request = {
		.key = "kk", .key_len = 2, .peek = true, .cost = 1, .now_ns = now_ns};
	struct engine_verdict verdict, expected;
	static uint8_t block[4 * ENGINE_BLOCK_MIN];
	struct engine_export *state;
	size_t len;

	check(engine_export_new(engine, &state) == 0);
	check(engine_export_step(state, now_ns, block, sizeof(block), &len) == 0);
	engine_export_free(state);
	if (len > 0)
		import(other, now_ns, block, len, true);
	check(engine_check(engine, &request, &expected) == 0);
	check(engine_check(other, &request, &verdict) == 0);
	check(verdict.count == 3 && expected.count == 3);
	for (int i = 0; i < 3; i++) {
		const struct sluice_figures *figures = &verdict.hits[i].figures;

		check(figures->remaining <= 10);
		check(figures->remaining == expected.hits[i].figures.remaining);
	}
	engine_free(other);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct engine *engine;
	uint64_t then_ns;

	if (size < sizeof(then_ns) || size > ENGINE_BLOCK_MIN)
		return 0;
	memcpy(&then_ns, data, sizeof(then_ns));
	engine = make_engine();
	import(engine, then_ns, data + sizeof(then_ns), size - sizeof(then_ns), false);
	export_again(engine);
	engine_free(engine);
	return 0;
}
