/* The data directory: made private, and files in it replaced whole. */
/* SPDX-License-Identifier: MIT */
#pragma once

#include <stddef.h>

#include "base/field_error.h"

/* The directory cannot be used; *error says why. */
#define DATA_DIR_E_UNUSABLE 1

/* Makes `path` with mode 0700 if absent and checks that files can be made in it. */
int data_dir_prepare(const char *path, struct field_error *error);

/*
 * Writes a file of mode 0600 (of root's, one of the directory's owner): whole and on disk when it returns 0, or as it was before.
 * 0 or -errno.
 */
int data_dir_write(const char *path, const char *name, const void *bytes, size_t len);
