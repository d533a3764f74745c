/* The parser inside the kernel gives the same as native code, in place and beyond the first part. */
/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <linux/bpf.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <cmocka.h>

#include "bpf/packets.h"
#include "bpf/parse.h"
#include "bpf/parse_cases.h"

#ifndef SLUICE_BPF_DIR
#define SLUICE_BPF_DIR "build/bpf"
#endif

enum {
	ROUNDS = 100000,
	ETH_LEAST = 14, /* a test run refuses less */
	MAP_BYTES = 4096,
	TIMED_RUNS = 200000,
};

struct fixture {
	struct bpf_object *object;
	const struct sluice_packet *parsed;
	int report;
	int err; /* why the kernel did not take it */
};

static int load_object(void **state)
{
	static struct fixture f;
	void *values;

	*state = &f;
	f.object = bpf_object__open_file(SLUICE_BPF_DIR "/parse.bpf.o", NULL);
	if (!f.object) {
		print_error("cannot open %s: %s\n", SLUICE_BPF_DIR "/parse.bpf.o", strerror(errno));
		return -1;
	}
	f.err = bpf_object__load(f.object);
	if (f.err)
		return 0;
	values = mmap(NULL, MAP_BYTES, PROT_READ, MAP_SHARED,
		      bpf_object__find_map_fd_by_name(f.object, "parsed"), 0);
	if (values == MAP_FAILED)
		return -1;
	f.parsed = values;
	f.report = bpf_program__fd(bpf_object__find_program_by_name(f.object, "parse_report"));
	return 0;
}

static int unload_object(void **state)
{
	struct fixture *f = *state;

	if (f->parsed)
		munmap((void *)f->parsed, MAP_BYTES);
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

/* Runs with only the first `linear` bytes in the linear part; 0: as the kernel likes. */
static int run_packet(const struct fixture *f, const struct packet *packet, uint32_t linear)
{
	struct xdp_md context = {.data_end = linear};
	LIBBPF_OPTS(bpf_test_run_opts, options, .data_in = packet->bytes,
		    .data_size_in = packet->n);

	if (linear) {
		options.ctx_in = &context;
		options.ctx_size_in = sizeof(context);
	}
	if (bpf_prog_test_run_opts(f->report, &options))
		return -errno;
	return options.retval == XDP_PASS ? 0 : -EIO;
}

static void expect_native(const struct fixture *f, const struct packet *packet, const char *name,
			  uint64_t number)
{
	struct sluice_packet native;

	parse_packet(packet->bytes, packet->n, &native);
	if (memcmp(&native, f->parsed, sizeof(native)))
		print_error("%s %llu: flags %#x in the kernel, %#x natively\n", name,
			    (unsigned long long)number, f->parsed->flags, native.flags);
	assert_memory_equal(f->parsed, &native, sizeof(native));
}

static void parse_in_kernel_of_each_packet_in_table_is_as_written(void **state)
{
	struct fixture *f = *state;
	struct packet packet;

	need_kernel(f);
	for (size_t i = 0; i < parse_cases_n; i++) {
		parse_cases[i].build(&packet);
		assert_int_equal(run_packet(f, &packet, 0), 0);
		expect_native(f, &packet, parse_cases[i].name, i);
		if (!parse_case_matches(&parse_cases[i], &packet, f->parsed))
			fail_msg("%s", parse_cases[i].name);
	}
}

static void parse_in_kernel_equals_native_on_random_packets(void **state)
{
	struct fixture *f = *state;
	struct packet packet;
	struct algo_random r;

	need_kernel(f);
	algo_random_start(&r, __func__);
	for (uint64_t i = 0; i < ROUNDS; i++) {
		packet_random(&r, ETH_LEAST, &packet);
		assert_int_equal(run_packet(f, &packet, 0), 0);
		expect_native(f, &packet, "packet", i);
	}
}

/* A frame whose headers lie in several buffers parses as one that lies in one. */
static void parse_in_kernel_reads_headers_beyond_the_linear_part(void **state)
{
	struct fixture *f = *state;
	struct packet packet;
	struct algo_random r;

	need_kernel(f);
	algo_random_start(&r, __func__);
	for (uint64_t i = 0; i < ROUNDS / 10; i++) {
		uint32_t linear;
		int err;

		packet_random(&r, ETH_LEAST + 1, &packet);
		linear = (uint32_t)algo_random_between(&r, ETH_LEAST, packet.n - 1);
		err = run_packet(f, &packet, linear);
		/* Only the first may say that this kernel does not let a test choose. */
		if (err == -EINVAL && i == 0) {
			print_message("# SKIP test runs of this kernel take no linear size\n");
			skip();
		}
		assert_int_equal(err, 0);
		expect_native(f, &packet, "split packet", i);
	}
}

static uint32_t time_program(const struct fixture *f, const char *program,
			     const struct packet *packet)
{
	int fd = bpf_program__fd(bpf_object__find_program_by_name(f->object, program));
	uint32_t least = UINT32_MAX;

	for (int i = 0; i < 3; i++) {
		LIBBPF_OPTS(bpf_test_run_opts, options, .data_in = packet->bytes,
			    .data_size_in = packet->n, .repeat = TIMED_RUNS);

		assert_int_equal(bpf_prog_test_run_opts(fd, &options), 0);
		if (options.duration < least)
			least = options.duration;
	}
	return least;
}

/* Prints; the bench judges. */
static void parse_in_kernel_time_is_printed(void **state)
{
	static const char *const names[] = {"tcp4", "vlan2", "tcp6", "ext2", "ext6"};
	struct fixture *f = *state;
	struct packet packet;

	need_kernel(f);
	for (size_t i = 0; i < parse_cases_n; i++) {
		for (size_t j = 0; j < sizeof(names) / sizeof(names[0]); j++) {
			if (strcmp(parse_cases[i].name, names[j]) != 0)
				continue;
			parse_cases[i].build(&packet);
			print_message("# %s: %u ns, empty program %u ns\n", names[j],
				      time_program(f, "parse_only", &packet),
				      time_program(f, "parse_nothing", &packet));
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(parse_in_kernel_of_each_packet_in_table_is_as_written),
		cmocka_unit_test(parse_in_kernel_equals_native_on_random_packets),
		cmocka_unit_test(parse_in_kernel_reads_headers_beyond_the_linear_part),
		cmocka_unit_test(parse_in_kernel_time_is_printed),
	};

	return cmocka_run_group_tests_name("bpf/parse_bpf", tests, load_object, unload_object);
}
