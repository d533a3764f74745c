/* What a backup consists of: one row per file of the data directory, and how each is copied. */
/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "backup/backup_priv.h"
#include "base/fd.h"
#include "journal/backends.h"
#include "store/backends.h"

enum {
	COPY_SIZE = 65536,
};

/* What copying one part says beside the results of the whole: the part's own fault, in *error. */
#define PART_E_FAULTY 16

struct row;

struct copying {
	struct job *job;
	const struct row *row;
	struct backup_part *part;
	char from[PATH_MAX];
};

static int copy_database(struct copying *copying);
static int copy_snapshot(struct copying *copying);
static int copy_bootstrap(struct copying *copying);

/*
 * In the order in which they are copied. The store comes first: an audit entry of a change that the
 * store lacks, and a limit that only the snapshot knows, do no harm; the reverse would be a loss.
 */
static const struct row {
	const char *name;
	const char *log; /* of a database; else NULL */
	const struct db_schema *schema;
	bool needed; /* without it there is nothing to back up */
	int (*copy)(struct copying *copying);
} rows[] = {
	{"store.db", "store.db-wal", &store_file_schema, true, copy_database},
	{"ledger.db", "ledger.db-wal", &ledger_file_schema, false, copy_database},
	{"state.journal", NULL, NULL, false, copy_snapshot},
	{"bootstrap.json", NULL, NULL, false, copy_bootstrap},
};

enum {
	N_ROWS = sizeof(rows) / sizeof(rows[0]),
};

static int refuse(const struct copying *copying, const char *why)
{
	field_error_set(copying->job->error, "", "%s: %s", why, copying->from);
	return PART_E_FAULTY;
}

static int write_all(int fd, const char *bytes, size_t len)
{
	while (len > 0) {
		ssize_t n = write(fd, bytes, len);

		if (n < 0 && errno != EINTR)
			return -errno;
		if (n > 0) {
			bytes += n;
			len -= (size_t)n;
		}
	}
	return 0;
}

/* Up to `size` bytes, 0 at the end, or -errno. */
static ssize_t read_some(int fd, char *bytes, size_t size)
{
	ssize_t n;

	do
		n = read(fd, bytes, size);
	while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : n;
}

static int copy_bytes(const struct copying *copying, int from, int to)
{
	char bytes[COPY_SIZE];
	ssize_t n = read_some(from, bytes, sizeof(bytes));

	for (; n > 0; n = read_some(from, bytes, sizeof(bytes))) {
		int err = write_all(to, bytes, (size_t)n);

		if (err)
			return err;
	}
	return n < 0 ? refuse(copying, strerror((int)-n)) : 0;
}

