/* Lets a program of the bench use the maps that a service has pinned. */
/* SPDX-License-Identifier: MIT */
#pragma once

#include <bpf/libbpf.h>

/* Puts the map pinned by its name in `pins` in the place of *map, before that is loaded; a map that
 * is not there stays new. 0 or -errno. */
int pinned_use(struct bpf_map *map, const char *pins);
