/* Times Sluice's verdict on one packet with BPF_PROG_TEST_RUN, over an empty program. */
/* SPDX-License-Identifier: MIT */
#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include <sluice/counts.h>
#include <sluice/tables.h>

#include "bench/draw.h"
#include "bench/pinned.h"

/*
 * bench_packets OBJECT PINS CPU REFUSED_PORT ADMITTED_PORT
 *
 * OBJECT is judge.bpf.o; PINS has the maps of a service with two limits by source of UDP to these
 * ports, of which the first refuses a hot source and the second does not. Prints one JSON object a
 * line, like bench_engine: medians of RUNS differences to the program beside it in the same turn.
 */
enum {
	RUNS = 9,
	REPEAT = 1000000,
};

struct frame {
	uint8_t bytes[DRAW_BYTES];
};

struct bench {
	struct bpf_object *object;
	struct frame refused;
	struct frame admitted;
};

/* A program beside the one that does the same but for the verdict. */
struct row {
	const char *name;
	const char *program;
	const char *over;
	const struct frame *frame;
	double admitted_min; /* of what the limit must have judged, the share that it let through */
	double admitted_max;
};

static void die(const char *what, int err)
{
	fprintf(stderr, "bench_packets: %s: %s\n", what, strerror(-err));
	exit(1);
}

static struct frame make_frame(uint16_t port)
{
	struct frame f = {{0}};
	uint8_t *ip = f.bytes + 14, *udp = ip + 20;
	const uint16_t length = DRAW_BYTES - 14;

	f.bytes[12] = 0x08;
	ip[0] = 0x45;
	ip[3] = (uint8_t)length;
	ip[8] = 64;
	ip[9] = IPPROTO_UDP;
	ip[12] = 10;
	udp[2] = (uint8_t)(port >> 8);
	udp[3] = (uint8_t)port;
	udp[5] = (uint8_t)(length - 20);
	return f;
}

static int open_object(struct bench *bench, const char *file, const char *pins)
{
	struct bpf_map *map;
	int err;

	bench->object = bpf_object__open_file(file, NULL);
	if (!bench->object)
		return -errno;
	bpf_object__for_each_map(map, bench->object)
	{
		err = pinned_use(map, pins);
		if (err)
			return err;
	}
	return bpf_object__load(bench->object);
}

/* Verdicts so far, of all limits and CPUs. */
static struct sluice_counts read_counts(const struct bench *bench)
{
	int fd = bpf_object__find_map_fd_by_name(bench->object, "counts");
	int cpus = libbpf_num_possible_cpus();
	struct sluice_counts *values = calloc((size_t)(cpus > 0 ? cpus : 1), sizeof(*values));
	struct sluice_counts sum = {0};

	if (!values || cpus <= 0)
		die("counts", -ENOMEM);
	for (uint32_t slot = 0; slot < SLUICE_RULES_MAX; slot++) {
		if (bpf_map_lookup_elem(fd, &slot, values))
			die("counts", -errno);
		for (int i = 0; i < cpus; i++) {
			sum.allowed_packets += values[i].allowed_packets;
			sum.denied_packets += values[i].denied_packets;
		}
	}
	free(values);
	return sum;
}

static double time_program(const struct bench *bench, const char *name, const struct frame *frame)
{
	struct bpf_program *program = bpf_object__find_program_by_name(bench->object, name);
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = frame->bytes, .data_size_in = DRAW_BYTES,
		    .repeat = REPEAT);
	int err = program ? bpf_prog_test_run_opts(bpf_program__fd(program), &opts) : -ENOENT;

	if (err)
		die(name, err);
	return opts.duration;
}

static int compare_doubles(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* A figure is worth nothing if the limit did something else than its name says. */
static void check_counts(const struct row *row, const struct sluice_counts *before,
			 const struct sluice_counts *after)
{
	double allowed = (double)(after->allowed_packets - before->allowed_packets);
	double judged = allowed + (double)(after->denied_packets - before->denied_packets);

	if (judged == (double)REPEAT * (RUNS + 1) && allowed >= row->admitted_min * judged &&
	    allowed <= row->admitted_max * judged)
		return;
	fprintf(stderr, "bench_packets: %s: of %d packets %.0f were judged and %.0f admitted\n",
		row->name, REPEAT * (RUNS + 1), judged, allowed);
	exit(1);
}

static void measure(const struct bench *bench, const struct row *row)
{
	struct sluice_counts before = read_counts(bench), after;
	double runs[RUNS];

	time_program(bench, row->program, row->frame);
	for (int i = 0; i < RUNS; i++) {
		runs[i] = time_program(bench, row->program, row->frame);
		runs[i] -= time_program(bench, row->over, row->frame);
	}
	after = read_counts(bench);
	check_counts(row, &before, &after);
	qsort(runs, RUNS, sizeof(runs[0]), compare_doubles);
	printf("{\"name\":\"%s\",\"value\":%.1f,\"min\":%.1f,\"max\":%.1f,\"unit\":\"ns\"}\n",
	       row->name, runs[RUNS / 2], runs[0], runs[RUNS - 1]);
	fflush(stdout);
}

int main(int argc, char **argv)
{
	struct bench bench = {0};
	const struct row rows[] = {
		{"packet_refused", "bench_judge", "bench_empty", &bench.refused, 0, 0.01},
		{"packet_admitted", "bench_judge", "bench_empty", &bench.admitted, 1, 1},
		{"packet_new_source", "bench_judge_new", "bench_draw", &bench.refused, 0.8, 1},
	};
	cpu_set_t cpu;
	int err;

	if (argc != 6)
		return 2;
	CPU_ZERO(&cpu);
	CPU_SET((size_t)atoi(argv[3]), &cpu);
	if (sched_setaffinity(0, sizeof(cpu), &cpu))
		die("CPU", -errno);
	err = open_object(&bench, argv[1], argv[2]);
	if (err)
		die(argv[1], err);
	bench.refused = make_frame((uint16_t)atoi(argv[4]));
	bench.admitted = make_frame((uint16_t)atoi(argv[5]));
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		measure(&bench, &rows[i]);
	bpf_object__close(bench.object);
	return 0;
}
