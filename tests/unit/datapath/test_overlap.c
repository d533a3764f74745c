/* The most limits that one packet can match: exact, and quick where it may take long. */
/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "datapath/datapath_priv.h"
#include "unit/datapath/limit_set.h"
#include "unit/datapath/plain_match.h"

struct rig {
	struct limit_set *set;
	struct sluice_tables *tables;
};

static int setup(void **state)
{
	struct rig *rig = calloc(1, sizeof(*rig));

	assert_non_null(rig);
	rig->set = limit_set_new();
	rig->tables = calloc(1, sizeof(*rig->tables));
	assert_non_null(rig->tables);
	*state = rig;
	return 0;
}

static int teardown(void **state)
{
	struct rig *rig = *state;

	limit_set_free(rig->set);
	free(rig->tables);
	free(rig);
	return 0;
}

static int overlap_of(struct rig *rig, unsigned int floor)
{
	struct sluice_slot slots[SLUICE_RULES_MAX] = {0};
	struct field_error error;

	for (size_t i = 0; i < rig->set->n; i++)
		memcpy(slots[i].id, rig->set->own[i].id, sizeof(slots[i].id));
	memset(rig->tables, 0, sizeof(*rig->tables));
	if (tables_build(slots, (uint64_t[4]){0}, rig->set->limit, rig->set->n, &error,
			 rig->tables))
		fail_msg("%s: %s", error.field, error.message);
	return tables_overlap(rig->tables, floor);
}

static unsigned int count_matches(const struct limit_set *set, const struct sluice_packet *p)
{
	unsigned int count = 0;

	for (size_t i = 0; i < set->n; i++)
		if (set->own[i].mode != ENGINE_OFF)
			count += plain_match(set->own[i].match, p);
	return count;
}

/* Values of one field where a range begins: any packet is like one made of these. */
struct field {
	size_t n;
	__be32 value[2 * LIMIT_SET_MAX * 12][4];
};

static void gather_addresses(const struct limit_set *set, bool source, unsigned int family,
			     struct field *ret)
{
	memset(ret->value[0], 0xaa, sizeof(ret->value[0]));
	ret->n = 1;
	for (size_t i = 0; i < set->n; i++) {
		const struct packet_match *match = set->own[i].match;
		const struct packet_prefix *list = source ? match->src : match->dst;

		for (uint32_t j = 0; j < (source ? match->n_src : match->n_dst); j++)
			if (list[j].family == family)
				memcpy(ret->value[ret->n++], list[j].bytes, 16);
	}
}

static unsigned int try_protos(const struct limit_set *set, struct sluice_packet *p)
{
	unsigned int best = 0;

	for (unsigned int proto = 0; proto < 256; proto++) {
		p->proto = (uint8_t)proto;
		p->flags = 0;
		if (packet_proto_has_ports(p->proto)) {
			p->flags = SLUICE_PACKET_PORTS;
			for (size_t i = 0; i < set->n; i++)
				for (uint32_t j = 0; j < set->own[i].match->n_dst_port; j++) {
					p->dst_port = set->own[i].match->dst_port[j].first;
					if (count_matches(set, p) > best)
						best = count_matches(set, p);
				}
			p->dst_port = 7777;
		}
		if (count_matches(set, p) > best)
			best = count_matches(set, p);
	}
	return best;
}

/*
 * A prefix that contains nothing else's first address is met at its own first one, so first
 * addresses, first ports and one value beside them are all that can differ.
 */
static unsigned int plain_overlap(const struct limit_set *set)
{
	static struct field dst, src;
	struct sluice_packet p = {0};
	unsigned int best = 0;

	for (p.family = 4; p.family <= 6; p.family = (uint8_t)(p.family + 2)) {
		gather_addresses(set, false, p.family, &dst);
		gather_addresses(set, true, p.family, &src);
		for (size_t i = 0; i < dst.n * src.n; i++) {
			unsigned int count;

			memcpy(p.dst, dst.value[i % dst.n], sizeof(p.dst));
			memcpy(p.src, src.value[i / dst.n], sizeof(p.src));
			count = try_protos(set, &p);
			best = count > best ? count : best;
		}
	}
	return best;
}

static void overlap_random_sets_are_counted_as_by_trying_every_packet(void **state)
{
	struct rig *rig = *state;
	struct algo_random random;

	algo_random_start(&random, __func__);
	for (uint64_t round = 0; round < algo_rounds(40); round++) {
		unsigned int best;

		limit_set_clear(rig->set);
		limit_set_add_random(rig->set, &random, algo_random_between(&random, 1, 7), 60);
		best = plain_overlap(rig->set);
		assert_int_equal(overlap_of(rig, 0), best);
		assert_int_equal(overlap_of(rig, best + 1), best + 1);
	}
}

#define NUMBERS "\"limit\":10,\"interval\":\"1m\""

static void add(struct rig *rig, size_t n, const char *members)
{
	char id[ID_SIZE];

	for (size_t i = 0; i < n; i++) {
		snprintf(id, sizeof(id), "lim_%02zu", rig->set->n);
		limit_set_add(rig->set, id, members);
	}
}

static void overlap_no_limits_are_none(void **state)
{
	assert_int_equal(overlap_of(*state, 0), 0);
}

static void overlap_all_of_64_limits_are_64(void **state)
{
	struct rig *rig = *state;

	add(rig, 64, NUMBERS);
	assert_int_equal(overlap_of(rig, 16), 64);
}

