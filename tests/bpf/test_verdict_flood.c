/* The packet path in the kernel beside an exact bucket, and under a flood of new sources. */
/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <cmocka.h>

#include "bpf/doors.h"
#include "bpf/flood.h"
#include "bpf/nic.h"
#include "unit/datapath/limit_set.h"

/* It fills one CPU and keeps time on the other. */
/* run-alone */

enum {
	LINES = DATAPATH_LINES_DEFAULT,
	BURST = 20,
	GOOD = 100, /* sources that stay within their limit */
	HEAVY = 10, /* packets of the one that does not, for each of theirs */
};

struct rig {
	struct datapath_bpf *b;
	struct bpf_object *doors; /* other programs on the same maps */
	struct doors_shared *shared;
	struct limit_set *set;
	struct packet packet;
	struct flood flood;
	bool flooded;
	uint64_t began_ns, applied_ns; /* the limits came into force between these */
};

static void share_maps(struct rig *rig)
{
	struct bpf_map *map;

	bpf_object__for_each_map(map, rig->doors)
	{
		int fd = bpf_object__find_map_fd_by_name(rig->b->object, bpf_map__name(map));

		if (!bpf_map__is_internal(map))
			assert_int_equal(bpf_map__reuse_fd(map, fd), 0);
	}
}

static void open_doors(struct rig *rig)
{
	rig->doors = bpf_object__open_file(SLUICE_BPF_DIR "/doors.bpf.o", NULL);
	assert_non_null(rig->doors);
	share_maps(rig);
	assert_int_equal(bpf_object__load(rig->doors), 0);
	rig->shared = mmap(NULL, sizeof(*rig->shared), PROT_READ | PROT_WRITE, MAP_SHARED,
			   bpf_object__find_map_fd_by_name(rig->doors, ".bss"), 0);
	assert_true(rig->shared != MAP_FAILED);
}

static struct rig *begin(void **state)
{
	struct rig *rig;

	nic_need();
	*state = rig = calloc(1, sizeof(*rig));
	assert_non_null(rig);
	rig->b = nic_open("none0", LINES);
	assert_null(datapath_off(&rig->b->base));
	open_doors(rig);
	rig->set = limit_set_new();
	packet_eth(&rig->packet, 0x0800);
	packet_ip4(&rig->packet, (struct packet_ip4){.proto = 17});
	packet_udp(&rig->packet, 1000, 53);
	packet_finish(&rig->packet);
	assert_int_equal(flood_stay_on(1), 0);
	return rig;
}

static void end_flood(struct rig *rig)
{
	if (rig->flooded)
		flood_end(&rig->flood);
	rig->flooded = false;
}

static int end(void **state)
{
	struct rig *rig = *state;

	if (!rig)
		return 0;
	end_flood(rig);
	bpf_object__close(rig->doors);
	if (rig->b)
		datapath_close(&rig->b->base, true);
	limit_set_free(rig->set);
	free(rig);
	return 0;
}

static void start_flood(struct rig *rig, const char *door)
{
	struct bpf_program *program = bpf_object__find_program_by_name(rig->doors, door);

	rig->flood = (struct flood){
		.program = bpf_program__fd(program), .cpu = 0, .packet = &rig->packet};
	flood_start(&rig->flood);
	rig->flooded = true;
	flood_wait_until(flood_clock_ns() + 100000000);
}

static void apply(struct rig *rig)
{
	struct field_error error;

	rig->began_ns = flood_clock_ns();
	assert_int_equal(datapath_apply(&rig->b->base, rig->set->limit, rig->set->n, &error), 0);
	rig->applied_ns = flood_clock_ns();
}

static uint64_t count_admitted(const struct rig *rig)
{
	struct sluice_counts counts;

	assert_int_equal(datapath_counts(&rig->b->base, "lim_a", &counts), 0);
	return counts.allowed_packets;
}

/* The amortised clock. */

