/* A disk that loses what was not synced, fails to sync, or is slow; only tests that use it have it. */
/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>

/*
 * Calls of fsync and fdatasync in this program end in disk.c. Each file of `live` that is synced is
 * copied to `safe`: that directory is the disk after a cut in which every unsynced byte was lost. A
 * file is in there only once its directory was synced too.
 */
struct disk {
	char *live, *safe, *cut;
	char *path, *cut_path; /* of the database in `live`, and in `cut` */
};

extern atomic_int disk_syncs, disk_dir_syncs;
extern atomic_bool disk_failing;
extern long disk_delay_ns; /* of each sync */

struct disk *disk_new(const char *database);
void disk_free(struct disk *disk);
/* Whether syncs are kept; begun by disk_new(). */
void disk_watch(const struct disk *disk, bool keep);
/* Puts into `cut` what a cut would leave of the database and its log. Whoever then opens it stops
 * watching, since those syncs are of no interest. */
void disk_cut(const struct disk *disk);
