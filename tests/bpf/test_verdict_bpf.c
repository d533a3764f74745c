/* The program in the kernel, packet by packet: judged as its headers say, and as natively. */
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
#include "bpf/judge.h"
#include "bpf/nic.h"
#include "bpf/packets.h"
#include "bpf/path.h"
#include "bpf/reference.h"
#include "unit/datapath/limit_set.h"

enum {
	PACKETS = 50000, /* of each test */
	PACKETS_LONG = 500000,
	SET_PACKETS = 1000, /* before the limits change, which waits some 50 ms for the kernel */
	ETH_LEAST = 14,     /* a test run refuses less */
	LIMIT_LINES = 1024,
	LINES = SLUICE_RULES_MAX * LIMIT_LINES,
	ADDRESSES =
		24, /* of each family, at a time: few, so that buckets see more than one packet */
};

/* One set of limits at a time, in the kernel, natively and on paper. */
struct rig {
	struct datapath_bpf *b;
	struct limit_set *set;
	struct judge judge;
	struct sluice_slot slots[SLUICE_RULES_MAX];
	struct sluice_tables *tables;
	struct sluice_line *native_lines;
	struct sluice_counts *read; /* scratch: counters by slot and CPU */
	struct algo_random random;
	uint8_t addresses4[ADDRESSES][16];
	uint8_t addresses6[ADDRESSES][16];
	uint64_t packets;
};

static struct rig *begin(void **state, const char *test)
{
	const char *text = getenv("SLUICE_LONG");
	struct rig *rig;

	nic_need();
	*state = rig = calloc(1, sizeof(*rig));
	assert_non_null(rig);
	rig->b = nic_open("none0", LINES);
	assert_null(datapath_off(&rig->b->base));
	rig->set = limit_set_new();
	rig->tables = calloc(1, sizeof(*rig->tables));
	rig->native_lines = aligned_alloc(64, LINES * sizeof(*rig->native_lines));
	rig->read = calloc((size_t)SLUICE_RULES_MAX * (size_t)rig->b->cpus, sizeof(*rig->read));
	assert_true(rig->tables && rig->native_lines && rig->read);
	memset(&path, 0, sizeof(path));
	path.now_ns = rig->judge.now_ns = 1000;
	path.tables = rig->tables;
	path.lines = rig->native_lines;
	path.n_lines = LINES;
	algo_random_start(&rig->random, test);
	rig->packets = text && text[0] == '1' ? PACKETS_LONG : PACKETS;
	return rig;
}

static int end(void **state)
{
	struct rig *rig = *state;

	if (!rig)
		return 0;
	if (rig->b)
		datapath_close(&rig->b->base, true);
	limit_set_free(rig->set);
	free(rig->tables);
	free(rig->native_lines);
	free(rig->read);
	free(rig);
	return 0;
}

/* So little that most buckets run empty, or so much that none does; nothing refills in a test. */
static void set_numbers(struct rig *rig, struct datapath_limit *limit, struct limit *own,
			bool tight)
{
	bool bytes = algo_random_below(&rig->random, 3) == 0;
	uint64_t tokens = algo_random_between(&rig->random, 1, 9);
	struct sluice_spec spec = {.interval_ns = SLUICE_INTERVAL_MAX_NS,
				   .cost_min = bytes ? SLUICE_BYTES_COST_MIN : 1,
				   .algorithm = SLUICE_TOKEN_BUCKET};

	own->unit = bytes ? LIMIT_BYTES : LIMIT_PACKETS;
	spec.limit = bytes ? tokens * 200 : tokens;
	if (!tight) {
		spec.interval_ns = 1000000000;
		spec.burst = bytes ? 1000000000 : 1000000;
		spec.limit = spec.burst - tokens;
	}
	assert_int_equal(sluice_params_compile(&spec, 0, &limit->params), 0);
	if (algo_random_below(&rig->random, 8) == 0)
		limit->until_ns = algo_random_below(&rig->random, 2) ? 1 : UINT64_MAX / 2;
}

