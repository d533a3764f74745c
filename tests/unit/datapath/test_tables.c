/* Tables built of limits: they match what a plain matcher does, and lie as the header says. */
/* SPDX-License-Identifier: MIT */
#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "bpf/match.h"
#include "datapath/datapath_priv.h"
#include "unit/datapath/limit_set.h"
#include "unit/datapath/plain_match.h"

static const uint64_t seed[4] = {11, 22, 33, 44};

struct rig {
	struct limit_set *set;
	struct sluice_tables *tables;
	struct sluice_slot slots[SLUICE_RULES_MAX];
	struct field_error error;
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

/* Slots against the order of the set, so that neither is taken for the other. */
static int build(struct rig *rig)
{
	memset(rig->slots, 0, sizeof(rig->slots));
	memset(rig->tables, 0, sizeof(*rig->tables));
	for (size_t i = 0; i < rig->set->n; i++) {
		struct sluice_slot *slot = &rig->slots[SLUICE_RULES_MAX - 1 - i];

		memcpy(slot->id, rig->set->own[i].id, sizeof(slot->id));
		slot->line_first = 64 * (uint32_t)i;
		slot->line_count = 64;
	}
	return tables_build(rig->slots, seed, rig->set->limit, rig->set->n, &rig->error,
			    rig->tables);
}

static struct rig *build_of(void **state, size_t n, const char *const *members)
{
	struct rig *rig = *state;
	char id[ID_SIZE];

	for (size_t i = 0; i < n; i++) {
		snprintf(id, sizeof(id), "lim_%02zu", i);
		limit_set_add(rig->set, id, members[i]);
	}
	assert_int_equal(build(rig), 0);
	return rig;
}

#define BUILD(state, ...)                                                       \
	build_of(state, sizeof((const char *[]){__VA_ARGS__}) / sizeof(char *), \
		 (const char *[]){__VA_ARGS__})

#define NUMBERS "\"limit\":10,\"interval\":\"1m\""

/* The limit that a bit stands for. */
static const struct datapath_limit *limit_of(const struct rig *rig, unsigned int bit)
{
	const char *id = rig->slots[rig->tables->rule[bit].slot].id;

	for (size_t i = 0; i < rig->set->n; i++)
		if (strcmp(rig->set->own[i].id, id) == 0)
			return &rig->set->limit[i];
	fail_msg("no limit for bit %u", bit);
	return NULL;
}

static struct sluice_packet random_packet(struct algo_random *random)
{
	static const uint8_t families[] = {4, 6, 4, 6, 4, 6, 0};
	struct sluice_packet p = {.family = families[algo_random_below(random, 7)]};

