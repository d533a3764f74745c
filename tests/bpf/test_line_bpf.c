/* Bucket lines inside the kernel: the words of native code, and two CPUs within one limit. */
/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <cmocka.h>

#include "bpf/line.h"

/* Another test beside it would take a CPU away from the flood for longer than the burst covers. */
/* run-alone */

/* Long enough that starting and ending the threads is little beside the flood. */
enum { REPEAT = 1000000, BURST = 10000, HOT_BURST = 50000, FLOOD_RUNS = 40, DUEL_PASSES = 8 };

struct fixture {
	struct bpf_object *object;
	struct sluice_line *lines;
	struct race_round *rounds;
	struct line_shared *shared;
	int err; /* why the kernel did not take it */
};

/* One program, run over and over on one CPU. */
struct flood {
	const struct fixture *f;
	const char *program;
	int runs;
	__u32 repeat; /* of one run */
	int cpu;
	int err;
};

static void *map_values(struct bpf_object *object, const char *name, size_t bytes)
{
	int fd = bpf_object__find_map_fd_by_name(object, name);
	void *values = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	return values == MAP_FAILED ? NULL : values;
}

static int load_object(void **state)
{
	static struct fixture f;

	*state = &f;
	f.object = bpf_object__open_file(SLUICE_BPF_DIR "/line.bpf.o", NULL);
	if (!f.object)
		return -1;
	f.err = bpf_object__load(f.object);
	if (f.err)
		return 0;
	f.lines = map_values(f.object, "lines", LINE_COUNT * sizeof(*f.lines));
	f.rounds = map_values(f.object, "rounds", LINE_COUNT * sizeof(*f.rounds));
	f.shared = map_values(f.object, ".bss", sizeof(*f.shared));
	return f.lines && f.rounds && f.shared ? 0 : -1;
}

static int unload_object(void **state)
{
	struct fixture *f = *state;

	if (f->lines)
		munmap(f->lines, LINE_COUNT * sizeof(*f->lines));
	if (f->rounds)
		munmap(f->rounds, LINE_COUNT * sizeof(*f->rounds));
	if (f->shared)
		munmap(f->shared, sizeof(*f->shared));
	bpf_object__close(f->object);
	return 0;
}

/* Only a missing right is a reason to skip; a program the verifier refuses is a failure. */
static void begin_test(const struct fixture *f)
{
	if (f->err == -EPERM) {
		print_message("# skip: no right to load BPF programs (CAP_BPF, CAP_NET_ADMIN)\n");
		skip();
	}
	assert_int_equal(f->err, 0);
	memset(f->lines, 0, LINE_COUNT * sizeof(*f->lines));
	*f->shared = (struct line_shared){
		.params = {.limit = 1000000000 / TOKEN_NS,
			   .burst = BURST,
			   .interval_ns = 1000000000,
			   .mult = (__u64)TOKEN_NS << SLUICE_TICK_SHIFT,
			   .tolerance = ((__u64)BURST * TOKEN_NS) << SLUICE_TICK_SHIFT,
			   .cost_max = BURST},
		.random = 1,
		.now_ns = 1000000000,
	};
}

static int run_program(const struct fixture *f, const char *name, __u32 repeat, __u32 *ret_ns)
{
	struct bpf_program *program = bpf_object__find_program_by_name(f->object, name);
	char packet[64] = {0};
	LIBBPF_OPTS(bpf_test_run_opts, options, .data_in = packet, .data_size_in = sizeof(packet),
		    .repeat = repeat);
	int err = bpf_prog_test_run_opts(bpf_program__fd(program), &options);

	*ret_ns = options.duration;
	return err;
}

