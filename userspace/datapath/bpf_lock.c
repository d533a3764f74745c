/* One controller a pin directory: two would take each other's limits out. */
/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
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

/* 0: cannot tell. */
static unsigned int find_holder(const struct datapath_bpf *b)
{
	FILE *locks = fopen("/proc/locks", "re");
	unsigned int major_id, minor_id, pid = 0;
	unsigned long inode;
	struct stat st;
	char line[256];

	if (!locks)
		return 0;
	while (!pid && stat(b->pins, &st) == 0 && fgets(line, sizeof(line), locks)) {
		if (sscanf(line, "%*d: FLOCK %*s WRITE %u %x:%x:%lu", &pid, &major_id, &minor_id,
			   &inode) != 4 ||
		    makedev(major_id, minor_id) != st.st_dev || inode != st.st_ino)
			pid = 0;
	}
	fclose(locks);
	return pid;
}

int bpf_lock_refuse(struct datapath_bpf *b)
{
	unsigned int pid = find_holder(b);
	char who[32] = "";

	if (pid)
		snprintf(who, sizeof(who), " (pid %u)", pid);
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
