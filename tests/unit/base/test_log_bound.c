/* Lines of one kind: a burst, then a rate, and the count of what was left out. */
/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/log_bound.h"

#define SECOND_NS 1000000000ULL

static uint64_t ask(struct log_bound *bound, uint64_t now_ns, unsigned int times,
		    uint64_t *ret_left_out)
{
	uint64_t admitted = 0, left_out;

	*ret_left_out = 0;
	for (unsigned int i = 0; i < times; i++) {
		if (!log_bound_admits(bound, now_ns, &left_out))
			continue;
		admitted++;
		*ret_left_out += left_out;
	}
	return admitted;
}

static void log_bound_admits_its_burst_and_then_its_rate(void **state)
{
	struct log_bound bound;
	uint64_t now = 1000 * SECOND_NS, left_out;

	log_bound_init(&bound, 10, 100);
	assert_int_equal(ask(&bound, now, 1000, &left_out), 100);
	assert_int_equal(left_out, 0);
	assert_int_equal(ask(&bound, now + SECOND_NS / 20, 5, &left_out), 0);
	assert_int_equal(ask(&bound, now + SECOND_NS, 1000, &left_out), 10);
	assert_int_equal(ask(&bound, now + 60 * SECOND_NS, 1000, &left_out), 100);
}

static void log_bound_tells_once_how_many_were_left_out(void **state)
{
	struct log_bound bound;
	uint64_t now = 1000 * SECOND_NS, left_out;

	log_bound_init(&bound, 1, 1);
	assert_int_equal(ask(&bound, now, 8, &left_out), 1);
	assert_int_equal(ask(&bound, now + SECOND_NS, 1, &left_out), 1);
	assert_int_equal(left_out, 7);
	assert_int_equal(ask(&bound, now + 2 * SECOND_NS, 1, &left_out), 1);
	assert_int_equal(left_out, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(log_bound_admits_its_burst_and_then_its_rate),
		cmocka_unit_test(log_bound_tells_once_how_many_were_left_out),
	};

	return cmocka_run_group_tests_name("log_bound", tests, NULL, NULL);
}
