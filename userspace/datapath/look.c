/* Looks at what limiting packets takes and what is there already, without changing anything. */
/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/statfs.h>

#include "datapath/bpf_priv.h"
#include "datapath/look.h"

int datapath_look_load(void)
{
	/* return XDP_PASS */
	static const struct bpf_insn pass[] = {
		{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = XDP_PASS},
		{.code = BPF_JMP | BPF_EXIT},
	};
	_cleanup_fd_ int fd = -1;

	bpf_listen();
	fd = bpf_prog_load(BPF_PROG_TYPE_XDP, "sluice_doctor", "Dual MIT/GPL", pass,
			   sizeof(pass) / sizeof(pass[0]), NULL);
	return fd < 0 ? fd : 0;
}

/* A lock that is free is let go of at once: a controller that starts meanwhile waits that long. */
static void look_at_holder(struct datapath_bpf *b, struct datapath_pins *ret)
{
	_cleanup_fd_ int fd = open(b->pins, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return;
	ret->there = true;
	ret->held = flock(fd, LOCK_EX | LOCK_NB) < 0 && errno == EWOULDBLOCK;
	if (ret->held)
		ret->holder_pid = (uint32_t)bpf_lock_holder(b);
}

/* Whether the directory, or the nearest above it that there is, can be written. */
static int look_at_place(const struct datapath_bpf *b, struct datapath_pins *ret)
{
	char at[BPF_DIR_SIZE];
	struct statfs fs;
	int err = bpf_place_nearest(b, at, &fs);

	if (err)
		return err;
	ret->bpffs = (unsigned long)fs.f_type == BPF_FS_MAGIC;
	ret->mountable = bpf_place_is_default(b);
	ret->writable = access(at, W_OK | X_OK) == 0;
	return 0;
}

int datapath_look_pins(const char *pin_dir, struct datapath_pins *ret)
{
	struct datapath_bpf *b = calloc(1, sizeof(*b));
	int err;

	memset(ret, 0, sizeof(*ret));
	if (!b)
		return -ENOMEM;
	err = bpf_place_name(b, pin_dir) ? -ENAMETOOLONG : look_at_place(b, ret);
	if (!err) {
		look_at_holder(b, ret);
		ret->links = bpf_place_count_links(b);
	}
	free(b);
	return err;
}

/* Whether a program is of our name; naming others' programs takes CAP_SYS_ADMIN. */
static bool is_sluice(uint32_t id)
{
	struct bpf_prog_info info = {.type = 0};
	uint32_t size = sizeof(info);
	_cleanup_fd_ int fd = bpf_prog_get_fd_by_id(id);

	return fd >= 0 && bpf_obj_get_info_by_fd(fd, &info, &size) == 0 &&
	       strcmp(info.name, "sluice_xdp") == 0;
}

int datapath_look_attached(unsigned int ifindex, struct datapath_attached *ret)
{
	LIBBPF_OPTS(bpf_xdp_query_opts, found);
	int err = bpf_xdp_query((int)ifindex, 0, &found);

	memset(ret, 0, sizeof(*ret));
	if (err)
		return err;
	ret->id = found.drv_prog_id ? found.drv_prog_id :
		  found.hw_prog_id  ? found.hw_prog_id :
				      found.skb_prog_id;
	if (ret->id)
		ret->mode = ret->id == found.skb_prog_id ? DATAPATH_GENERIC : DATAPATH_NATIVE;
	ret->sluice = ret->id && is_sluice(ret->id);
	return 0;
}
