/* The algorithms inside the kernel give the same words as native code on random steps. */
/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <cmocka.h>

#include "bpf/algorithm.h"
#include "unit/algorithm/scenario.h"

#ifndef SLUICE_BPF_DIR
#define SLUICE_BPF_DIR "build/bpf"
#endif

enum { BATCHES = 100 }; /* of ALGO_BATCH steps */

struct fixture {
	struct bpf_object *object;
	struct algo_record *records;
	struct {
		__u32 all_next;
		__u32 bucket_next;
	} * cursors;
	int err; /* why the kernel did not take it */
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
	f.object = bpf_object__open_file(SLUICE_BPF_DIR "/algorithm.bpf.o", NULL);
	if (!f.object) {
		print_error("cannot open %s: %s\n", SLUICE_BPF_DIR "/algorithm.bpf.o",
			    strerror(errno));
		return -1;
	}
	f.err = bpf_object__load(f.object);
	if (f.err)
		return 0;
	f.records = map_values(f.object, "records", ALGO_BATCH * sizeof(*f.records));
	f.cursors = map_values(f.object, ".bss", sizeof(*f.cursors));
	return f.records && f.cursors ? 0 : -1;
}

static int unload_object(void **state)
{
	struct fixture *f = *state;

	if (f->records)
		munmap(f->records, ALGO_BATCH * sizeof(*f->records));
	if (f->cursors)
		munmap(f->cursors, sizeof(*f->cursors));
	bpf_object__close(f->object);
	return 0;
}

/* Only a missing right is a reason to skip; a program the verifier refuses is a failure. */
static void need_kernel(const struct fixture *f)
{
	if (f->err == -EPERM || f->err == -EACCES) {
		print_message("# SKIP no right to load BPF programs (CAP_BPF, CAP_NET_ADMIN): %s\n",
			      strerror(-f->err));
		skip();
	}
	assert_int_equal(f->err, 0);
}

static void run_program(const struct fixture *f, const char *name)
{
	struct bpf_program *program = bpf_object__find_program_by_name(f->object, name);
	char packet[64] = {0};
	LIBBPF_OPTS(bpf_test_run_opts, options, .data_in = packet, .data_size_in = sizeof(packet),
		    .repeat = ALGO_BATCH);

	assert_non_null(program);
	assert_int_equal(bpf_prog_test_run_opts(bpf_program__fd(program), &options), 0);
	/* 2 is XDP_PASS: the last run, too, found its record. */
	assert_int_equal(options.retval, 2);
}

static void draw_record(struct algo_random *r, struct algo_record *ret)
{
	memset(ret, 0, sizeof(*ret));
	ret->params = algo_params_random(r, algo_random_below(r, 3));
	ret->now_ns = ALGO_DAY + algo_random_magnitude(r, 58);
	ret->word = algo_word_random(r, ret->now_ns, &ret->params);
	if (algo_random_below(r, 50) == 0)
		ret->word = algo_random_next(r);
	ret->cost = algo_cost_random(r, &ret->params);
	ret->charge = (__s64)algo_cost_random(r, &ret->params);
	if (algo_random_below(r, 2))
		ret->charge = (__s64)(0 - (__u64)ret->charge);
	/* Refusals must leave these alone. */
	ret->step_word = ret->bucket_word = algo_random_next(r);
}

static void run_native(struct algo_record *r)
{
	const struct sluice_params *p = &r->params;

	r->admitted = (__u64)sluice_step(r->word, r->now_ns, r->cost, p, &r->step_word);
	r->charge_word = sluice_charge(r->word, r->now_ns, r->charge, p);
	r->idle = (__u64)sluice_idle(r->word, r->now_ns, p);
	sluice_explain(r->word, r->now_ns, r->cost, p, &r->figures);
	if (p->algorithm != SLUICE_TOKEN_BUCKET || r->cost == 0 || r->cost > p->burst)
		return;
	r->bucket_admitted = r->admitted;
	r->bucket_word = r->admitted ? r->step_word : r->bucket_word;
}

static void algorithm_in_kernel_equals_native_on_random_steps(void **state)
{
	struct fixture *f = *state;
	static struct algo_record native[ALGO_BATCH];
	__u64 admitted = 0, batches = algo_rounds(BATCHES);
	struct algo_random r;

	need_kernel(f);
	algo_random_start(&r, __func__);
	for (__u64 batch = 0; batch < batches; batch++) {
		for (int i = 0; i < ALGO_BATCH; i++)
			draw_record(&r, &native[i]);
		memcpy(f->records, native, sizeof(native));
		f->cursors->all_next = f->cursors->bucket_next = 0;
		run_program(f, "algorithm_all");
		run_program(f, "algorithm_bucket");
		for (int i = 0; i < ALGO_BATCH; i++) {
			run_native(&native[i]);
			admitted += native[i].admitted;
			algo_check(!memcmp(&native[i], &f->records[i], sizeof(native[i])),
				   "batch %llu, record %d: word %llx, now %llu, cost %llu, "
				   "admitted %llu and %llu, words %llx and %llx",
				   batch, i, native[i].word, native[i].now_ns, native[i].cost,
				   native[i].admitted, f->records[i].admitted, native[i].step_word,
				   f->records[i].step_word);
		}
	}
	assert_in_range(admitted, batches * ALGO_BATCH / 10, batches * ALGO_BATCH * 9 / 10);
}

static size_t count_divisions(const struct fixture *f, const char *name)
{
	struct bpf_program *program = bpf_object__find_program_by_name(f->object, name);
	const struct bpf_insn *insns = bpf_program__insns(program);
	size_t found = 0;

	for (size_t i = 0; i < bpf_program__insn_cnt(program); i++) {
		__u8 class = BPF_CLASS(insns[i].code), op = BPF_OP(insns[i].code);

		if ((class == BPF_ALU || class == BPF_ALU64) && (op == BPF_DIV || op == BPF_MOD))
			found++;
	}
	return found;
}

static void algorithm_token_bucket_step_contains_no_division(void **state)
{
	struct fixture *f = *state;

	need_kernel(f);
	assert_int_equal(count_divisions(f, "algorithm_bucket"), 0);
	/* The windows divide: the search can find what it looks for. */
	assert_true(count_divisions(f, "algorithm_all") > 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(algorithm_in_kernel_equals_native_on_random_steps),
		cmocka_unit_test(algorithm_token_bucket_step_contains_no_division),
	};

	return cmocka_run_group_tests_name("bpf/algorithm", tests, load_object, unload_object);
}
