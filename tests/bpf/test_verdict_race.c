/* The program in the kernel on two CPUs at once, and while its limits change. */
/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <bpf/bpf.h>
#include <cmocka.h>

#include <sluice/params.h>

#include "bpf/flood.h"
#include "bpf/nic.h"
#include "unit/datapath/limit_set.h"

/* Another test beside it would take a CPU away from the flood for longer than the burst covers. */
/* run-alone */

enum { LINES = 65536, FLIPS = 100, FLIPS_LONG = 1000 };

struct rig {
	struct datapath_bpf *b;
	struct limit_set *set;
	struct packet packet;
	struct flood floods[2];
	int n_floods;
	uint64_t began_ns, applied_ns; /* the limits came into force between these */
};

static struct rig *begin(void **state)
{
	struct rig *rig;

	nic_need();
	*state = rig = calloc(1, sizeof(*rig));
	assert_non_null(rig);
	rig->b = nic_open("none0", LINES);
	assert_null(datapath_off(&rig->b->base));
	rig->set = limit_set_new();
	packet_eth(&rig->packet, 0x0800);
	packet_ip4(&rig->packet, (struct packet_ip4){.proto = 17});
	packet_udp(&rig->packet, 1000, 53);
	packet_finish(&rig->packet);
	return rig;
}

static void end_floods(struct rig *rig)
{
	while (rig->n_floods)
		flood_end(&rig->floods[--rig->n_floods]);
}

static int end(void **state)
{
	struct rig *rig = *state;

	if (!rig)
		return 0;
	end_floods(rig);
	if (rig->b)
		datapath_close(&rig->b->base, true);
	limit_set_free(rig->set);
	free(rig);
	return 0;
}

static void apply(struct rig *rig)
{
	struct field_error error;

	assert_int_equal(datapath_apply(&rig->b->base, rig->set->limit, rig->set->n, &error), 0);
}

static struct sluice_counts counts_of(const struct rig *rig, const char *id)
{
	struct sluice_counts counts;

	assert_int_equal(datapath_counts(&rig->b->base, id, &counts), 0);
	return counts;
}

static uint64_t burst_of(const struct rig *rig, const char *id)
{
	for (size_t i = 0; i < rig->set->n; i++)
		if (strcmp(rig->set->own[i].id, id) == 0)
			return rig->set->own[i].burst;
	fail_msg("no limit %s", id);
	return 0;
}

/* Limits come into force while the floods are under way, so that no start-up is measured. */
static void flood_under_limits(struct rig *rig, int cpus)
{
	const uint64_t warm_ns = 100000000;

	for (int i = 0; i < cpus; i++) {
		rig->floods[i] = (struct flood){.program = rig->b->program,
						.cpu = i,
						.packet = &rig->packet,
						.slow = cpus == 1};
		flood_start(&rig->floods[i]);
		rig->n_floods++;
	}
	if (cpus == 1)
		assert_int_equal(flood_stay_on(1), 0);
	flood_wait_until(flood_clock_ns() + warm_ns);
	rig->began_ns = flood_clock_ns();
	apply(rig);
	rig->applied_ns = flood_clock_ns();
}

static void flood_for_a_second(struct rig *rig, int cpus)
{
	flood_under_limits(rig, cpus);
	flood_wait_until(rig->applied_ns + 1000000000);
}

/* What one bucket admits is its burst and a packet each token_ns, or little less. */
static void assert_exact(const struct rig *rig, const char *id, uint64_t token_ns)
{
	uint64_t burst = burst_of(rig, id);
	uint64_t least = burst + (flood_clock_ns() - rig->applied_ns) / token_ns;
	uint64_t admitted = counts_of(rig, id).allowed_packets;
	uint64_t most = burst + (flood_clock_ns() - rig->began_ns) / token_ns;

	print_message("# admitted %llu of %llu to %llu\n", (unsigned long long)admitted,
		      (unsigned long long)least, (unsigned long long)most);
	assert_in_range(admitted, least * 97 / 100, most);
}

static void verdict_two_cpus_on_one_source_admit_what_the_limit_allows(void **state)
{
	struct rig *rig = begin(state);

	limit_set_add(rig->set, "lim_a",
		      "\"per\":\"src\",\"limit\":100000,\"interval\":\"1s\",\"burst\":50000");
	flood_for_a_second(rig, 2);
	assert_exact(rig, "lim_a", 10000);
}

/* The word of a limit that has one bucket. */
static uint64_t word_of(const struct rig *rig, const char *id)
{
	for (size_t i = 0; i < SLUICE_RULES_MAX; i++) {
		const struct sluice_slot *slot = &rig->b->base.slots[i];

		if (strcmp(slot->id, id) == 0)
			return rig->b->base.lines[slot->line_first].word[0];
	}
	fail_msg("no slot for %s", id);
	return 0;
}

/*
 * A tight limit beside n broad ones, whose buckets take so long to refill that a word holds all
 * that was ever charged: what the tight one refused must have been given back.
 */