struct pace {
	const char *members;
	uint64_t token_ns, burst;
	uint64_t gap_ns;
	uint64_t least; /* of what the exact bucket admits, in percent */
};

/*
 * However this thread is interrupted, an exact bucket has seen the same packets; and whatever was
 * admitted, no more than the limit allows for the time that passed.
 */
static void keep_pace(struct rig *rig, const struct pace *pace)
{
	uint64_t admitted, allowed;

	*rig->shared = (struct doors_shared){.gap_ns = pace->gap_ns};
	limit_set_add(rig->set, "lim_a", pace->members);
	start_flood(rig, "door_exact");
	apply(rig);
	flood_wait_until(rig->applied_ns + 300000000);
	end_flood(rig);
	admitted = count_admitted(rig);
	allowed = pace->burst + (flood_clock_ns() - rig->began_ns) / pace->token_ns;
	print_message("# a packet each %llu ns, burst %llu, gap %llu ns: admitted %llu, exact "
		      "bucket %llu, allowed %llu\n",
		      (unsigned long long)pace->token_ns, (unsigned long long)pace->burst,
		      (unsigned long long)pace->gap_ns, (unsigned long long)admitted,
		      (unsigned long long)rig->shared->exact_admitted, (unsigned long long)allowed);
	assert_true(admitted <= allowed);
	assert_true(admitted >= rig->shared->exact_admitted * pace->least / 100);
	limit_set_remove(rig->set, "lim_a");
	apply(rig);
}

static void verdict_of_a_flood_admits_what_an_exact_bucket_does(void **state)
{
	static const struct pace paces[] = {
		{"\"limit\":1000000,\"interval\":\"1s\",\"burst\":10", 1000, 10, 0, 97},
		{"\"limit\":100000,\"interval\":\"1s\",\"burst\":100", 10000, 100, 0, 97},
		{"\"limit\":1000,\"interval\":\"1s\",\"burst\":50", 1000000, 50, 0, 97},
		/* Full again within the age of a bound, which is then no time to refuse at. */
		{"\"limit\":100000,\"interval\":\"1s\",\"burst\":1", 10000, 1, 0, 80},
	};
	struct rig *rig = begin(state);

	for (size_t i = 0; i < sizeof(paces) / sizeof(paces[0]); i++)
		keep_pace(rig, &paces[i]);
}

/* Half of what the limit allows, and a bucket that is full long before the next tick. */
static void verdict_of_paced_packets_admits_what_an_exact_bucket_does(void **state)
{
	static const struct pace paces[] = {
		{"\"limit\":100000,\"interval\":\"1s\",\"burst\":1", 10000, 1, 20000, 97},
		{"\"limit\":50000,\"interval\":\"1s\",\"burst\":1", 20000, 1, 40000, 97},
	};
	struct rig *rig = begin(state);

	for (size_t i = 0; i < sizeof(paces) / sizeof(paces[0]); i++)
		keep_pace(rig, &paces[i]);
}

/* Eight million sources. */

struct siege {
	const char *members;
	uint64_t token_ns;
	/* Each good source sends a packet in each round, at last `salvo` at once: more than half a
	 * burst, which is what it would find had the flood taken its bucket. All fit its limit. */
	uint64_t pause_ns;
	int rounds, salvo;
};

/* What the sources in 10.0.0.0/16 got. */
struct tally {
	uint64_t good_sent, good_passed, heavy_passed;
};

static bool send_from(struct rig *rig, uint8_t net, uint8_t host)
{
	uint8_t source[4] = {10, 0, net, host};

	memcpy(rig->packet.bytes + 26, source, sizeof(source));
	return flood_once(rig->b->program, &rig->packet);
}

/* A packet, and one more when its debt is paid: who comes back in calm keeps its bucket. */
static void settle_good_sources(struct rig *rig, const struct siege *siege)
{
	for (int i = 0; i < 2; i++) {
		for (uint8_t host = 0; host < GOOD; host++)
			assert_true(send_from(rig, 0, host));
		flood_wait_until(flood_clock_ns() + siege->token_ns);
	}
}

