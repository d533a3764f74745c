/* Times engine_check on one hot key and on a million keys, and carrying the million over a restart. */
/* SPDX-License-Identifier: MIT */

#include <assert.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "engine/engine.h"

/*
 * Prints one JSON object per line: {"name":..., "value":..., "unit":...}. Every figure is the
 * median of RUNS runs. Time stands still inside the engine, so every key that was checked stays
 * live; the limit is so high that all checks are admitted, which is the dearer verdict.
 */
enum {
	RUNS = 7,
	KEYS = 1000000,
	KEY_SIZE = 17,
	HOT_CHECKS = 4000000,
	COLD_CHECKS = 2000000,
	THREADS_MAX = 2,
};

static const uint64_t now_ns = 1000000000000ULL;

struct job {
	struct engine *engine;
	const char (*keys)[KEY_SIZE]; /* in the order they are asked for, over and over */
	uint32_t n_keys;
	uint32_t first;
	uint32_t checks;
	bool ahead; /* engine_look_ahead is told, as for batches */
	pthread_barrier_t *start;
	uint64_t began_ns;
	uint64_t ended_ns;
};

static uint64_t read_clock_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000ULL + (uint64_t)t.tv_nsec;
}

static uint32_t next_random(uint32_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 17;
	*state ^= *state << 5;
	return *state;
}

static void check_key(struct engine *engine, const char *key)
{
	struct engine_verdict verdict;
	struct engine_request request = {
		.key = key, .key_len = KEY_SIZE - 1, .cost = 1, .now_ns = now_ns};
	int err = engine_check(engine, &request, &verdict);

	if (err || !verdict.allowed || verdict.count != 1) {
		fprintf(stderr, "bench_engine: check of %s failed: %d\n", key, err);
		exit(1);
	}
}

static void look_ahead(const struct job *job, uint32_t first)
{
	struct engine_key keys[ENGINE_AHEAD_MAX];

	for (uint32_t i = 0; i < ENGINE_AHEAD_MAX; i++)
		keys[i] = (struct engine_key){job->keys[(first + i) % job->n_keys], KEY_SIZE - 1};
	engine_look_ahead(job->engine, 0, keys, ENGINE_AHEAD_MAX);
}

static void *run_job(void *data)
{
	struct job *job = data;
	uint32_t at = job->first;

	pthread_barrier_wait(job->start);
	job->began_ns = read_clock_ns();
	for (uint32_t i = 0; i < job->checks; i++) {
		if (job->ahead && i % ENGINE_AHEAD_MAX == 0)
			look_ahead(job, at);
		check_key(job->engine, job->keys[at]);
		if (++at == job->n_keys)
			at = 0;
	}
	job->ended_ns = read_clock_ns();
	return NULL;
}

/* ns of one thread's check while `threads` of them run. */
static double time_checks(const struct job *template, int threads)
{
	struct job jobs[THREADS_MAX];
	pthread_t ids[THREADS_MAX];
	pthread_barrier_t start;
	double sum = 0;

	pthread_barrier_init(&start, NULL, (unsigned)threads);
	for (int i = 0; i < threads; i++) {
		jobs[i] = *template;
		jobs[i].first =
			template->n_keys / (uint32_t)threads * (uint32_t)i % template->n_keys;
		jobs[i].start = &start;
		if (pthread_create(&ids[i], NULL, run_job, &jobs[i]))
			abort();
	}
	for (int i = 0; i < threads; i++) {
		pthread_join(ids[i], NULL);
		sum += (double)(jobs[i].ended_ns - jobs[i].began_ns) / jobs[i].checks;
	}
	pthread_barrier_destroy(&start);
	return sum / threads;
}

