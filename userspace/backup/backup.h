/* A backup: what a data directory holds, as of one moment, in one file of tar. */
/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/field_error.h"

/*
 * Works beside a running service and without one, on the files alone. The backup holds what
 * credentials are checked by, so it is made with the rights of whoever may read the directory, and
 * readable for its owner only.
 */
#define BACKUP_E_REFUSED     1 /* *error says what is wrong, and with what */
#define BACKUP_E_INTERRUPTED 2 /* stop() said so; nothing is left of it */

enum {
	BACKUP_PARTS_MAX = 8,
	BACKUP_WHY_SIZE = FIELD_MESSAGE_SIZE,
};

struct backup_request {
	const char *data; /* the directory */
	const char *file; /* made, never half; NULL: written to `fd` */
	int fd;
	bool force;     /* a file that is there already is replaced */
	bool bootstrap; /* with the credentials of the first start */
	const char *version;
	bool (*stop)(void); /* asked between pieces of work; NULL: never */
};

enum backup_state {
	BACKUP_IN,
	BACKUP_ABSENT,   /* there is none */
	BACKUP_LEFT_OUT, /* not asked for */
	BACKUP_FAULTY,   /* left out because of what is wrong with it */
};

struct backup_part {
	const char *name; /* of the file in the directory; static */
	enum backup_state state;
	uint64_t bytes;
	uint32_t schema; /* its version; 0: it has none */
	char why[BACKUP_WHY_SIZE];
};

struct backup_result {
	struct backup_part parts[BACKUP_PARTS_MAX];
	size_t n_parts;
	uint64_t bytes;   /* of the whole file */
	uint64_t made_ms; /* unix time */
};

/*
 * Makes the backup, checks what it holds and reads it back. Whatever was acknowledged before the call
 * is in it; of what keys consumed, the last snapshot. Needs twice its size beside `file` (or in
 * $TMPDIR) while it is made, in a directory `file`.part, which also holds what a killed one left and
 * is emptied by the next. 0, BACKUP_E_* or -errno.
 */
int backup_make(const struct backup_request *request, struct field_error *error,
		struct backup_result *ret);

/* Whether every part that there is, and was asked for, is in. */
bool backup_complete(const struct backup_result *result);

/* One object with what is inside; `file` NULL: as it stands in the backup itself. */
void backup_describe(const struct backup_result *result, const char *version, const char *file,
		     struct buf *json);