/* A packet is of one family, has one protocol, and ports only if that has. */
static void overlap_limits_that_exclude_each_other_do_not_add_up(void **state)
{
	struct rig *rig = *state;

	add(rig, 9, "\"match\":{\"src\":\"192.0.2.0/24\"}," NUMBERS);
	add(rig, 8, "\"match\":{\"src\":\"2001:db8::/32\"}," NUMBERS);
	assert_int_equal(overlap_of(rig, 0), 9);
	add(rig, 3, "\"match\":{\"proto\":\"icmp\"}," NUMBERS);
	add(rig, 2, "\"match\":{\"dst_port\":53}," NUMBERS);
	assert_int_equal(overlap_of(rig, 0), 12);
	add(rig, 2, "\"match\":{\"dst_port\":\"50-60\"}," NUMBERS);
	assert_int_equal(overlap_of(rig, 0), 13);
}

static void overlap_shadows_count_and_off_limits_do_not(void **state)
{
	struct rig *rig = *state;

	add(rig, 2, NUMBERS ",\"mode\":\"shadow\"");
	add(rig, 3, NUMBERS ",\"mode\":\"off\"");
	assert_int_equal(overlap_of(rig, 0), 2);
}

static double cpu_ms(void)
{
	struct timespec ts;

	assert_int_equal(clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts), 0);
	return (double)ts.tv_sec * 1e3 + (double)ts.tv_nsec / 1e6;
}

/* Half of the lists are large networks, so that many meet; the others make each place differ. */
static struct packet_prefix knotty_prefix(struct algo_random *random, uint32_t i)
{
	uint8_t length = i < PACKET_LIST_MAX / 2 ? 6 : 11;
	uint32_t at = (uint32_t)algo_random_below(random, 1U << length) << (32 - length);

	return (struct packet_prefix){
		.family = 4, .length = length, .bytes = {(uint8_t)(at >> 24), (uint8_t)(at >> 16)}};
}

/*
 * 64 limits in ever other company: thousands of vectors in each dimension that do not contain each
 * other. Nobody writes this; it must not take long all the same.
 */
static void make_knotty(struct rig *rig, struct algo_random *random)
{
	for (size_t i = 0; i < 64; i++) {
		struct packet_match *match;

		add(rig, 1, NUMBERS);
		match = rig->set->own[i].match;
		match->n_dst = match->n_src = match->n_dst_port = PACKET_LIST_MAX;
		for (uint32_t j = 0; j < PACKET_LIST_MAX; j++) {
			match->dst[j] = knotty_prefix(random, j);
			match->src[j] = knotty_prefix(random, j);
			match->dst_port[j].first = (uint16_t)(j * 1024);
			match->dst_port[j].last =
				(uint16_t)(j * 1024 + algo_random_below(random, 1024));
		}
	}
}

static void overlap_knotty_set_ends_within_a_tenth_of_a_second(void **state)
{
	struct rig *rig = *state;
	struct algo_random random;
	double ms;
	int most;

	algo_random_start(&random, __func__);
	make_knotty(rig, &random);
	overlap_of(rig, 64);
	for (unsigned int floor = 16; floor <= 32; floor += 4) {
		ms = cpu_ms();
		most = tables_overlap(rig->tables, floor);
		ms = cpu_ms() - ms;
		fprintf(stderr, "# floor %u: %d in %.1f ms\n", floor, most, ms);
		assert_true(most >= (int)floor && most <= 64);
		/* Sanitizers make it some five times slower. */
		assert_true(ms < 500);
	}
}

/*
 * Tables that no limits lead to: 4,096 random vectors of half of the rules in each dimension, and
 * among them one packet that matches 33. Those with more rules of one dimension are tried first.
 */
static void fill_random(struct sluice_tables *t, struct algo_random *random)
{
	const uint64_t needle = (1ULL << 33) - 1;

	t->rules = t->family4 = t->family6 = ~0ULL;
	t->dst.used = t->src.used = t->dst_port.used = 1;
	for (size_t i = 0; i < SLUICE_CLASSES_MAX; i++) {
		t->dst.row[i] = algo_random_next(random);
		t->src.row[i] = algo_random_next(random);
		t->dst_port.row[i] = algo_random_next(random);
	}
	t->dst.row[1000] = needle;
	t->src.row[2000] |= needle;
	t->dst_port.row[3000] |= needle;
	for (size_t i = 0; i < 65536; i++)
		t->dst.root[i] = t->src.root[i] = t->dst_port.class[i] = i % SLUICE_CLASSES_MAX;
	for (size_t i = 0; i < 256; i++)
		t->proto[i] = packet_proto_has_ports((uint8_t)i) ? ~0ULL : 0;
}

static void overlap_what_takes_too_long_is_bounded_from_above(void **state)
{
	struct rig *rig = *state;
	struct algo_random random;

	algo_random_start(&random, __func__);
	fill_random(rig->tables, &random);
	for (unsigned int floor = 16; floor <= 40; floor += 4) {
		double ms = cpu_ms();
		int most = tables_overlap(rig->tables, floor);

		ms = cpu_ms() - ms;
		fprintf(stderr, "# floor %u: %d in %.1f ms\n", floor, most, ms);
		assert_true(most >= (int)floor && most >= 33);
		assert_true(ms < 500);
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(overlap_random_sets_are_counted_as_by_trying_every_packet),
		TEST(overlap_no_limits_are_none),
		TEST(overlap_all_of_64_limits_are_64),
		TEST(overlap_limits_that_exclude_each_other_do_not_add_up),
		TEST(overlap_shadows_count_and_off_limits_do_not),
		TEST(overlap_knotty_set_ends_within_a_tenth_of_a_second),
		TEST(overlap_what_takes_too_long_is_bounded_from_above),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
