/* SIGKILL at random moments: what is left is consistent, and the next controller goes on. */
/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "datapath/memory_priv.h"
#include "datapath/slots_priv.h"
#include "unit/datapath/limit_set.h"

enum {
	LINES = 4096,
	LIMITS = 70, /* more than there are slots, so that some must leave first */
	ROUNDS = 100,
};

/* A word in the past, which no change of burst touches: says whose packets were charged here. */
static uint64_t mark_of(const char *id)
{
	uint64_t mark = 1;

	for (const char *c = id; *c; c++)
		mark = mark * 31 + (unsigned char)*c;
	return mark % 1000000 + 1;
}

/* Some of the limits, with numbers that change. */
static void random_set(struct algo_random *random, struct limit_set *set)
{
	size_t n = algo_random_below(random, SLUICE_RULES_MAX + 1);
	unsigned int at = (unsigned int)algo_random_below(random, LIMITS);

	limit_set_clear(set);
	limit_set_add(set, "lim_keep", "\"limit\":10,\"interval\":\"1h\"");
	while (set->n < n) {
		char id[ID_SIZE], members[128];

		snprintf(id, sizeof(id), "lim_%02u", at++ % LIMITS);
		snprintf(members, sizeof(members),
			 "\"match\":{\"dst_port\":%u},%s\"limit\":%u,\"interval\":\"1h\"",
			 at % LIMITS, at % 3 ? "\"per\":\"src\"," : "",
			 (unsigned int)algo_random_between(random, 1, 9));
		limit_set_add(set, id, members);
	}
}

/* As packets would: only what is in force is charged. */
static void charge_all(struct memory_pins *pins)
{
	const struct sluice_tables *tables = memory_tables(pins);

	for (unsigned int i = 0; i < 64 && tables->rules >> i & 1; i++) {
		const struct sluice_rule *rule = &tables->rule[i];
		uint64_t mark = mark_of(pins->slots[rule->slot].id);

		for (uint32_t line = 0; line < rule->line_count; line += 64)
			pins->lines[rule->line_first + line].word[0] = mark;
		pins->counts[rule->slot].allowed_packets = mark;
	}
}

/* Whoever owns a slot has nobody else's buckets or counters, and rules have the slots they say. */
static void check_pins(const struct memory_pins *pins)
{
	const struct sluice_tables *tables = memory_tables(pins);

	for (size_t i = 0; i < SLUICE_RULES_MAX; i++) {
		const struct sluice_slot *slot = &pins->slots[i];
		uint64_t mark = slot->id[0] ? mark_of(slot->id) : 0;

		for (uint32_t line = 0; mark && line < slot->line_count; line += 64) {
			uint64_t word = pins->lines[slot->line_first + line].word[0];

			assert_true(word == 0 || word == mark);
		}
		if (mark && pins->counts[i].allowed_packets)
			assert_true(pins->counts[i].allowed_packets == mark);
	}
	for (unsigned int i = 0; i < 64 && tables->rules >> i & 1; i++) {
		const struct sluice_slot *slot = &pins->slots[tables->rule[i].slot];

		assert_true(slot->id[0] != '\0');
		assert_true(slot->line_first == tables->rule[i].line_first);
		assert_true(slot->line_count == tables->rule[i].line_count);
	}
}

static void run_child(struct memory_pins *pins, struct algo_random random)
{
	struct limit_set *set = limit_set_new();
	struct datapath *datapath;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (datapath_open_memory_at(pins, &datapath))
		_exit(1);
	for (;;) {
		random_set(&random, set);
		if (datapath_apply(datapath, set->limit, set->n, NULL))
			_exit(1);
		charge_all(pins);
	}
}

static void kill_after(struct memory_pins *pins, struct algo_random random, long ns)
{
	pid_t child = fork();
	int status;

	assert_true(child >= 0);
	if (child == 0)
		run_child(pins, random);
	nanosleep(&(struct timespec){.tv_nsec = ns}, NULL);
	assert_int_equal(kill(child, SIGKILL), 0);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFSIGNALED(status));
}

static size_t count_slots(const struct memory_pins *pins)
{
	size_t n = 0;

	for (size_t i = 0; i < SLUICE_RULES_MAX; i++)
		n += pins->slots[i].id[0] != '\0';
	return n;
}

/* Adopts, applies a set, and finds the limit that was always there as it was. */
static void go_on(struct memory_pins *pins, struct limit_set *set)
{
	struct datapath *datapath;
	struct sluice_counts counts;
	size_t n = count_slots(pins);

	check_pins(pins);
	assert_int_equal(datapath_open_memory_at(pins, &datapath), 0);
	assert_int_equal(count_slots(pins), n);
	assert_int_equal(datapath_counts(datapath, "lim_keep", &counts), 0);
	assert_true(counts.allowed_packets == mark_of("lim_keep"));
	assert_int_equal(datapath_apply(datapath, set->limit, set->n, NULL), 0);
	check_pins(pins);
	assert_int_equal(count_slots(pins), set->n);
	charge_all(pins);
	datapath_close(datapath, false);
}

static void kill_at_any_moment_leaves_what_the_next_controller_goes_on_with(void **state)
{
	_cleanup_limit_set_ struct limit_set *set = limit_set_new();
	struct memory_pins *pins = NULL;
	struct algo_random random;
	struct datapath *first;

	algo_random_start(&random, __func__);
	assert_int_equal(memory_pins_new(LINES, &pins), 0);
	assert_int_equal(datapath_open_memory_at(pins, &first), 0);
	random_set(&random, set);
	assert_int_equal(datapath_apply(first, set->limit, set->n, NULL), 0);
	charge_all(pins);
	datapath_close(first, false);
	for (uint64_t round = 0; round < algo_rounds(ROUNDS); round++) {
		algo_random_next(&random);
		kill_after(pins, random, (long)algo_random_between(&random, 500000, 8000000));
		random_set(&random, set);
		go_on(pins, set);
	}
	memory_pins_free(pins);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(kill_at_any_moment_leaves_what_the_next_controller_goes_on_with),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