/* *ret_fd is the copy's. */
static int copy_file(const struct copying *copying, int *ret_fd)
{
	/* Nobody waits for the other end of a pipe, which is none of ours. */
	_cleanup_fd_ int from = open(copying->from, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	struct stat info;
	int to, r;

	if (from < 0 || fstat(from, &info))
		return refuse(copying, strerror(errno));
	if (!S_ISREG(info.st_mode))
		return refuse(copying, "no plain file");
	to = stage_create(&copying->job->stage, copying->row->name);
	if (to < 0)
		return to;
	r = copy_bytes(copying, from, to);
	if (r == 0 && lseek(to, 0, SEEK_SET) < 0)
		r = -errno;
	if (r) {
		close(to);
		return r;
	}
	*ret_fd = to;
	return 0;
}

static int copy_database(struct copying *copying)
{
	const struct stage *stage = &copying->job->stage;
	_cleanup_fd_ int log = -1;
	struct db_facts facts;
	char to[PATH_MAX];
	int r = stage_path(stage, copying->row->name, to);

	if (r)
		return r;
	r = db_copy(copying->from, to, copying->job->error, &facts);
	/* A full disk is that of the copies. */
	if (r == DB_E_FULL || r == DB_E_UNSYNCED)
		return BACKUP_E_REFUSED;
	if (r)
		return r == -ENOMEM ? r : PART_E_FAULTY;
	if (facts.empty && !copying->row->needed) {
		copying->part->state = BACKUP_ABSENT;
		return 0;
	}
	if (facts.application_id != copying->row->schema->application_id)
		return refuse(copying, "not a file of Sluice's");
	copying->part->schema = facts.version;
	log = stage_create(stage, copying->row->log);
	return log < 0 ? log : 0;
}

static int copy_snapshot(struct copying *copying)
{
	_cleanup_fd_ int fd = -1;
	int r = copy_file(copying, &fd);

	if (r)
		return r;
	r = journal_check_file(fd, &copying->part->schema, copying->job->error);
	return r > 0 ? PART_E_FAULTY : r;
}

static int copy_bootstrap(struct copying *copying)
{
	struct backup_part *part = copying->part;
	_cleanup_fd_ int fd = -1;

	if (copying->job->request->bootstrap)
		return copy_file(copying, &fd);
	part->state = BACKUP_LEFT_OUT;
	snprintf(part->why, sizeof(part->why),
		 "it holds credentials; --with-bootstrap takes it in");
	return 0;
}

static int measure(const struct copying *copying)
{
	struct stat info;

	if (fstatat(copying->job->stage.fd, copying->row->name, &info, AT_SYMLINK_NOFOLLOW))
		return -errno;
	copying->part->bytes = (uint64_t)info.st_size;
	return 0;
}

static int copy_part(struct copying *copying)
{
	struct backup_part *part = copying->part;
	bool needed = copying->row->needed;
	struct stat info;
	int r;

	if (!needed && lstat(copying->from, &info) && errno == ENOENT) {
		part->state = BACKUP_ABSENT;
		return 0;
	}
	r = copying->row->copy(copying);
	if (r == PART_E_FAULTY && needed)
		return BACKUP_E_REFUSED;
	if (r == PART_E_FAULTY) {
		part->state = BACKUP_FAULTY;
		snprintf(part->why, sizeof(part->why), "%s", copying->job->error->message);
		return 0;
	}
	return r || part->state != BACKUP_IN ? r : measure(copying);
}

int parts_copy(struct job *job)
{
	struct backup_result *result = job->result;
	struct copying copying = {.job = job};
	int r = 0;

	for (size_t i = 0; i < N_ROWS && !r; i++) {
		if (job_is_stopped(job))
			return BACKUP_E_INTERRUPTED;
		copying.row = &rows[i];
		copying.part = &result->parts[result->n_parts++];
		copying.part->name = rows[i].name;
		if (snprintf(copying.from, sizeof(copying.from), "%s/%s", job->request->data,
			     rows[i].name) >= (int)sizeof(copying.from))
			return -ENAMETOOLONG;
		r = copy_part(&copying);
	}
	return r;
}

const char *parts_file(const struct backup_result *result, size_t i)
{
	if (i-- == 0)
		return STAGE_MANIFEST;
	for (size_t at = 0; at < result->n_parts; at++) {
		if (result->parts[at].state != BACKUP_IN)
			continue;
		if (i-- == 0)
			return rows[at].name;
		if (rows[at].log && i-- == 0)
			return rows[at].log;
	}
	return NULL;
}

bool parts_own(const char *name)
{
	static const char *const ends[] = {"", "-wal", "-shm", "-journal"};

	if (strcmp(name, STAGE_ARCHIVE) == 0 || strcmp(name, STAGE_MANIFEST) == 0)
		return true;
	for (size_t i = 0; i < N_ROWS; i++) {
		size_t len = strlen(rows[i].name);

		for (size_t end = 0; end < sizeof(ends) / sizeof(ends[0]); end++)
			if (strncmp(name, rows[i].name, len) == 0 &&
			    strcmp(name + len, ends[end]) == 0)
				return true;
	}
	return false;
}