static void send_round(struct rig *rig, struct tally *tally)
{
	for (uint8_t host = 0; host < GOOD; host++)
		tally->good_passed += send_from(rig, 0, host);
	tally->good_sent += GOOD;
	for (int i = 0; i < HEAVY; i++)
		tally->heavy_passed += send_from(rig, 1, 0);
}

static void send_rounds(struct rig *rig, const struct siege *siege, struct tally *ret)
{
	*ret = (struct tally){0};
	for (int round = 0; round < siege->rounds; round++) {
		send_round(rig, ret);
		flood_wait_until(flood_clock_ns() + siege->pause_ns);
	}
	for (int i = 0; i < siege->salvo; i++)
		send_round(rig, ret);
}

static void besiege(struct rig *rig, const struct siege *siege)
{
	struct datapath_capacity capacity;
	struct sluice_reasons reasons;
	uint64_t from_ns, heavy;
	struct tally tally;

	limit_set_add(rig->set, "lim_a", siege->members);
	apply(rig);
	settle_good_sources(rig, siege);
	start_flood(rig, "door_flood");
	flood_wait_until(flood_clock_ns() + 200000000);
	from_ns = flood_clock_ns();
	send_rounds(rig, siege, &tally);
	heavy = BURST + (flood_clock_ns() - from_ns) / siege->token_ns;
	assert_int_equal(datapath_capacity(&rig->b->base, "lim_a", flood_clock_ns(), &capacity), 0);
	end_flood(rig);
	assert_int_equal(rig->b->base.ops->reasons(&rig->b->base, &reasons), 0);
	print_message("# a packet each %llu ms: good %llu of %llu, heavy %llu of %llu; flood: "
		      "%llu admitted, %llu refused, %llu busy, %.2f full\n",
		      (unsigned long long)siege->token_ns / 1000000,
		      (unsigned long long)tally.good_passed, (unsigned long long)tally.good_sent,
		      (unsigned long long)tally.heavy_passed, (unsigned long long)heavy,
		      reasons.admitted, reasons.refused, reasons.busy, capacity.full);
	assert_true(tally.good_passed >= tally.good_sent * 99 / 100);
	assert_true(tally.heavy_passed <= heavy);
}

static void verdict_in_a_flood_of_sources_keeps_those_of_a_fast_limit(void **state)
{
	besiege(begin(state), &(struct siege){.members = "\"per\":\"src\",\"limit\":100,"
							 "\"interval\":\"1s\",\"burst\":20",
					      .token_ns = 10000000,
					      .pause_ns = 12000000,
					      .rounds = 150,
					      .salvo = 14});
}

static void verdict_in_a_flood_of_sources_keeps_those_of_a_slow_limit(void **state)
{
	struct siege siege = {
		.members = "\"per\":\"src\",\"limit\":60,\"interval\":\"1m\",\"burst\":20",
		.token_ns = 1000000000,
		.pause_ns = 300000000,
		.rounds = 4,
		.salvo = 14,
	};
	struct rig *rig = begin(state);

	besiege(rig, &siege);
	if (!getenv("SLUICE_LONG"))
		return;
	limit_set_clear(rig->set);
	apply(rig);
	siege.members = "\"per\":\"src\",\"limit\":10,\"interval\":\"1m\",\"burst\":20";
	siege.token_ns = 6000000000;
	besiege(rig, &siege);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_teardown(name, end)
	const struct CMUnitTest tests[] = {
		TEST(verdict_of_a_flood_admits_what_an_exact_bucket_does),
		TEST(verdict_of_paced_packets_admits_what_an_exact_bucket_does),
		TEST(verdict_in_a_flood_of_sources_keeps_those_of_a_fast_limit),
		TEST(verdict_in_a_flood_of_sources_keeps_those_of_a_slow_limit),
	};

	return cmocka_run_group_tests_name("bpf/verdict_flood", tests, nic_enter, NULL);
}