/* Slots against the order of the set, so that neither is taken for the other. */
static void place_limits(struct rig *rig)
{
	memset(rig->slots, 0, sizeof(rig->slots));
	for (size_t i = 0; i < rig->set->n; i++) {
		struct sluice_slot *slot = &rig->slots[SLUICE_RULES_MAX - 1 - i];
		enum sluice_per per = rig->set->own[i].match->per;

		memcpy(slot->id, rig->set->own[i].id, sizeof(slot->id));
		slot->line_first = LIMIT_LINES * (uint32_t)i;
		slot->line_count = per == SLUICE_PER_ALL ? 1 : LIMIT_LINES;
	}
}

static void draw_limits(struct rig *rig, bool tight)
{
	size_t most = algo_random_between(&rig->random, 1, SLUICE_RULES_MAX);
	size_t n = algo_random_between(&rig->random, 1, most);
	unsigned int crowd = (unsigned int)algo_random_below(&rig->random, 100);

	limit_set_clear(rig->set);
	limit_set_add_random(rig->set, &rig->random, n, crowd);
	for (size_t i = 0; i < n; i++)
		set_numbers(rig, &rig->set->limit[i], &rig->set->own[i], tight);
	for (size_t i = 0; i < ADDRESSES; i++) {
		limit_set_random_address(&rig->random, 4, rig->addresses4[i]);
		limit_set_random_address(&rig->random, 6, rig->addresses6[i]);
	}
}

static void change_limits(struct rig *rig, bool tight)
{
	struct field_error error;
	uint64_t seed[4];

	for (size_t i = 0; i < 4; i++)
		seed[i] = algo_random_next(&rig->random);
	draw_limits(rig, tight);
	place_limits(rig);
	memset(rig->tables, 0, sizeof(*rig->tables));
	assert_int_equal(tables_build(rig->slots, seed, rig->set->limit, rig->set->n, &error,
				      rig->tables),
			 0);
	memset(rig->native_lines, 0, LINES * sizeof(*rig->native_lines));
	memset(rig->b->base.lines, 0, LINES * sizeof(*rig->b->base.lines));
	assert_int_equal(rig->b->base.ops->publish(&rig->b->base, rig->tables), 0);
	judge_begin(&rig->judge, rig->set->limit, rig->set->n, rig->slots, rig->tables);
}

/* Any packet, its addresses and port among those that limits name. */
static void draw_packet(struct rig *rig, struct packet *ret)
{
	const uint8_t *src = rig->addresses4[algo_random_below(&rig->random, ADDRESSES)];
	const uint8_t *dst = rig->addresses4[algo_random_below(&rig->random, ADDRESSES)];
	uint16_t port = limit_set_random_port(&rig->random);
	struct sluice_packet p;

	packet_random(&rig->random, ETH_LEAST, ret);
	reference_parse(ret->bytes, ret->n, &p);
	if (p.family == 4) {
		memcpy(ret->bytes + p.l3_offset + 12, src, 4);
		memcpy(ret->bytes + p.l3_offset + 16, dst, 4);
	} else if (p.family == 6) {
		src = rig->addresses6[(src - rig->addresses4[0]) / 16];
		dst = rig->addresses6[(dst - rig->addresses4[0]) / 16];
		memcpy(ret->bytes + p.l3_offset + 8, src, 16);
		memcpy(ret->bytes + p.l3_offset + 24, dst, 16);
	}
	if (p.flags & SLUICE_PACKET_PORTS) {
		ret->bytes[p.l4_offset + 2] = (uint8_t)(port >> 8);
		ret->bytes[p.l4_offset + 3] = (uint8_t)port;
	}
}

/* All counters at once: a system call for each would take most of the test's time. */
static void read_counts(struct rig *rig, struct sluice_counts ret[SLUICE_RULES_MAX])
{
	uint32_t keys[SLUICE_RULES_MAX], n = SLUICE_RULES_MAX, next;
	size_t cpus = (size_t)rig->b->cpus;

	assert_int_equal(
		bpf_map_lookup_batch(rig->b->counts, NULL, &next, keys, rig->read, &n, NULL), 0);
	assert_int_equal(n, SLUICE_RULES_MAX);
	memset(ret, 0, SLUICE_RULES_MAX * sizeof(*ret));
	for (size_t i = 0; i < SLUICE_RULES_MAX * cpus; i++) {
		const struct sluice_counts *one = &rig->read[i];
		struct sluice_counts *sum = &ret[keys[i / cpus]];

		sum->allowed_packets += one->allowed_packets;
		sum->allowed_bytes += one->allowed_bytes;
		sum->denied_packets += one->denied_packets;
		sum->denied_bytes += one->denied_bytes;
	}
}

