/* The verdict over one packet, natively: which rules are asked, charged, given back and counted. */
/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "bpf/packets.h"
#include "bpf/path.h"

enum {
	START = 1000000000,
	TOKEN_NS = 1000000,
	BURST = 10,
};

static struct sluice_tables *tables;

static struct sluice_params bucket_params(__u64 burst)
{
	return (struct sluice_params){
		.limit = 1000000000 / TOKEN_NS,
		.burst = burst,
		.interval_ns = 1000000000,
		.mult = (__u64)TOKEN_NS << SLUICE_TICK_SHIFT,
		.tolerance = (burst * TOKEN_NS) << SLUICE_TICK_SHIFT,
		.cost_max = burst,
	};
}

/* n equal rules, of which a test changes some. */
static void begin(uint32_t n, __u64 burst)
{
	struct sluice_params params = bucket_params(burst);

	path_done();
	tables = path_init(n, &params);
	path.now_ns = START;
}

static int end(void **state)
{
	path_done();
	return 0;
}

static void build_udp4(struct packet *p, uint8_t source)
{
	packet_eth(p, 0x0800);
	packet_ip4(p, (struct packet_ip4){.proto = 17});
	p->bytes[29] = source;
	packet_udp(p, 1000, 53);
	packet_finish(p);
}

static bool send_udp4(uint8_t source)
{
	struct packet p;

	build_udp4(&p, source);
	return path_packet(p.bytes, p.n);
}

static int count_passed(int n, uint8_t source)
{
	int passed = 0;

	while (n--)
		passed += send_udp4(source);
	return passed;
}

static void verdict_source_over_its_limit_is_dropped_and_counted(void **state)
{
	begin(1, BURST);
	assert_int_equal(count_passed(25, 1), BURST);
	assert_int_equal(count_passed(25, 2), BURST);
	assert_true(path.counts[0].allowed_packets == 2 * BURST);
	assert_true(path.counts[0].denied_packets == 30);
	assert_true(path.counts[0].allowed_bytes == 2ULL * BURST * 42);
	assert_true(path.counts[0].denied_bytes == 30 * 42);
	assert_true(path.reasons.admitted == 2 * BURST && path.reasons.refused == 30);
}

static void verdict_no_rules_passes_unparsed(void **state)
{
	begin(0, BURST);
	assert_int_equal(count_passed(25, 1), 25);
	assert_true(path.reasons.passed == 0 && path.reasons.admitted == 0);
}

static void verdict_unmatched_packet_passes_and_is_counted(void **state)
{
	begin(1, 1);
	tables->proto[17] = 0;
	assert_int_equal(count_passed(5, 1), 5);
	assert_true(path.reasons.passed == 5);
}

/* The first admits 10, the second 3: the first is charged for what passes alone. */
static void verdict_refused_packets_eat_no_other_limit(void **state)
{
	begin(2, BURST);
	tables->rule[1].params = bucket_params(3);
	assert_int_equal(count_passed(50, 1), 3);
	tables->enforce = tables->rules = tables->family4 = 1;
	assert_int_equal(count_passed(50, 1), BURST - 3);
}

/* The second rule refuses only between look and charge, as another CPU would make it. */
static void verdict_charges_are_given_back_when_a_later_rule_is_busy(void **state)
{
	begin(2, BURST);
	for (uint32_t i = 1024; i < 2048; i++)
		path.lines[i].spare = SLUICE_LINE_LOCKED;
	assert_int_equal(count_passed(50, 1), 0);
	assert_true(path.reasons.busy == 50);
	tables->enforce = tables->rules = tables->family4 = 1;
	assert_int_equal(count_passed(50, 1), BURST);
}

static void verdict_shadow_counts_and_never_drops(void **state)
{
	begin(2, BURST);
	tables->enforce = 1;
	tables->rule[1].params = bucket_params(4);
	assert_int_equal(count_passed(50, 1), BURST);
	assert_true(path.counts[0].denied_packets == 40);
	/* It saw the ten that passed. */
	assert_true(path.counts[1].allowed_packets == 4 && path.counts[1].denied_packets == 6);
}

static void verdict_shadow_alone_passes_all(void **state)
{
	begin(1, 4);
	tables->enforce = 0;
	assert_int_equal(count_passed(50, 1), 50);
	assert_true(path.counts[0].allowed_packets == 4 && path.counts[0].denied_packets == 46);
}

static void verdict_limit_of_bytes_charges_the_frame(void **state)
{
	begin(1, 100);
	tables->rule[0].unit = SLUICE_UNIT_BYTES;
	assert_int_equal(count_passed(50, 1), 2);
}

static void verdict_without_per_all_share_one_bucket(void **state)
{
	begin(1, BURST);
	tables->rule[0].per = SLUICE_PER_ALL;
	tables->rule[0].line_count = 1;
	assert_int_equal(count_passed(6, 1) + count_passed(6, 2), BURST);
}

