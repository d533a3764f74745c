/* Opens pinned maps by their names. */
/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include <bpf/bpf.h>

#include "bench/pinned.h"

int pinned_use(struct bpf_map *map, const char *pins)
{
	char path[256];
	int fd, err;

	/* Sections of variables have a dot in their name, which bpffs does not take. */
	if (bpf_map__is_internal(map))
		return 0;
	snprintf(path, sizeof(path), "%s/%s", pins, bpf_map__name(map));
	fd = bpf_obj_get(path);
	if (fd < 0)
		return errno == ENOENT ? 0 : -errno;
	err = bpf_map__reuse_fd(map, fd);
	close(fd);
	return err;
}