static int compare_doubles(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static void report_median(const char *name, const struct job *job, int threads)
{
	double runs[RUNS];

	for (int i = 0; i < RUNS; i++)
		runs[i] = time_checks(job, threads);
	qsort(runs, RUNS, sizeof(runs[0]), compare_doubles);
	printf("{\"name\":\"%s\",\"value\":%.1f,\"min\":%.1f,\"max\":%.1f,\"unit\":\"ns\"}\n", name,
	       runs[RUNS / 2], runs[0], runs[RUNS - 1]);
	fflush(stdout);
}

/*
 * What one read that misses every cache takes here and now: machines differ, and a shared one from
 * hour to hour. Each line names the next in a random cycle through 64 MiB.
 */
static double time_miss(void)
{
	enum { LINES = 1 << 20, WORDS_PER_LINE = 16, READS = 1000000 };
	uint32_t *lines = aligned_alloc(64, (size_t)LINES * 64);
	uint32_t random = 88172645U, at = 0;
	uint64_t began_ns;

	if (!lines)
		abort();
	/* Sattolo's shuffle makes one cycle of all lines. */
	for (uint32_t i = 0; i < LINES; i++)
		lines[(size_t)i * WORDS_PER_LINE] = i;
	for (uint32_t i = LINES - 1; i > 0; i--) {
		uint32_t other = (uint32_t)((uint64_t)next_random(&random) * i >> 32);
		uint32_t *a = &lines[(size_t)i * WORDS_PER_LINE];
		uint32_t *b = &lines[(size_t)other * WORDS_PER_LINE];
		uint32_t swap = *a;

		*a = *b;
		*b = swap;
	}
	began_ns = read_clock_ns();
	for (uint32_t i = 0; i < READS; i++)
		at = *(volatile uint32_t *)&lines[(size_t)at * WORDS_PER_LINE];
	began_ns = read_clock_ns() - began_ns;
	free(lines);
	return (double)began_ns / READS;
}

static void report_miss(void)
{
	double runs[RUNS];

	for (int i = 0; i < RUNS; i++)
		runs[i] = time_miss();
	qsort(runs, RUNS, sizeof(runs[0]), compare_doubles);
	printf("{\"name\":\"memory_miss\",\"value\":%.1f,\"min\":%.1f,\"max\":%.1f,\"unit\":\"ns\"}\n",
	       runs[RUNS / 2], runs[0], runs[RUNS - 1]);
	fflush(stdout);
}

static void put_limit(struct engine *engine, const char *id, const char *pattern)
{
	struct sluice_spec spec = {
		.limit = 100000000,
		.interval_ns = 1000000000,
		.cost_min = 1,
		.algorithm = SLUICE_TOKEN_BUCKET,
	};
	struct engine_change change = {
		.op = ENGINE_PUT,
		.limit = {.id = id, .pattern = pattern, .pattern_len = strlen(pattern)},
	};

	if (sluice_params_compile(&spec, 0, &change.limit.params) ||
	    engine_apply(engine, &change, 1, now_ns)) {
		fprintf(stderr, "bench_engine: cannot make the limit %s\n", pattern);
		exit(1);
	}
}

/*
 * A request brings its key along in the cache, so the keys are laid out in the random order in which
 * they will be asked for: what misses is the engine's memory alone.
 */
static void make_keys(char (*keys)[KEY_SIZE])
{
	uint32_t random = 2463534242U;
	char swap[KEY_SIZE];

	for (uint32_t i = 0; i < KEYS; i++)
		snprintf(keys[i], KEY_SIZE, "cold:%011u", i);
	for (uint32_t i = KEYS - 1; i > 0; i--) {
		uint64_t other = (uint64_t)next_random(&random) * (i + 1) >> 32;

		memcpy(swap, keys[i], KEY_SIZE);
		memcpy(keys[i], keys[other], KEY_SIZE);
		memcpy(keys[other], swap, KEY_SIZE);
	}
}

enum { BLOCK = 65536, LIMITS = 10000 };

struct exported {
	size_t n, size, bytes;
	struct {
		char *bytes;
		size_t len;
	} * blocks;
};

static double seconds_since(uint64_t began_ns)
{
	return (double)(read_clock_ns() - began_ns) / 1e9;
}

static void export_all(struct engine *engine, struct exported *ret)
{
	struct engine_export *state;

	if (engine_export_new(engine, &state))
		abort();
	for (;;) {
		char *block = malloc(BLOCK);
		size_t len;

		if (!block || engine_export_step(state, now_ns, block, BLOCK, &len))
			abort();
		if (len == 0) {
			free(block);
			break;
		}
		if (ret->n == ret->size) {
			ret->size = ret->size ? ret->size * 2 : 64;
			ret->blocks = realloc(ret->blocks, ret->size * sizeof(*ret->blocks));
		}
		ret->blocks[ret->n].bytes = block;
		ret->blocks[ret->n++].len = len;
		ret->bytes += len;
	}
	engine_export_free(state);
}

static void free_exported(struct exported *exported)
{
	for (size_t i = 0; i < exported->n; i++)
		free(exported->blocks[i].bytes);
	free(exported->blocks);
}

static void import_all(struct engine *engine, const struct exported *exported, uint64_t keys)
{
	struct engine_imported result;
	struct engine_import *state;

	if (engine_import_new(engine, now_ns, now_ns, &state))
		abort();
	for (size_t i = 0; i < exported->n; i++)
		if (engine_import_block(state, exported->blocks[i].bytes, exported->blocks[i].len))
			abort();
	engine_import_result(state, &result);
	engine_import_free(state);
	if (result.keys != keys || result.dropped)
		abort();
}

/* A million keys, each under one of ten thousand limits and one that covers all. */
static void report_restart(char (*keys)[KEY_SIZE])
{
	struct engine_config config = {.seed = "bench_engine 16b", .keys_max = 2 * KEYS};
	struct engine *engine, *after;
	struct exported exported = {0};
	uint64_t began_ns;
	double took;

	if (engine_new(&config, &engine) || engine_new(&config, &after))
		abort();
	for (unsigned i = 0; i < LIMITS; i++) {
		char id[16], pattern[16];

		/* Numbers of eleven digits below a million: the first seven name 100 of them. */
		snprintf(id, sizeof(id), "lim_%u", i);
		snprintf(pattern, sizeof(pattern), "cold:%07u*", i);
		put_limit(engine, id, pattern);
		put_limit(after, id, pattern);
	}
	put_limit(engine, "lim_all", "cold:*");
	put_limit(after, "lim_all", "cold:*");
	for (uint32_t i = 0; i < KEYS; i++) {
		struct engine_verdict verdict;
		struct engine_request request = {
			.key = keys[i], .key_len = KEY_SIZE - 1, .cost = 1, .now_ns = now_ns};

		if (engine_check(engine, &request, &verdict) || !verdict.allowed)
			abort();
	}
	began_ns = read_clock_ns();
	export_all(engine, &exported);
	took = seconds_since(began_ns);
	printf("{\"name\":\"engine_export_1m\",\"value\":%.3f,\"unit\":\"s\"}\n", took);
	began_ns = read_clock_ns();
	import_all(after, &exported, KEYS);
	took = seconds_since(began_ns);
	printf("{\"name\":\"engine_import_1m\",\"value\":%.3f,\"unit\":\"s\"}\n", took);
	printf("{\"name\":\"engine_state_bytes\",\"value\":%.1f,\"unit\":\"bytes\"}\n",
	       (double)exported.bytes / KEYS);
	free_exported(&exported);
	engine_free(engine);
	engine_free(after);
}

int main(void)
{
	struct engine_config config = {.seed = "bench_engine 16b", .keys_max = 2 * KEYS};
	static const char hot[1][KEY_SIZE] = {"user:00000000123"};
	char(*keys)[KEY_SIZE] = calloc(KEYS, sizeof(*keys));
	struct engine_usage usage;
	struct engine *engine;
	struct job job;

	if (!keys || engine_new(&config, &engine))
		return 1;
	/* A burst of a second lets 100 M checks pass at one moment: more than all runs make. */
	put_limit(engine, "lim_hot", hot[0]);
	job = (struct job){.engine = engine, .keys = hot, .n_keys = 1, .checks = HOT_CHECKS};
	report_median("engine_hot_1_thread", &job, 1);
	report_median("engine_hot_2_threads", &job, 2);
	job.ahead = true;
	job.checks = HOT_CHECKS / 4;
	report_median("engine_hot_batch", &job, 1);

	put_limit(engine, "lim_all", "cold:*");
	make_keys(keys);
	/* Live first in another order than they are asked for later. */
	for (uint32_t i = 0; i < KEYS; i++)
		check_key(engine, keys[(uint64_t)i * 7919 % KEYS]);
	engine_usage(engine, &usage);
	printf("{\"name\":\"engine_bytes_per_key\",\"value\":%.1f,\"unit\":\"bytes\"}\n",
	       (double)usage.bytes / (double)usage.keys);
	job = (struct job){.engine = engine,
			   .keys = (const char(*)[KEY_SIZE])keys,
			   .n_keys = KEYS,
			   .checks = COLD_CHECKS};
	report_miss();
	report_median("engine_1m_keys_1_thread", &job, 1);
	report_median("engine_1m_keys_2_threads", &job, 2);
	job.ahead = true;
	report_median("engine_1m_keys_batch", &job, 1);
	engine_free(engine);
	report_restart(keys);
	free(keys);
	return 0;
}
