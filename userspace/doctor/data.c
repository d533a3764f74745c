/* The data directory, what is in it and whether it can be written; limits of files. */
/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <unistd.h>

#include "base/clock.h"
#include "conf/limits.h"
#include "doctor/doctor_priv.h"
#include "journal/backends.h"
#include "store/backends.h"

#define NS_PER_MS 1000000ULL
#define MIB       (1ULL << 20)

enum {
	ROOM_FAIL_MIB = 8,
	ROOM_WARN_MIB = 128,
	SYNC_WARN_MS = 500,
};

/* By their numbers in statfs(2). A store needs shared memory beside it, which only local ones have. */
static const struct file_system {
	unsigned long number;
	const char *name;
	enum doctor_verdict verdict;
	const char *next;
} file_systems[] = {
	{0xef53, "ext4", DOCTOR_OK, NULL},
	{0x58465342, "xfs", DOCTOR_OK, NULL},
	{0x9123683e, "btrfs", DOCTOR_OK, NULL},
	{0xf2f52010, "f2fs", DOCTOR_OK, NULL},
	{0x2fc12fc1, "zfs", DOCTOR_OK, NULL},
	{0x794c7630, "overlayfs", DOCTOR_WARN,
	 "what a container's own layer holds goes with it: mount a volume there"},
	{0x01021994, "tmpfs", DOCTOR_WARN,
	 "it is gone with the next boot: choose a directory on a disk"},
	{0x6969, "nfs", DOCTOR_FAIL, "choose a directory on a local disk: the store needs one"},
	{0xff534d42, "cifs", DOCTOR_FAIL,
	 "choose a directory on a local disk: the store needs one"},
	{0xfe534d42, "smb", DOCTOR_FAIL, "choose a directory on a local disk: the store needs one"},
	{0x65735546, "fuse", DOCTOR_WARN,
	 "the store needs shared memory and syncs that hold: use a local disk if in doubt"},
};

static const struct file_system *find_file_system(unsigned long number)
{
	static const struct file_system unknown = {0, "another file system", DOCTOR_OK, NULL};

	for (size_t i = 0; i < sizeof(file_systems) / sizeof(file_systems[0]); i++)
		if (file_systems[i].number == number)
			return &file_systems[i];
	return &unknown;
}

/* Writes and syncs 4 KiB; how long that took, or -errno. */
static int64_t try_sync(const char *directory)
{
	char path[PATH_MAX], bytes[4096] = {0};
	uint64_t began_ns;
	int64_t took;
	int fd;

	if (snprintf(path, sizeof(path), "%s/.doctor-XXXXXX", directory) >= (int)sizeof(path))
		return -ENAMETOOLONG;
	fd = mkostemp(path, O_CLOEXEC);
	if (fd < 0)
		return -errno;
	began_ns = monotonic_ns();
	if (write(fd, bytes, sizeof(bytes)) != (ssize_t)sizeof(bytes) || fsync(fd))
		took = errno ? -errno : -ENOSPC;
	else
		took = (int64_t)(monotonic_ns() - began_ns);
	close(fd);
	unlink(path);
	return took;
}

static void check_room(struct doctor *doctor, const struct statfs *info)
{
	uint64_t free_bytes = (uint64_t)info->f_bavail * (uint64_t)info->f_bsize;

	if (info->f_files > 0 && info->f_ffree == 0)
		doctor_say(doctor, DOCTOR_FAIL, "remove files that are not needed",
			   "no inode is free on its file system");
	if (free_bytes < ROOM_FAIL_MIB * MIB)
		doctor_say(doctor, DOCTOR_FAIL, "free some space: changes are refused without it",
			   "%llu KiB are free", (unsigned long long)free_bytes / 1024);
	else if (free_bytes < ROOM_WARN_MIB * MIB)
		doctor_say(doctor, DOCTOR_WARN,
			   "free some space: snapshots of many keys are written beside the former",
			   "only %llu MiB are free", (unsigned long long)(free_bytes / MIB));
	else
		doctor_say(doctor, DOCTOR_OK, NULL, "%llu MiB are free",
			   (unsigned long long)(free_bytes / MIB));
}

static void check_sync(struct doctor *doctor)
{
	int64_t took = try_sync(doctor->settings->data);

	if (took < 0)
		doctor_say(doctor, DOCTOR_FAIL, "look at mount, quota and disk",
			   "a file cannot be written and synced: %s", strerror((int)-took));
	else if ((uint64_t)took / NS_PER_MS > SYNC_WARN_MS)
		doctor_say(doctor, DOCTOR_WARN,
			   "every change of a limit waits for the disk: is it busy, or failing?",
			   "a sync of 4 KiB takes %llu ms", (unsigned long long)took / NS_PER_MS);
	else
		doctor_say(doctor, DOCTOR_OK, NULL, "a sync of 4 KiB takes %llu us",
			   (unsigned long long)took / 1000);
}

static void explain_absence(struct doctor *doctor, int error)
{
	const char *data = doctor->settings->data;

	if (error == ENOENT)
		doctor_say(doctor, DOCTOR_WARN, "serve makes it; or name another: --data DIR",
			   "%s does not exist", data);
	else
		doctor_say(doctor, DOCTOR_FAIL,
			   "run the doctor, and serve, as a user that may use it", "%s: %s", data,
			   strerror(error));
}

