/* One controller a pin directory: two would take each other's limits out. */
/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "datapath/bpf_priv.h"

/* Whether this still is the directory of that name: who had it before may have removed it. */
static bool is_in_place(const struct datapath_bpf *b, int fd)
{
	struct stat mine, there;

	return fstat(fd, &mine) == 0 && stat(b->pins, &there) == 0 && mine.st_dev == there.st_dev &&
	       mine.st_ino == there.st_ino;
}

int bpf_lock_try(struct datapath_bpf *b)
{
	_cleanup_fd_ int fd = open(b->pins, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	bpf_lock_release(b); /* of a directory that somebody removed meanwhile */
	if (fd < 0 && errno == ENOENT)
		return -EAGAIN;
	if (fd < 0)
		return bpf_off(b, "cannot open %.100s: %s", b->pins, strerror(errno));
	if (flock(fd, LOCK_EX | LOCK_NB) < 0)
		return errno == EWOULDBLOCK ?
			       -EAGAIN :
			       bpf_off(b, "cannot lock %.100s: %s", b->pins, strerror(errno));
	if (!is_in_place(b, fd))
		return -EAGAIN;
	b->lock_fd = take_fd(&fd);
	return 0;
}

/* The pid in a line of /proc/locks, "1: FLOCK  ADVISORY  WRITE 1234 00:1f:567 0 EOF"; 0: another's. */
static unsigned long holder_in(const char *line, const struct stat *st)
{
	const char *pid = strstr(line, " WRITE ");
	char where[64];
	unsigned long holder;
	char *end;

	if (!pid || !strstr(line, " FLOCK "))
		return 0;
	snprintf(where, sizeof(where), " %02x:%02x:%lu ", major(st->st_dev), minor(st->st_dev),
		 (unsigned long)st->st_ino);
	holder = strtoul(pid + strlen(" WRITE "), &end, 10);
	return strncmp(end, where, strlen(where)) == 0 ? holder : 0;
}

unsigned long bpf_lock_holder(const struct datapath_bpf *b)
{
	FILE *locks = fopen("/proc/locks", "re");
	unsigned long pid = 0;
	struct stat st;
	char line[256];

	if (!locks)
		return 0;
	while (!pid && stat(b->pins, &st) == 0 && fgets(line, sizeof(line), locks))
		pid = holder_in(line, &st);
	fclose(locks);
	return pid;
}

int bpf_lock_refuse(struct datapath_bpf *b)
{
	unsigned long pid = bpf_lock_holder(b);
	char who[32] = "";

	if (pid)
		snprintf(who, sizeof(who), " (pid %lu)", pid);
	return bpf_off(
		b,
		"another controller%s uses the pin directory %.90s: stop it, or name another --pin-dir",
		who, b->pin_dir);
}

void bpf_lock_release(struct datapath_bpf *b)
{
	if (b->lock_fd >= 0)
		close(take_fd(&b->lock_fd));
}