	p.ethertype = p.family == 4 ? 0x0800 : p.family == 6 ? 0x86dd : 0x8100;
	if (p.family == 0 && algo_random_below(random, 2))
		p.ethertype = algo_random_below(random, 2) ? 0x0800 : 0x86dd;
	p.proto = limit_set_random_proto(random);
	if (p.family) {
		limit_set_random_address(random, p.family, (uint8_t *)p.src);
		limit_set_random_address(random, p.family, (uint8_t *)p.dst);
	}
	if (algo_random_below(random, 8) == 0)
		p.flags |= SLUICE_PACKET_NO_PROTO;
	else if ((p.proto == 6 || p.proto == 17) && algo_random_below(random, 4))
		p.flags |= SLUICE_PACKET_PORTS;
	if (p.flags & SLUICE_PACKET_PORTS)
		p.dst_port = limit_set_random_port(random);
	return p;
}

static void check_packet(const struct rig *rig, const struct sluice_packet *p)
{
	uint64_t rules = match_packet(rig->tables, p);

	assert_true((rules & ~rig->tables->rules) == 0);
	for (unsigned int bit = 0; bit < 64 && rig->tables->rules >> bit & 1; bit++)
		if ((rules >> bit & 1) != plain_match(limit_of(rig, bit)->limit->match, p))
			fail_msg("%s: family %u proto %u port %u flags %x: %d",
				 limit_of(rig, bit)->limit->id, p->family, p->proto, p->dst_port,
				 p->flags, (int)(rules >> bit & 1));
}

static void tables_random_limits_match_as_the_plain_matcher(void **state)
{
	struct rig *rig = *state;
	struct algo_random random;

	algo_random_start(&random, __func__);
	for (uint64_t round = 0; round < algo_rounds(60); round++) {
		limit_set_clear(rig->set);
		limit_set_add_random(rig->set, &random, algo_random_below(&random, 65),
				     (unsigned int)algo_random_below(&random, 90));
		assert_int_equal(build(rig), 0);
		for (int i = 0; i < 300; i++) {
			struct sluice_packet p = random_packet(&random);

			check_packet(rig, &p);
		}
	}
}

/* Adds step (-1, 0, 1) to an address of n bytes, all of one wrapping to all of zero. */
static void shift_address(uint8_t *bytes, size_t n, int step)
{
	for (size_t at = n; at-- > 0 && step;) {
		int value = bytes[at] + step;

		bytes[at] = (uint8_t)value;
		step = value < 0 ? -1 : value > 255 ? 1 : 0;
	}
}

/* The first or last address of a prefix, or the one beside it. */
static void check_end(const struct rig *rig, const struct packet_prefix *prefix, bool last,
		      int step)
{
	struct sluice_packet p = {.family = prefix->family};
	uint8_t *bytes = (uint8_t *)p.dst;
	size_t n = p.family == 4 ? 4 : 16;

	memcpy(bytes, prefix->bytes, n);
	for (unsigned int bit = prefix->length; last && bit < n * 8; bit++)
		bytes[bit / 8] |= (uint8_t)(0x80U >> bit % 8);
	shift_address(bytes, n, step);
	memcpy(p.src, p.dst, sizeof(p.src));
	check_packet(rig, &p);
}

static void tables_ends_of_prefixes_match_as_the_plain_matcher(void **state)
{
	struct rig *rig = *state;
	struct algo_random random;

	algo_random_start(&random, __func__);
	limit_set_add_random(rig->set, &random, 40, 50);
	assert_int_equal(build(rig), 0);
	for (size_t i = 0; i < rig->set->n; i++) {
		const struct packet_match *match = rig->set->own[i].match;

		for (int step = -1; step <= 1; step++) {
			for (uint32_t j = 0; j < match->n_dst; j++)
				check_end(rig, &match->dst[j], step >= 0, step);
			for (uint32_t j = 0; j < match->n_src; j++)
				check_end(rig, &match->src[j], step > 0, step);
		}
	}
}

static void tables_no_limits_are_empty(void **state)
{
	struct rig *rig = *state;
	struct sluice_packet p = {.family = 4};

	assert_int_equal(build(rig), 0);
	assert_true(rig->tables->rules == 0 && rig->tables->timed == 0);
	assert_false(rig->tables->dst.used || rig->tables->src.used || rig->tables->dst_port.used);
	assert_true(match_packet(rig->tables, &p) == 0);
}

static void tables_unasked_dimensions_are_unused(void **state)
{
	struct rig *rig = BUILD(state, NUMBERS, "\"match\":{\"src\":\"192.0.2.0/24\"}," NUMBERS);

	assert_false(rig->tables->dst.used);
	assert_true(rig->tables->src.used);
	assert_false(rig->tables->dst_port.used);
}

/* 3 per minute is slower than 10 per minute; 640 bytes per minute are 10 smallest packets. */
static void tables_bits_are_enforcing_then_shadows_slowest_first(void **state)
{
	struct rig *rig =
		BUILD(state, NUMBERS ",\"mode\":\"shadow\"", "\"limit\":1000,\"interval\":\"1s\"",
		      "\"limit\":3,\"interval\":\"1m\"", NUMBERS ",\"mode\":\"off\"",
		      "\"limit\":2,\"interval\":\"1m\",\"mode\":\"shadow\"",
		      "\"limit\":320,\"interval\":\"1m\",\"unit\":\"bytes\",\"burst\":2000");
	static const char *const ids[] = {"lim_02", "lim_05", "lim_01", "lim_04", "lim_00"};

	assert_true(rig->tables->rules == 0x1f);
	assert_true(rig->tables->enforce == 0x7);
	for (unsigned int bit = 0; bit < 5; bit++)
		assert_string_equal(limit_of(rig, bit)->limit->id, ids[bit]);
}

/* Whoever spoofs sources evades a slow limit for each, but no faster one for all. */
static void tables_bits_of_few_buckets_come_before_slow_ones_of_many(void **state)
{
	struct rig *rig =
		BUILD(state, "\"per\":\"src\",\"limit\":1,\"interval\":\"1m\"",
		      "\"per\":\"dst\",\"limit\":2,\"interval\":\"1m\"",
		      "\"limit\":4,\"interval\":\"1m\"", "\"limit\":3,\"interval\":\"1m\"");
	static const char *const ids[] = {"lim_03", "lim_02", "lim_01", "lim_00"};

	for (unsigned int bit = 0; bit < 4; bit++)
		assert_string_equal(limit_of(rig, bit)->limit->id, ids[bit]);
}

static void tables_equally_slow_limits_are_in_order_of_ids(void **state)
{
	struct rig *rig = *state;

	limit_set_add(rig->set, "lim_b", NUMBERS);
	limit_set_add(rig->set, "lim_c", NUMBERS);
	limit_set_add(rig->set, "lim_a", NUMBERS);
	assert_int_equal(build(rig), 0);
	assert_string_equal(limit_of(rig, 0)->limit->id, "lim_a");
	assert_string_equal(limit_of(rig, 2)->limit->id, "lim_c");
}

static void tables_rules_carry_what_the_program_needs(void **state)
{
	struct rig *rig = *state;
	struct sluice_rule *rule = rig->tables->rule;
	static const uint8_t mask4[4] = {0xff, 0xff, 0xfe, 0};
	static const uint8_t mask6[16] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x80};