void check_data(struct doctor *doctor)
{
	const char *data = doctor->settings->data;
	const struct file_system *system;
	struct statfs info;
	struct stat facts;

	if (stat(data, &facts) || statfs(data, &info)) {
		explain_absence(doctor, errno);
		return;
	}
	if (!S_ISDIR(facts.st_mode)) {
		explain_absence(doctor, ENOTDIR);
		return;
	}
	if (access(data, R_OK | W_OK | X_OK)) {
		explain_absence(doctor, errno);
		return;
	}
	system = find_file_system((unsigned long)info.f_type);
	doctor_say(doctor, system->verdict, system->next, "%s is on %s", data, system->name);
	if (facts.st_mode & 077)
		doctor_say(doctor, DOCTOR_WARN, "chmod 700 it: it holds what keys are checked by",
			   "%s is open to other users (mode %03o)", data,
			   (unsigned int)facts.st_mode & 0777);
	check_room(doctor, &info);
	check_sync(doctor);
}

static void check_version(struct doctor *doctor, const char *name, const struct db_facts *facts,
			  const struct db_schema *schema)
{
	if (facts->empty)
		doctor_say(doctor, DOCTOR_OK, NULL, "%s is empty: the next start fills it", name);
	else if (facts->application_id != schema->application_id)
		doctor_say(doctor, DOCTOR_FAIL, "move it away, or choose another data directory",
			   "%s is not a file of Sluice's", name);
	else if (facts->version > schema->n_migrations)
		doctor_say(doctor, DOCTOR_FAIL, "run that version, or put back a backup",
			   "%s was written by a newer Sluice: schema %u, this one knows up to %u",
			   name, facts->version, schema->n_migrations);
	else if (facts->version < schema->n_migrations)
		doctor_say(doctor, DOCTOR_OK, NULL, "%s: schema %u, lifted to %u at the next start",
			   name, facts->version, schema->n_migrations);
	else
		doctor_say(doctor, DOCTOR_OK, NULL, "%s: pages whole, schema %u", name,
			   facts->version);
}

/* False when there is none, which is as it should be before the first start. */
static bool check_database(struct doctor *doctor, const char *name, const struct db_schema *schema,
			   char path[PATH_MAX])
{
	struct field_error error;
	struct db_facts facts;
	int r;

	if (!doctor_path(doctor, name, path))
		return false;
	r = db_look(path, &error, &facts);
	if (r == -ENOENT || r == -ENOTDIR) {
		doctor_say(doctor, DOCTOR_OK, NULL, "there is no %s yet", name);
		return false;
	}
	if (r)
		doctor_say(doctor, DOCTOR_FAIL, NULL, "%s", error.message);
	else
		check_version(doctor, name, &facts, schema);
	return true;
}

void check_store(struct doctor *doctor)
{
	char path[PATH_MAX];
	uint32_t pid = 0;

	if (!check_database(doctor, "store.db", &store_file_schema, path))
		return;
	if (db_lock_holder(path, &pid) || pid == 0)
		return;
	doctor->controller = (pid_t)pid;
	doctor_say(doctor, DOCTOR_OK, NULL, "a controller serves from it: pid %u", pid);
}

void check_ledger(struct doctor *doctor)
{
	char path[PATH_MAX];

	check_database(doctor, "ledger.db", &ledger_file_schema, path);
}

void check_snapshot(struct doctor *doctor)
{
	struct field_error error;
	char path[PATH_MAX];
	uint32_t schema;
	int fd, r;

	if (!doctor_path(doctor, "state.journal", path))
		return;
	fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0 && (errno == ENOENT || errno == ENOTDIR)) {
		doctor_say(doctor, DOCTOR_OK, NULL, "there is none yet");
		return;
	}
	if (fd < 0) {
		doctor_say(doctor, DOCTOR_FAIL, "run the doctor as the user that serves",
			   "state.journal cannot be read: %s", strerror(errno));
		return;
	}
	r = journal_check_file(fd, &schema, &error);
	close(fd);
	if (r)
		doctor_say(doctor, DOCTOR_WARN,
			   "the next start sets it aside, and quotas begin anew; put back a backup "
			   "if that matters",
			   "state.journal: %s", error.message);
	else
		doctor_say(doctor, DOCTOR_OK, NULL, "state.journal: sums are right, schema %u",
			   schema);
}

void check_limits(struct doctor *doctor)
{
	_cleanup_conf_limits_ struct conf_limits *limits = NULL;
	const char *dir = doctor->settings->limits;
	struct conf_error error;
	char text[CONF_ERROR_SIZE];
	int r;

	if (!dir)
		return;
	r = conf_limits_load(dir, &error, &limits);
	if (r == 0) {
		doctor_say(doctor, DOCTOR_OK, NULL, "%s: %zu limits in %zu files", dir, limits->n,
			   limits->n_files);
		return;
	}
	if (r > 0)
		conf_error_format(&error, text);
	else
		snprintf(text, sizeof(text), "%s", strerror(-r));
	doctor_say(doctor, DOCTOR_FAIL, "correct it: none of the set is in force as it is", "%s",
		   text);
}
