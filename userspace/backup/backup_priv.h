/* What the files of a backup in the making share. */
/* SPDX-License-Identifier: MIT */
#pragma once

#include <limits.h>

#include "backup/backup.h"

/* Beside the parts, which keep their names. */
#define STAGE_ARCHIVE  "backup.tar"
#define STAGE_MANIFEST "backup.json"

/* Where copies lie until the archive is made of them. */
struct stage {
	char path[PATH_MAX];
	int fd; /* locked as long as it is ours; -1: none */
};

/* One backup in the making. */
struct job {
	const struct backup_request *request;
	struct backup_result *result;
	struct stage stage;
	struct field_error *error;
};

static inline bool job_is_stopped(const struct job *job)
{
	return job->request->stop && job->request->stop();
}

/* All int functions: 0, -errno, or BACKUP_E_* with *job->error. */

/* stage.c */
/* Takes the directory `file`.part, or for NULL one of its own. */
int stage_open(struct job *job);
/* Removes it with all of ours that is in it. */
void stage_close(struct stage *stage);
int stage_path(const struct stage *stage, const char *name, char path[PATH_MAX]);
/* A new file of mode 0600: a descriptor or -errno. */
int stage_create(const struct stage *stage, const char *name);
int stage_read(const struct stage *stage, const char *name);

/* parts.c */
/* Copies every part into the stage and lists it in the result. */
int parts_copy(struct job *job);
/*
 * The names of the files that go into the tar, in this order; NULL: no more. A database is followed by
 * an empty log, so that one which lies about where it is unpacked does not get applied to it.
 */
const char *parts_file(const struct backup_result *result, size_t i);
/* Whether a file of this name in a stage is of a backup in the making. */
bool parts_own(const char *name);

/* tar.c */
int tar_write(struct job *job, int fd);
/* Reads it from the beginning of fd and compares it with the stage. */
int tar_compare(struct job *job, int fd);