	limit_set_add(rig->set, "lim_a", "\"per\":\"dst/23/49\"," NUMBERS)->until_ns = 77;
	limit_set_add(rig->set, "lim_b",
		      "\"limit\":6400,\"interval\":\"1s\",\"burst\":9000,\"unit\":\"bytes\"");
	assert_int_equal(build(rig), 0);
	assert_int_equal(rule[1].per, SLUICE_PER_DST);
	assert_memory_equal(&rule[1].mask4, mask4, sizeof(mask4));
	assert_memory_equal(rule[1].mask6, mask6, sizeof(mask6));
	assert_true(rule[1].until_ns == 77 && rig->tables->timed == 2);
	assert_true(rule[1].slot == 63 && rule[1].line_first == 0 && rule[1].line_count == 64);
	assert_memory_equal(&rule[1].params, &rig->set->limit[0].params, sizeof(rule[1].params));
	assert_true(rule[1].unit == SLUICE_UNIT_PACKETS && rule[0].unit == SLUICE_UNIT_BYTES);
	assert_true(rule[0].slot == 62 && rule[0].line_first == 64);
	assert_true(rule[0].per == SLUICE_PER_ALL && rule[0].mask4 == 0);
	assert_memory_equal(rig->tables->seed, seed, sizeof(seed));
}

static void tables_whole_address_masks_are_all_ones(void **state)
{
	struct rig *rig =
		BUILD(state, "\"match\":{\"dst\":\"2001:db8::/32\"},\"per\":\"src/128\"," NUMBERS);

	assert_true(rig->tables->rule[0].mask4 == UINT32_MAX);
	assert_true(rig->tables->rule[0].mask6[0] == UINT64_MAX);
	assert_true(rig->tables->rule[0].mask6[1] == UINT64_MAX);
}

static void tables_limit_with_port_takes_only_protocols_that_have_ports(void **state)
{
	struct rig *rig = BUILD(state, "\"match\":{\"dst_port\":53}," NUMBERS);

	for (unsigned int i = 0; i < 256; i++)
		assert_int_equal(rig->tables->proto[i], packet_proto_has_ports((uint8_t)i));
}

static void tables_families_are_those_that_addresses_allow(void **state)
{
	struct rig *rig = BUILD(state, "\"match\":{\"src\":\"192.0.2.1\"}," NUMBERS,
				"\"match\":{\"dst\":\"2001:db8::/32\"}," NUMBERS, NUMBERS);

	assert_true(rig->tables->family4 == 5);
	assert_true(rig->tables->family6 == 6);
	/* No IPv4 row has the bit of the limit on IPv6, and none of the other. */
	assert_true(match_address4(&rig->tables->dst, htonl(0xc0000201)) == 5);
	assert_true(match_address4(&rig->tables->src, htonl(0xc0000201)) == 5);
	assert_true(match_address6(&rig->tables->src, (__be32[4]){0}) == 6);
}

/* One prefix makes three bounds (before, in, after), so a search of four with one repeated. */
static void tables_bounds_are_padded_with_the_last(void **state)
{
	struct rig *rig = BUILD(state, "\"match\":{\"dst\":\"2001:db8::/32\"}," NUMBERS);
	const struct sluice_address_table *dst = &rig->tables->dst;

	assert_int_equal(dst->steps, 2);
	assert_true(dst->bound[0].hi == 0 && dst->bound[0].lo == 0);
	assert_true(dst->bound[1].hi == 0x20010db800000000);
	assert_true(dst->bound[2].hi == 0x20010db900000000);
	assert_memory_equal(&dst->bound[3], &dst->bound[2], sizeof(dst->bound[2]));
	assert_int_equal(dst->bound_class[3], dst->bound_class[2]);
	assert_int_equal(dst->bound_class[0], dst->bound_class[2]);
}

