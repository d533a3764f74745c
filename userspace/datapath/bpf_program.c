/* The program in force and its pin: what keeps it for a start that may not load one. */
/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "datapath/bpf_priv.h"

#define PROGRAM "sluice_xdp"
#define PIN     "program"
#define PIN_NEW "program_new" /* until it takes the other's place */

static struct bpf_program *find_program(const struct datapath_bpf *b)
{
	return bpf_object__find_program_by_name(b->object, PROGRAM);
}

static void write_path(const struct datapath_bpf *b, const char *name, char path[BPF_PATH_SIZE])
{
	snprintf(path, BPF_PATH_SIZE, "%s/%s", b->pins, name);
}

static uint32_t map_id(int fd)
{
	struct bpf_map_info info = {0};
	__u32 len = sizeof(info);

	return bpf_obj_get_info_by_fd(fd, &info, &len) ? 0 : info.id;
}

/* Another's, or one of maps that have been replaced, would judge by limits that nobody sets. */
static bool judges_by(int program, int tables)
{
	__u32 ids[16], wanted = map_id(tables);
	struct bpf_prog_info info = {.nr_map_ids = sizeof(ids) / sizeof(ids[0]),
				     .map_ids = (__u64)(uintptr_t)ids};
	__u32 len = sizeof(info);

	if (bpf_obj_get_info_by_fd(program, &info, &len) || info.type != BPF_PROG_TYPE_XDP)
		return false;
	for (size_t i = 0; i < info.nr_map_ids && i < sizeof(ids) / sizeof(ids[0]); i++) {
		if (wanted && ids[i] == wanted)
			return true;
	}
	return false;
}

int bpf_program_keep(struct datapath_bpf *b)
{
	char path[BPF_PATH_SIZE];
	_cleanup_fd_ int fd = -1;

	write_path(b, PIN, path);
	fd = bpf_pin_open(path, "prog");
	if (fd == -ENOENT)
		return bpf_program_off(b);
	if (fd < 0 && fd != -EMEDIUMTYPE)
		return bpf_off(b, "cannot open %.100s: %s", path, strerror(-fd));
	if (fd < 0 ||
	    !judges_by(fd, bpf_map__fd(bpf_object__find_map_by_name(b->object, "tables"))))
		return bpf_off(b,
			       "%.80s is not the program of these maps: start once with "
			       "CAP_PERFMON",
			       path);
	bpf_program__set_autoload(find_program(b), false);
	b->program = take_fd(&fd);
	log_info("%s is kept, since this process lacks CAP_PERFMON to load another", path);
	return 0;
}

int bpf_program_off(struct datapath_bpf *b)
{
	return bpf_off(b, "this process lacks CAP_PERFMON, which loading the program takes: start "
			  "once with it, then CAP_BPF and CAP_NET_ADMIN are enough");
}

int bpf_program_take(struct datapath_bpf *b)
{
	if (b->program < 0)
		b->program = fcntl(bpf_program__fd(find_program(b)), F_DUPFD_CLOEXEC, 0);
	return b->program < 0 ? bpf_off(b, "cannot hold the program: %s", strerror(errno)) : 0;
}

void bpf_program_pin(struct datapath_bpf *b)
{
	char path[BPF_PATH_SIZE], path_new[BPF_PATH_SIZE];
	int err;

	if (!b->may_load)
		return;
	write_path(b, PIN, path);
	write_path(b, PIN_NEW, path_new);
	unlink(path_new);
	err = bpf_obj_pin(b->program, path_new);
	if (!err && rename(path_new, path) < 0)
		err = -errno;
	if (err)
		log_warning("cannot pin %s: %s; a start without CAP_PERFMON cannot take it over",
			    path, strerror(-err));
}

void bpf_program_unpin(struct datapath_bpf *b)
{
	char path[BPF_PATH_SIZE];

	write_path(b, PIN, path);
	unlink(path);
	write_path(b, PIN_NEW, path);
	unlink(path);
}

void bpf_program_close(struct datapath_bpf *b)
{
	if (b->program >= 0)
		close(take_fd(&b->program));
}