static void race_tight_beside_broad(struct rig *rig, uint32_t n)
{
	const uint64_t broad_ns = 1000000000;
	char id[ID_SIZE];

	for (uint32_t i = 0; i < n; i++) {
		snprintf(id, sizeof(id), "lim_%02u", i);
		limit_set_add(rig->set, id, "\"limit\":3600,\"interval\":\"1h\",\"burst\":2000000");
	}
	limit_set_add(rig->set, "lim_tight",
		      "\"per\":\"src\",\"limit\":200000,\"interval\":\"1s\",\"burst\":50000");
	flood_for_a_second(rig, 2);
	assert_exact(rig, "lim_tight", 5000);
	end_floods(rig);
	for (uint32_t i = 0; i < n; i++) {
		uint64_t admitted, first_ns;

		snprintf(id, sizeof(id), "lim_%02u", i);
		admitted = counts_of(rig, "lim_tight").allowed_packets;
		assert_int_equal(counts_of(rig, id).allowed_packets, admitted);
		/* Without what was admitted the word is the time of the first charge; each charge
		 * that was not given back would make it a second more. */
		first_ns = (word_of(rig, id) >> SLUICE_TICK_SHIFT) - admitted * broad_ns;
		assert_in_range(first_ns, rig->began_ns, rig->began_ns + broad_ns - 1);
	}
}

static void verdict_two_cpus_under_a_tight_limit_eat_no_broad_one(void **state)
{
	race_tight_beside_broad(begin(state), 1);
}

static void verdict_two_cpus_under_sixteen_limits_eat_no_broad_one(void **state)
{
	race_tight_beside_broad(begin(state), SLUICE_MATCH_MAX - 1);
}

/* Refuses every packet there is: its burst holds fewer bytes than the shortest. */
static void add_wall(struct rig *rig, const char *id, const char *match)
{
	struct sluice_spec spec = {.limit = 40,
				   .interval_ns = 1000000000,
				   .cost_min = SLUICE_BYTES_COST_MIN,
				   .algorithm = SLUICE_TOKEN_BUCKET};
	struct datapath_limit *limit;
	char members[256];

	snprintf(members, sizeof(members),
		 "\"match\":{%s},\"unit\":\"bytes\",\"limit\":40,\"interval\":\"1s\","
		 "\"burst\":2000",
		 match);
	limit = limit_set_add(rig->set, id, members);
	assert_int_equal(sluice_params_compile(&spec, 0, &limit->params), 0);
}

static int count_flips(void)
{
	return getenv("SLUICE_LONG") ? FLIPS_LONG : FLIPS;
}

/*
 * Two walls in turn, found by different tables: a packet that sees some tables of one set and some
 * of the other gets past both.
 */
static void verdict_while_limits_change_is_by_one_set_or_the_other(void **state)
{
	static const char *const walls[2] = {"\"src\":\"16.0.0.0/8\"", "\"dst_port\":53"};
	struct rig *rig = begin(state);
	struct sluice_reasons before, after;
	int flips = count_flips();

	limit_set_add(rig->set, "lim_a", "\"limit\":100000,\"interval\":\"1s\",\"burst\":50000");
	add_wall(rig, "lim_0", walls[0]);
	flood_under_limits(rig, 1);
	assert_int_equal(rig->b->base.ops->reasons(&rig->b->base, &before), 0);
	for (int i = 0; i < flips; i++) {
		limit_set_remove(rig->set, i % 2 ? "lim_1" : "lim_0");
		add_wall(rig, i % 2 ? "lim_0" : "lim_1", walls[(i + 1) % 2]);
		apply(rig);
	}
	end_floods(rig);
	assert_int_equal(rig->b->base.ops->reasons(&rig->b->base, &after), 0);
	print_message("# %llu packets refused over %d changes\n", after.refused, flips);
	assert_int_equal(after.passed + after.admitted, 0);
	assert_true(after.refused > before.refused + (uint64_t)flips);
	assert_int_equal(counts_of(rig, "lim_a").allowed_packets, 0);
}

/* The limit that stays is never exceeded, nor does it forget what it holds. */
static void verdict_while_others_change_keeps_a_limit_exact(void **state)
{
	static const char roomy[] = "\"limit\":20000000,\"interval\":\"1s\"";
	struct rig *rig = begin(state);
	int flips = count_flips();

	limit_set_add(rig->set, "lim_a",
		      "\"per\":\"src\",\"limit\":100000,\"interval\":\"1s\",\"burst\":50000");
	limit_set_add(rig->set, "lim_0", roomy);
	flood_under_limits(rig, 1);
	for (int i = 0; i < flips; i++) {
		limit_set_remove(rig->set, i % 2 ? "lim_1" : "lim_0");
		limit_set_add(rig->set, i % 2 ? "lim_0" : "lim_1", roomy);
		apply(rig);
	}
	assert_exact(rig, "lim_a", 10000);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_teardown(name, end)
	const struct CMUnitTest tests[] = {
		TEST(verdict_two_cpus_on_one_source_admit_what_the_limit_allows),
		TEST(verdict_two_cpus_under_a_tight_limit_eat_no_broad_one),
		TEST(verdict_two_cpus_under_sixteen_limits_eat_no_broad_one),
		TEST(verdict_while_limits_change_is_by_one_set_or_the_other),
		TEST(verdict_while_others_change_keeps_a_limit_exact),
	};

	return cmocka_run_group_tests_name("bpf/verdict_race", tests, nic_enter, NULL);
}