static void line_in_kernel_equals_native_on_random_keys(void **state)
{
	struct fixture *f = *state;
	struct line_shared shared;
	struct sluice_line line = {0};
	__u32 ns;

	begin_test(f);
	shared = *f->shared;
	assert_int_equal(run_program(f, "line_random", REPEAT, &ns), 0);
	for (int i = 0; i < REPEAT; i++) {
		struct sluice_slip slip;
		struct sluice_ask ask;

		line_draw(&shared, &ask);
		if (sluice_line_charge(&line, &ask, &shared.params, &slip) == SLUICE_LINE_ADMITTED)
			shared.admitted++;
	}
	assert_memory_equal(&line, f->lines, sizeof(line));
	assert_memory_equal(&shared, f->shared, sizeof(shared));
}

static void *run_flood(void *arg)
{
	struct flood *flood = arg;
	cpu_set_t cpus;
	__u32 ns;

	CPU_ZERO(&cpus);
	CPU_SET(flood->cpu, &cpus);
	pthread_setaffinity_np(pthread_self(), sizeof(cpus), &cpus);
	for (int i = 0; i < flood->runs && !flood->err; i++)
		flood->err = run_program(flood->f, flood->program, flood->repeat, &ns);
	return NULL;
}

static void run_on_two_cpus(const struct fixture *f, const char *program, int runs, __u32 repeat)
{
	struct flood floods[2];
	pthread_t threads[2];

	for (int i = 0; i < 2; i++) {
		floods[i] = (struct flood){
			.f = f, .program = program, .runs = runs, .repeat = repeat, .cpu = i};
		assert_int_equal(pthread_create(&threads[i], NULL, run_flood, &floods[i]), 0);
	}
	for (int i = 0; i < 2; i++)
		pthread_join(threads[i], NULL);
	assert_int_equal(floods[0].err | floods[1].err, 0);
}

static __u64 read_clock_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (__u64)now.tv_sec * 1000000000 + (__u64)now.tv_nsec;
}

static void line_two_cpus_on_one_key_admits_what_the_limit_allows(void **state)
{
	struct fixture *f = *state;
	__u64 began, allowed;

	begin_test(f);
	f->shared->params.burst = HOT_BURST;
	f->shared->params.tolerance = HOT_BURST * f->shared->params.mult;
	began = read_clock_ns();
	run_on_two_cpus(f, "line_hot", FLOOD_RUNS, REPEAT);
	allowed = HOT_BURST + (read_clock_ns() - began) / TOKEN_NS;
	print_message("# admitted %llu of %llu\n", f->shared->admitted, allowed);
	assert_in_range(f->shared->admitted, allowed * 97 / 100, allowed);
}

/* Nothing refills while time stands still, so a key is admitted its burst and no more, ever. */
static void line_claim_race_of_two_cpus_admits_no_key_over_its_burst(void **state)
{
	const __u64 charges = (__u64)LINE_COUNT * RACE_CHARGES;
	const __u64 allowed = (__u64)LINE_COUNT * RACE_KEYS * RACE_BURST;
	struct fixture *f = *state;
	__u64 admitted = 0, over = 0;

	begin_test(f);
	memset(f->rounds, 0, LINE_COUNT * sizeof(*f->rounds));
	f->shared->params.burst = RACE_BURST;
	f->shared->params.tolerance = RACE_BURST * f->shared->params.mult;
	run_on_two_cpus(f, "line_race", (int)(charges / REPEAT / 2) + 2, REPEAT);
	assert_true(f->shared->charges >= charges);
	for (int round = 0; round < LINE_COUNT; round++) {
		for (int key = 0; key < RACE_KEYS; key++) {
			admitted += f->rounds[round].admitted[key];
			over += f->rounds[round].admitted[key] > RACE_BURST;
		}
	}
	print_message("# admitted %llu of %llu, keys over their burst: %llu\n", admitted, allowed,
		      over);
	assert_true(over == 0);
	assert_true(admitted >= allowed * 97 / 100);
}

