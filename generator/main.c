/* The program `generator`: sends until its time is over and says in JSON how much that was. */
/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "generator/generator.h"
#include "generator/options.h"

static const uint64_t second_ns = 1000000000;

static volatile sig_atomic_t stopping;

static void stop_sending(int signal)
{
	(void)signal;
	stopping = 1;
}

static uint64_t read_clock_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * second_ns + (uint64_t)t.tv_nsec;
}

static int enter_namespace(const char *name)
{
	char path[PATH_MAX];
	int fd, err;

	snprintf(path, sizeof(path), "/run/netns/%s", name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	err = setns(fd, CLONE_NEWNET) ? -errno : 0;
	close(fd);
	return err;
}

static int pin_to(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET((size_t)cpu, &set);
	return sched_setaffinity(0, sizeof(set), &set) ? -errno : 0;
}

/* Waiting wakes late by some 50 us, and each step has its price: no shorter than 1 ms. */
static void wait_for(uint64_t ns)
{
	const uint64_t least_ns = 1000000;
	struct timespec t;

	if (ns == 0)
		return;
	if (ns < least_ns)
		ns = least_ns;
	if (ns > second_ns / 10)
		ns = second_ns / 10;
	t = (struct timespec){.tv_nsec = (long)ns};
	nanosleep(&t, NULL);
}

/* What a report counts from. */
struct mark {
	uint64_t clock_ns;
	struct generator_count count;
};

static int take_mark(const struct generator *generator, struct mark *ret)
{
	ret->clock_ns = read_clock_ns();
	return generator_count(generator, &ret->count);
}

static int report(const struct generator *generator, const struct mark *since, struct mark *ret_now)
{
	int err = take_mark(generator, ret_now);
	double seconds = (double)(ret_now->clock_ns - since->clock_ns) / 1e9;
	uint64_t sent = ret_now->count.sent - since->count.sent;

	if (err)
		return err;
	printf("{\"sent\":%llu,\"seconds\":%.6f,\"pps\":%.0f,\"busy_seconds\":%.6f}\n",
	       (unsigned long long)sent, seconds, (double)sent / seconds,
	       (double)(ret_now->count.busy_ns - since->count.busy_ns) / 1e9);
	fflush(stdout);
	return 0;
}

static int send_all(struct generator *generator, const struct options *options)
{
	struct mark began, last, now;
	uint64_t clock_ns, wait_ns;
	int err = take_mark(generator, &began);

	last = began;
	clock_ns = began.clock_ns;
	while (!err && !stopping && clock_ns - began.clock_ns < options->duration_ns) {
		err = generator_step(generator, &wait_ns);
		if (!err)
			wait_for(wait_ns);
		clock_ns = read_clock_ns();
		if (!err && options->every_ns && clock_ns - last.clock_ns >= options->every_ns) {
			err = report(generator, &last, &now);
			last = now;
		}
	}
	return err ? err : report(generator, &began, &now);
}

static int run(const struct options *options)
{
	char error[GENERATOR_ERROR_SIZE] = "";
	struct generator *generator;
	int err;

	err = options->netns ? enter_namespace(options->netns) : 0;
	if (err) {
		fprintf(stderr, "generator: netns %s: %s\n", options->netns, strerror(-err));
		return 1;
	}
	err = options->cpu >= 0 ? pin_to(options->cpu) : 0;
	if (err) {
		fprintf(stderr, "generator: CPU %d: %s\n", options->cpu, strerror(-err));
		return 1;
	}
	err = generator_start(&options->spec, &generator, error);
	if (err) {
		fprintf(stderr, "generator: %s\n", error);
		return 1;
	}
	err = send_all(generator, options);
	generator_stop(generator);
	if (err == -ENOTCONN)
		fprintf(stderr,
			"generator: nothing arrives: is the peer of %s up, with a native "
			"XDP program?\n",
			options->spec.interface);
	else if (err)
		fprintf(stderr, "generator: sending: %s\n", strerror(-err));
	return err ? 1 : 0;
}

int main(int argc, char **argv)
{
	struct sigaction action = {.sa_handler = stop_sending};
	struct options options;
	int err = options_parse(argc, argv, &options);

	if (err)
		return err > 0 ? 0 : 2;
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	return run(&options);
}
