/* The suite of all backends, on the one in the kernel, with packets that its program judges. */
/* SPDX-License-Identifier: MIT */
#include <linux/bpf.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include <bpf/bpf.h>
#include <cmocka.h>

#include "bpf/nic.h"
#include "unit/datapath/contract.h"

static void begin(struct contract *c)
{
	assert_int_equal(nic_begin(&c->own), 0);
}

static void end(struct contract *c)
{
	assert_int_equal(nic_end(&c->own), 0);
}

static void open_nic(struct contract *c)
{
	nic_need();
	c->datapath = &nic_open("veth0", NIC_LINES)->base;
}

static bool run_packet(struct contract *c, const void *frame, uint32_t bytes)
{
	const struct datapath_bpf *b = (const struct datapath_bpf *)c->datapath;
	LIBBPF_OPTS(bpf_test_run_opts, options, .data_in = frame, .data_size_in = bytes);

	assert_int_equal(bpf_prog_test_run_opts(b->program, &options), 0);
	return options.retval == XDP_PASS;
}

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

int main(void)
{
	static const struct contract_backend kernel = {
		.name = "bpf/datapath_contract",
		.begin = begin,
		.end = end,
		.open = open_nic,
		.packet = run_packet,
		.now_ns = now_ns,
	};

	return contract_run(&kernel, nic_enter);
}