static void verdict_masked_address_is_shared_by_its_prefix(void **state)
{
	begin(1, BURST);
	memset(&tables->rule[0].mask4, 0xff, 3);
	((uint8_t *)&tables->rule[0].mask4)[3] = 0;
	assert_int_equal(count_passed(6, 1) + count_passed(6, 200), BURST);
}

static void verdict_rule_past_its_time_no_longer_holds(void **state)
{
	begin(1, 1);
	tables->timed = 1;
	tables->rule[0].until_ns = START + 10;
	assert_int_equal(count_passed(5, 1), 1);
	path.now_ns = START + 10;
	path.jiffies++;
	assert_int_equal(count_passed(5, 1), 5);
}

static void verdict_packet_under_more_than_sixteen_rules_is_charged_to_the_first(void **state)
{
	begin(20, BURST);
	assert_int_equal(count_passed(15, 1), BURST);
	assert_true(path.reasons.crowded == 15);
	for (uint32_t i = 0; i < 20; i++)
		assert_true(path.counts[i].allowed_packets == (i < 16 ? BURST : 0));
}

/* Shadows come after those that enforce, and find what these leave of the sixteen. */
static void verdict_shadows_beyond_sixteen_rules_are_not_charged(void **state)
{
	begin(20, BURST);
	tables->enforce = (1 << 10) - 1;
	assert_int_equal(count_passed(15, 1), BURST);
	assert_true(path.reasons.crowded == 15);
	for (uint32_t i = 0; i < 20; i++)
		assert_true(path.counts[i].allowed_packets == (i < 16 ? BURST : 0));
}

static void verdict_arp_and_neighbour_discovery_are_exempt(void **state)
{
	struct packet p;

	begin(1, 1);
	for (int i = 0; i < 3; i++) {
		packet_eth(&p, 0x0806);
		packet_fill(&p, 0, 28);
		assert_true(path_packet(p.bytes, p.n));
		packet_eth(&p, 0x86dd);
		packet_ip6(&p, (struct packet_ip6){58, 255});
		packet_icmp(&p, 135, 0);
		packet_finish(&p);
		assert_true(path_packet(p.bytes, p.n));
	}
	assert_true(path.reasons.exempt == 6);
	/* From farther than the link it is no discovery. */
	p.bytes[21] = 254;
	assert_true(path_packet(p.bytes, p.n));
	assert_false(path_packet(p.bytes, p.n));
}

static void verdict_frame_that_is_not_ip_passes(void **state)
{
	struct packet p;

	begin(1, 1);
	packet_eth(&p, 0x88cc);
	packet_fill(&p, 0, 40);
	for (int i = 0; i < 3; i++)
		assert_true(path_packet(p.bytes, p.n));
	assert_true(path.reasons.not_ip == 3);
}

static void limit_dst_port(uint16_t port)
{
	static const uint8_t with_ports[] = {6, 17, 33, 132, 136};

	for (size_t i = 0; i < 256; i++)
		tables->proto[i] = memchr(with_ports, (int)i, sizeof(with_ports)) ? 1 : 0;
	tables->dst_port.used = 1;
	tables->dst_port.row[1] = 1;
	tables->dst_port.class[port] = 1;
}

static void verdict_later_fragment_falls_under_every_port(void **state)
{
	struct packet p;

	begin(1, 1);
	limit_dst_port(9999);
	assert_int_equal(count_passed(5, 1), 5);
	packet_eth(&p, 0x0800);
	packet_ip4(&p, (struct packet_ip4){.proto = 17, .fragment = 5});
	packet_fill(&p, 0, 40);
	packet_finish(&p);
	assert_true(path_packet(p.bytes, p.n));
	assert_false(path_packet(p.bytes, p.n));
	assert_true(path.reasons.fragments == 2);
	/* But for one whose protocol has none. */
	p.bytes[23] = 47;
	assert_true(path_packet(p.bytes, p.n));
}

static void verdict_unreadable_packets_fall_under_every_rule(void **state)
{
	struct packet p;

	begin(1, 1);
	limit_dst_port(9999);
	tables->dst.used = tables->src.used = 1;
	packet_eth(&p, 0x0800);
	for (int i = 0; i < 3; i++)
		packet_vlan(&p, 0x8100, 7);
	packet_ip4(&p, (struct packet_ip4){.proto = 17});
	assert_true(path_packet(p.bytes, p.n));
	assert_false(path_packet(p.bytes, p.n));
	assert_true(path.reasons.too_deep == 2);
	/* Too short for addresses: of its family only. */
	path.lines[0] = (struct sluice_line){0};
	memset(path.lines, 0, path.n_lines * sizeof(*path.lines));
	packet_eth(&p, 0x0800);
	packet_fill(&p, 0x45, 10);
	assert_true(path_packet(p.bytes, p.n));
	assert_false(path_packet(p.bytes, p.n));
	assert_true(path.reasons.truncated == 2);
	tables->family4 = 0;
	assert_true(path_packet(p.bytes, p.n));
}

