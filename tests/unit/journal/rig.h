/* What the journal's tests share: snapshots made of a number, and directories of their own. */
/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "journal/journal.h"

enum { RIG_PATH_SIZE = 128, RIG_SCHEMA = 3 };

/* Chunks whose number, lengths and bytes follow from `number`. 0 or -errno; not committed. */
int rig_append(struct journal *journal, uint64_t number);
/* Writes and commits: 0 or -errno, then abandoned. */
int rig_put(struct journal *journal, uint64_t number);
/* The number of the present snapshot, each byte of which was compared; 0: there is none. Asserts. */
uint64_t rig_get(struct journal *journal);

/* A directory below $TMPDIR, and the end of it with all files in it. */
void rig_make_directory(char path[RIG_PATH_SIZE]);
void rig_remove_directory(const char *path);
struct journal *rig_open(const char *path);