/* Fills n limits' dst with 64 prefixes each, spread by a multiplier. */
static void spread(struct rig *rig, size_t n, unsigned int family, unsigned int length)
{
	char id[ID_SIZE];

	for (size_t i = 0; i < n; i++) {
		struct packet_match *match;

		snprintf(id, sizeof(id), "lim_%02zu", i);
		limit_set_add(rig->set, id, NUMBERS);
		match = rig->set->own[i].match;
		match->n_dst = match->n_src = PACKET_LIST_MAX;
		for (uint32_t j = 0; j < PACKET_LIST_MAX; j++) {
			uint32_t bits = (uint32_t)(i * PACKET_LIST_MAX + j) * 2654435761U;
			struct packet_prefix prefix = {.family = (uint8_t)family,
						       .length = (uint8_t)length};

			for (unsigned int bit = 0; bit < length && bit < 32; bit++)
				prefix.bytes[bit / 8] |=
					(uint8_t)((bits >> (31 - bit) & 1) << (7 - bit % 8));
			match->dst[j] = match->src[j] = prefix;
		}
	}
}

static void must_be_too_many(void **state, unsigned int family, unsigned int length,
			     const char *piece)
{
	struct rig *rig = *state;

	spread(rig, 64, family, length);
	assert_int_equal(build(rig), DATAPATH_E_TOO_MANY);
	assert_string_equal(rig->error.field, "match.dst");
	if (!strstr(rig->error.message, piece))
		fail_msg("%s", rig->error.message);
}

static void tables_too_many_blocks_are_refused_by_name(void **state)
{
	must_be_too_many(state, 4, 32, "2048 blocks");
}

static void tables_too_many_bounds_are_refused_by_name(void **state)
{
	must_be_too_many(state, 6, 32, "2048 bounds");
}

static void tables_as_many_bounds_as_fit_are_searched_right(void **state)
{
	struct rig *rig = *state;
	struct sluice_packet p = {.family = 6};

	spread(rig, 15, 6, 32);
	assert_int_equal(build(rig), 0);
	assert_int_equal(rig->tables->dst.steps, 11);
	for (size_t i = 0; i < 15; i++) {
		memcpy(p.dst, rig->set->own[i].match->dst[i].bytes, 16);
		memcpy(p.src, rig->set->own[i].match->dst[i].bytes, 16);
		assert_true(match_packet(rig->tables, &p) == 1ULL << i);
	}
}

/* Each of 64 rules on 64 networks of 16 bits: as many edges as can be, and no refusal. */
static void tables_largest_set_builds_within_a_tenth_of_a_second(void **state)
{
	struct rig *rig = *state;
	struct timespec from, to;
	double ms;

	spread(rig, 64, 4, 16);
	assert_int_equal(clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &from), 0);
	assert_int_equal(build(rig), 0);
	assert_int_equal(clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &to), 0);
	ms = (double)(to.tv_sec - from.tv_sec) * 1e3 + (double)(to.tv_nsec - from.tv_nsec) / 1e6;
	fprintf(stderr, "# %.1f ms\n", ms);
	/* Sanitizers make it some five times slower. */
	assert_true(ms < 500);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(tables_random_limits_match_as_the_plain_matcher),
		TEST(tables_ends_of_prefixes_match_as_the_plain_matcher),
		TEST(tables_no_limits_are_empty),
		TEST(tables_unasked_dimensions_are_unused),
		TEST(tables_bits_are_enforcing_then_shadows_slowest_first),
		TEST(tables_bits_of_few_buckets_come_before_slow_ones_of_many),
		TEST(tables_equally_slow_limits_are_in_order_of_ids),
		TEST(tables_rules_carry_what_the_program_needs),
		TEST(tables_whole_address_masks_are_all_ones),
		TEST(tables_limit_with_port_takes_only_protocols_that_have_ports),
		TEST(tables_families_are_those_that_addresses_allow),
		TEST(tables_bounds_are_padded_with_the_last),
		TEST(tables_too_many_blocks_are_refused_by_name),
		TEST(tables_too_many_bounds_are_refused_by_name),
		TEST(tables_as_many_bounds_as_fit_are_searched_right),
		TEST(tables_largest_set_builds_within_a_tenth_of_a_second),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