/* At START, with reads that are due because of a pause behind it. */
static void begin_flood(uint32_t n, __u64 burst)
{
	begin(n, burst);
	count_passed((int)burst, 1);
	count_passed(2 * CLOCK_SLOW, 1);
	path.clock.uses = CLOCK_USES;
	path.clock_reads = 0;
}

static void verdict_refused_hot_source_reads_the_clock_once_in_seventeen(void **state)
{
	begin_flood(1, BURST);
	assert_int_equal(count_passed(17 * 10, 1), 0);
	assert_true(path.clock_reads == 10);
	path.jiffies++;
	assert_int_equal(count_passed(1, 1), 0);
	assert_true(path.clock_reads == 11);
}

/* Each packet finds the bucket long full again, within one jiffy. */
static void verdict_paced_source_below_its_limit_is_never_refused(void **state)
{
	begin(1, 1);
	for (int i = 0; i < 1000; i++) {
		path.now_ns += 2 * TOKEN_NS;
		assert_true(send_udp4(1));
	}
}

/* What a flood leaves behind is forgotten within the packets that one bound is for. */
static void verdict_paced_source_after_a_flood_loses_a_few_packets_at_most(void **state)
{
	int passed = 0;

	begin_flood(1, 1);
	count_passed(3, 2);
	for (int i = 0; i < 1000; i++) {
		path.now_ns += 2 * TOKEN_NS;
		passed += send_udp4(1);
	}
	assert_in_range(passed, 1000 - CLOCK_USES, 999);
}

/* Shadows and limits with an end read the clock too, for the same packet. */
static void verdict_paced_source_under_shadows_and_ends_is_never_refused(void **state)
{
	begin(3, 1);
	tables->enforce = 1;
	tables->timed = 5;
	tables->rule[0].until_ns = tables->rule[2].until_ns = ~0ULL;
	for (int i = 0; i < 1000; i++) {
		path.now_ns += 2 * TOKEN_NS;
		assert_true(send_udp4(1));
	}
	assert_true(path.counts[2].allowed_packets == 1000);
}

/* A word published at a stale bound would give the time since then twice. */
static void verdict_admits_at_the_exact_time(void **state)
{
	const struct sluice_line *line;

	begin(1, BURST);
	tables->rule[0].per = SLUICE_PER_ALL;
	assert_true(send_udp4(1));
	path.now_ns += 1000 * (__u64)TOKEN_NS;
	assert_true(send_udp4(1));
	line = &path.lines[0];
	assert_true(line->word[0] == (path.now_ns + TOKEN_NS) << SLUICE_TICK_SHIFT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(verdict_source_over_its_limit_is_dropped_and_counted),
		cmocka_unit_test(verdict_no_rules_passes_unparsed),
		cmocka_unit_test(verdict_unmatched_packet_passes_and_is_counted),
		cmocka_unit_test(verdict_refused_packets_eat_no_other_limit),
		cmocka_unit_test(verdict_charges_are_given_back_when_a_later_rule_is_busy),
		cmocka_unit_test(verdict_shadow_counts_and_never_drops),
		cmocka_unit_test(verdict_shadow_alone_passes_all),
		cmocka_unit_test(verdict_limit_of_bytes_charges_the_frame),
		cmocka_unit_test(verdict_without_per_all_share_one_bucket),
		cmocka_unit_test(verdict_masked_address_is_shared_by_its_prefix),
		cmocka_unit_test(verdict_rule_past_its_time_no_longer_holds),
		cmocka_unit_test(
			verdict_packet_under_more_than_sixteen_rules_is_charged_to_the_first),
		cmocka_unit_test(verdict_shadows_beyond_sixteen_rules_are_not_charged),
		cmocka_unit_test(verdict_arp_and_neighbour_discovery_are_exempt),
		cmocka_unit_test(verdict_frame_that_is_not_ip_passes),
		cmocka_unit_test(verdict_later_fragment_falls_under_every_port),
		cmocka_unit_test(verdict_unreadable_packets_fall_under_every_rule),
		cmocka_unit_test(verdict_refused_hot_source_reads_the_clock_once_in_seventeen),
		cmocka_unit_test(verdict_paced_source_below_its_limit_is_never_refused),
		cmocka_unit_test(verdict_paced_source_after_a_flood_loses_a_few_packets_at_most),
		cmocka_unit_test(verdict_paced_source_under_shadows_and_ends_is_never_refused),
		cmocka_unit_test(verdict_admits_at_the_exact_time),
	};

	return cmocka_run_group_tests_name("bpf/verdict", tests, NULL, end);
}