static void fill_duels(const struct fixture *f, __u64 debt)
{
	struct sluice_line full = {0};

	for (__u32 i = 0; i < SLUICE_LINE_SLOTS; i++) {
		full.tag[i] = DUEL_HITTER + i;
		full.word[i] = (f->shared->now_ns + debt * TOKEN_NS) << SLUICE_TICK_SHIFT;
	}
	for (int i = 0; i < LINE_COUNT; i++)
		f->lines[i] = full;
	memset(f->rounds, 0, LINE_COUNT * sizeof(*f->rounds));
	memset(f->shared->duellist, 0, sizeof(f->shared->duellist));
}

/*
 * Time stands still, and what a slot owed is inherited whole, so a key that loses its slot with a
 * hit in flight still gets no more than its burst.
 */
static void line_key_hit_while_its_slot_is_claimed_stays_within_its_burst(void **state)
{
	struct fixture *f = *state;
	__u64 admitted = 0, over = 0, claimed = 0;

	begin_test(f);
	f->shared->params.burst = DUEL_BURST;
	f->shared->params.tolerance = DUEL_BURST * f->shared->params.mult;
	for (int pass = 0; pass < DUEL_PASSES; pass++) {
		fill_duels(f, DUEL_DEBT);
		run_on_two_cpus(f, "line_duel", 1, LINE_COUNT);
		for (int i = 0; i < LINE_COUNT; i++) {
			admitted += f->rounds[i].admitted[0];
			over += f->rounds[i].admitted[0] > DUEL_BURST - DUEL_DEBT;
			claimed += f->lines[i].tag[0] == DUEL_CLAIMER;
		}
	}
	print_message("# admitted %llu, first slot claimed %llu, over %llu\n", admitted, claimed,
		      over);
	assert_true(over == 0);
}

static int count_tag(const struct sluice_line *line, __u32 tag)
{
	int n = 0;

	for (__u32 i = 0; i < SLUICE_LINE_SLOTS; i++)
		n += line->tag[i] == tag;
	return n;
}

static void line_key_settled_while_another_is_claimed_leaves_the_lock(void **state)
{
	struct fixture *f = *state;
	__u64 settled = 0, twice = 0, locked = 0;

	begin_test(f);
	for (int pass = 0; pass < DUEL_PASSES; pass++) {
		fill_duels(f, 0);
		run_on_two_cpus(f, "line_settle", 1, LINE_COUNT);
		for (int i = 0; i < LINE_COUNT; i++) {
			settled += f->lines[i].spare == SLUICE_LINE_SETTLED;
			twice += count_tag(&f->lines[i], DUEL_CLAIMER) != 1;
			locked += f->lines[i].spare & SLUICE_LINE_LOCKED;
		}
	}
	print_message("# settled %llu, claimed twice %llu, locked %llu\n", settled, twice, locked);
	assert_true(twice == 0 && locked == 0);
	assert_true(settled > LINE_COUNT);
}

static void line_hot_key_far_below_its_limit_is_always_admitted(void **state)
{
	struct fixture *f = *state;
	__u32 empty, refused, admitted;

	begin_test(f);
	assert_int_equal(run_program(f, "line_empty", REPEAT, &empty), 0);
	assert_int_equal(run_program(f, "line_hot", REPEAT, &refused), 0);
	f->shared->params.mult = 1;
	f->shared->admitted = 0;
	assert_int_equal(run_program(f, "line_hot", REPEAT, &admitted), 0);
	assert_true(f->shared->admitted == REPEAT);
	print_message("# ns a run: empty %u, refused %u, admitted %u\n", empty, refused, admitted);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(line_in_kernel_equals_native_on_random_keys),
		cmocka_unit_test(line_two_cpus_on_one_key_admits_what_the_limit_allows),
		cmocka_unit_test(line_claim_race_of_two_cpus_admits_no_key_over_its_burst),
		cmocka_unit_test(line_key_hit_while_its_slot_is_claimed_stays_within_its_burst),
		cmocka_unit_test(line_key_settled_while_another_is_claimed_leaves_the_lock),
		cmocka_unit_test(line_hot_key_far_below_its_limit_is_always_admitted),
	};

	return cmocka_run_group_tests_name("line_bpf", tests, load_object, unload_object);
}
