/* The suite of all backends, on the one in memory, with the packet path run natively. */
/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "bpf/path.h"
#include "datapath/memory_priv.h"
#include "unit/datapath/contract.h"

enum { LINES = 4096 };

static uint64_t path_now_ns(void)
{
	return path.now_ns;
}

static void begin(struct contract *c)
{
	struct memory_pins *pins = NULL;

	assert_int_equal(memory_pins_new(LINES, &pins), 0);
	memset(&path, 0, sizeof(path));
	path.now_ns = 1000000000;
	c->own = pins;
}

static void end(struct contract *c)
{
	memory_pins_free(c->own);
}

static void open_memory(struct contract *c)
{
	assert_int_equal(datapath_open_memory_at(c->own, &c->datapath), 0);
	c->datapath->now_ns = path_now_ns;
}

/* The path has counters of its own, which stand for those of the pins while it runs. */
static bool send_packet(struct contract *c, const void *frame, uint32_t bytes)
{
	struct memory_pins *pins = c->own;
	bool passes;

	path.tables = memory_tables(pins);
	path.lines = pins->lines;
	path.n_lines = pins->n_lines;
	path.reasons = pins->reasons;
	memcpy(path.counts, pins->counts, sizeof(path.counts));
	passes = path_packet(frame, bytes);
	pins->reasons = path.reasons;
	memcpy(pins->counts, path.counts, sizeof(path.counts));
	return passes;
}

int main(void)
{
	static const struct contract_backend memory = {
		.name = "datapath/contract_memory",
		.begin = begin,
		.end = end,
		.open = open_memory,
		.packet = send_packet,
		.now_ns = path_now_ns,
	};

	return contract_run(&memory, NULL);
}
