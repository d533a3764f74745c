/* Attaches a program of an object to an interface, native, for as long as its input stays open. */
/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <inttypes.h>
#include <linux/if_link.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "bench/pinned.h"

/*
 * bench_attach OBJECT PROGRAM INTERFACE [PINS]
 *
 * Says "attached" and waits for the end of its input; whatever ends it, the link goes with it. Maps
 * that are pinned in PINS by their name are used instead of new ones. On each line of input it says
 * what the map `verdicts` (lru.bpf.c) has counted.
 */
enum { VERDICTS = 2, CPUS_MAX = 1024 };

static int load_object(struct bpf_object *object, const char *program, const char *pins)
{
	struct bpf_program *p;
	struct bpf_map *map;
	int err;

	bpf_object__for_each_program(p, object)
		bpf_program__set_autoload(p, strcmp(bpf_program__name(p), program) == 0);
	bpf_object__for_each_map(map, object)
	{
		err = pins ? pinned_use(map, pins) : 0;
		if (err)
			return err;
	}
	return bpf_object__load(object);
}

static int attach(const struct bpf_object *object, const char *program, const char *interface)
{
	struct bpf_program *p = bpf_object__find_program_by_name(object, program);
	LIBBPF_OPTS(bpf_link_create_opts, opts, .flags = XDP_FLAGS_DRV_MODE);
	int fd;

	if (!p)
		return -ENOENT;
	fd = bpf_link_create(bpf_program__fd(p), (int)if_nametoindex(interface), BPF_XDP, &opts);
	return fd < 0 ? -errno : fd;
}

static void say_verdicts(const struct bpf_object *object)
{
	static uint64_t values[CPUS_MAX][VERDICTS];
	int fd = bpf_object__find_map_fd_by_name(object, "verdicts");
	int cpus = libbpf_num_possible_cpus();
	uint64_t sums[VERDICTS] = {0};
	uint32_t zero = 0;

	if (fd >= 0 && cpus <= CPUS_MAX && bpf_map_lookup_elem(fd, &zero, values) == 0) {
		for (int i = 0; i < cpus * VERDICTS; i++)
			sums[i % VERDICTS] += values[i / VERDICTS][i % VERDICTS];
	}
	printf("%" PRIu64 " %" PRIu64 "\n", sums[0], sums[1]);
	fflush(stdout);
}

int main(int argc, char **argv)
{
	struct bpf_object *object;
	char c;
	int err;

	if (argc < 4)
		return 2;
	object = bpf_object__open_file(argv[1], NULL);
	err = object ? load_object(object, argv[2], argv[4]) : -errno;
	if (!err)
		err = attach(object, argv[2], argv[3]);
	if (err < 0) {
		fprintf(stderr, "bench_attach: %s on %s: %s\n", argv[2], argv[3], strerror(-err));
		bpf_object__close(object);
		return 1;
	}
	puts("attached");
	fflush(stdout);
	while (read(STDIN_FILENO, &c, 1) > 0) {
		if (c == '\n')
			say_verdicts(object);
	}
	bpf_object__close(object);
	return 0;
}
