/* Runs a program over and over on one CPU, in a thread of its own. */
/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <limits.h>
#include <linux/bpf.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <time.h>

#include <bpf/bpf.h>
#include <cmocka.h>

#include "bpf/flood.h"

int flood_stay_on(int cpu)
{
	cpu_set_t cpus;

	CPU_ZERO(&cpus);
	CPU_SET(cpu, &cpus);
	return pthread_setaffinity_np(pthread_self(), sizeof(cpus), &cpus);
}

/* One run until a signal: to begin one of many packets costs the kernel 20 ms. */
static void *run_flood(void *arg)
{
	struct flood *flood = arg;

	flood->err = -flood_stay_on(flood->cpu);
	while (!__atomic_load_n(&flood->stop, __ATOMIC_ACQUIRE) && !flood->err) {
		LIBBPF_OPTS(bpf_test_run_opts, options, .data_in = flood->packet->bytes,
			    .data_size_in = flood->packet->n, .repeat = flood->slow ? 1 : INT_MAX);
		int err = bpf_prog_test_run_opts(flood->program, &options);

		if (err != -EINTR)
			flood->err = err;
	}
	return NULL;
}

static void interrupt(int signal)
{
	(void)signal;
}

void flood_start(struct flood *flood)
{
	struct sigaction action = {.sa_handler = interrupt};

	flood->err = 0;
	flood->stop = false;
	assert_int_equal(sigaction(SIGUSR1, &action, NULL), 0);
	assert_int_equal(pthread_create(&flood->thread, NULL, run_flood, flood), 0);
}

/* A signal may come just before the run that it is to end. */
void flood_end(struct flood *flood)
{
	struct timespec at;

	__atomic_store_n(&flood->stop, true, __ATOMIC_RELEASE);
	do {
		pthread_kill(flood->thread, SIGUSR1);
		clock_gettime(CLOCK_REALTIME, &at);
		at.tv_sec += at.tv_nsec >= 999000000;
		at.tv_nsec = (at.tv_nsec + 1000000) % 1000000000;
	} while (pthread_timedjoin_np(flood->thread, NULL, &at) == ETIMEDOUT);
	assert_int_equal(flood->err, 0);
}

bool flood_once(int program, const struct packet *packet)
{
	LIBBPF_OPTS(bpf_test_run_opts, options, .data_in = packet->bytes,
		    .data_size_in = packet->n);

	assert_int_equal(bpf_prog_test_run_opts(program, &options), 0);
	assert_true(options.retval == XDP_PASS || options.retval == XDP_DROP);
	return options.retval == XDP_PASS;
}

uint64_t flood_clock_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

void flood_wait_until(uint64_t ns)
{
	struct timespec until = {.tv_sec = (time_t)(ns / 1000000000),
				 .tv_nsec = (long)(ns % 1000000000)};

	while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL) == EINTR)
		;
}
