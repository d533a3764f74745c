/* What every backend of the packet path must do: one suite, run on each of them. */
/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "bpf/packets.h"
#include "unit/datapath/contract_cases.h"

static const struct contract_backend *backend;

static int setup(void **state)
{
	struct contract *c = calloc(1, sizeof(*c));

	assert_non_null(c);
	c->set = limit_set_new();
	*state = c;
	backend->begin(c);
	return 0;
}

static int teardown(void **state)
{
	struct contract *c = *state;

	datapath_close(c->datapath, true);
	backend->end(c);
	limit_set_free(c->set);
	free(c);
	return 0;
}

struct contract *contract_open(void **state)
{
	struct contract *c = *state;

	backend->open(c);
	assert_null(datapath_off(c->datapath));
	return c;
}

void contract_open_again(struct contract *c, bool detach)
{
	datapath_close(c->datapath, detach);
	c->datapath = NULL;
	backend->open(c);
}

void contract_apply(struct contract *c)
{
	struct field_error error = {0};

	if (datapath_apply(c->datapath, c->set->limit, c->set->n, &error) != 0)
		fail_msg("%s: %s", error.field, error.message);
}

uint64_t contract_now_ns(void)
{
	return backend->now_ns();
}

bool contract_packet(struct contract *c, const void *frame, uint32_t bytes)
{
	return backend->packet(c, frame, bytes);
}

static bool send_udp(struct contract *c, uint8_t source)
{
	static const uint8_t addresses[] = {198, 51, 100, 0, 192, 0, 2, 1};
	struct packet p;

	packet_eth(&p, 0x0800);
	packet_ip4(&p, (struct packet_ip4){.proto = 17});
	memcpy(p.bytes + 26, addresses, sizeof(addresses));
	p.bytes[29] = source;
	packet_udp(&p, 1000, 53);
	packet_fill(&p, 0, 18);
	packet_finish(&p);
	return backend->packet(c, p.bytes, p.n);
}

unsigned int contract_passed(struct contract *c, unsigned int n, uint8_t source)
{
	unsigned int count = 0;

	while (n--)
		count += send_udp(c, source);
	return count;
}

struct sluice_counts contract_counts(struct contract *c, const char *id)
{
	struct sluice_counts counts;

	assert_int_equal(datapath_counts(c->datapath, id, &counts), 0);
	return counts;
}

struct sluice_reasons contract_reasons(struct contract *c)
{
	struct sluice_reasons reasons;

	assert_int_equal(datapath_reasons(c->datapath, &reasons), 0);
	return reasons;
}

int contract_run(const struct contract_backend *on, int (*enter)(void **state))
{
#define CONTRACT_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown),
	const struct CMUnitTest tests[] = {CONTRACT_CASES(CONTRACT_TEST)};
#undef CONTRACT_TEST

	backend = on;
	return cmocka_run_group_tests_name(on->name, tests, enter, NULL);
}