static void show_difference(const struct rig *rig, const struct sluice_counts *counts)
{
	for (size_t i = 0; i < SLUICE_RULES_MAX; i++) {
		const struct sluice_counts *paper = &rig->judge.counts[i];

		if (!memcmp(&counts[i], paper, sizeof(*paper)))
			continue;
		print_error("slot %zu: allowed %llu, denied %llu; should be %llu, %llu\n", i,
			    counts[i].allowed_packets, counts[i].denied_packets,
			    paper->allowed_packets, paper->denied_packets);
	}
}

/* After every packet, so that the first one judged otherwise is the one that is shown. */
static void compare(struct rig *rig, const struct packet *packet, uint64_t number)
{
	bool expected = judge_packet(&rig->judge, packet->bytes, packet->n);
	bool passed = flood_once(rig->b->program, packet);
	struct sluice_counts counts[SLUICE_RULES_MAX];
	struct sluice_reasons reasons;

	read_counts(rig, counts);
	assert_int_equal(rig->b->base.ops->reasons(&rig->b->base, &reasons), 0);
	if (passed != expected || memcmp(counts, rig->judge.counts, sizeof(counts)) ||
	    memcmp(&reasons, &rig->judge.reasons, sizeof(reasons))) {
		show_difference(rig, counts);
		fail_msg("packet %llu of %u bytes: passed %d, should be %d",
			 (unsigned long long)number, packet->n, passed, expected);
	}
	assert_int_equal(path_packet(packet->bytes, packet->n), expected);
	assert_memory_equal(path.counts, counts, sizeof(counts));
	assert_memory_equal(&path.reasons, &reasons, sizeof(reasons));
}

static void play(struct rig *rig, bool tight)
{
	struct packet packet;

	for (uint64_t i = 0; i < rig->packets; i++) {
		if (i % SET_PACKETS == 0)
			change_limits(rig, tight);
		draw_packet(rig, &packet);
		compare(rig, &packet, i);
	}
}

static uint64_t count_denied(const struct rig *rig)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < SLUICE_RULES_MAX; i++)
		sum += rig->judge.counts[i].denied_packets;
	return sum;
}

/* A test that seldom gets to what it is about proves little. */
static void check_reach(const struct rig *rig, bool tight)
{
	const struct sluice_reasons *r = &rig->judge.reasons;
	uint64_t least = rig->packets / 100;

	print_message("# passed %llu, admitted %llu, refused %llu, crowded %llu\n", r->passed,
		      r->admitted, r->refused, r->crowded);
	assert_true(r->passed > least && r->admitted > least && r->crowded > least);
	assert_true(r->exempt > least && r->not_ip > 0 && r->truncated > least);
	assert_true(r->too_deep > least && r->fragments > least && r->busy == 0);
	assert_true(tight ? r->refused > least : r->refused == 0);
	/* Shadows deny too. */
	assert_true(tight ? count_denied(rig) > r->refused + least : count_denied(rig) == 0);
}

static void verdict_in_kernel_charges_the_limits_that_match(void **state)
{
	struct rig *rig = begin(state, __func__);

	play(rig, false);
	check_reach(rig, false);
}

static void verdict_in_kernel_refuses_what_a_bucket_does_not_hold(void **state)
{
	struct rig *rig = begin(state, __func__);

	play(rig, true);
	check_reach(rig, true);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_teardown(name, end)
	const struct CMUnitTest tests[] = {
		TEST(verdict_in_kernel_charges_the_limits_that_match),
		TEST(verdict_in_kernel_refuses_what_a_bucket_does_not_hold),
	};

	return cmocka_run_group_tests_name("bpf/verdict_bpf", tests, nic_enter, NULL);
}
