/* Finds the process that listens on a port, as far as this user may see it. */
/* SPDX-License-Identifier: MIT */
#include <ctype.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "doctor/doctor_priv.h"

enum {
	LISTENING = 0x0a, /* TCP_LISTEN in /proc/net/tcp */
	INODES_MAX = 8,   /* one port on several addresses */
};

struct inodes {
	unsigned long at[INODES_MAX];
	size_t n;
};

/* "  0: 0100007F:0FA0 00000000:0000 0A ... uid timeout inode ..." */
static void read_line(const char *line, unsigned int port, struct inodes *inodes)
{
	unsigned int local, state;
	unsigned long inode;

	if (sscanf(line, " %*d: %*[0-9A-Fa-f]:%x %*[0-9A-Fa-f]:%*x %x %*s %*s %*s %*u %*d %lu",
		   &local, &state, &inode) != 3)
		return;
	if (local == port && state == LISTENING && inodes->n < INODES_MAX)
		inodes->at[inodes->n++] = inode;
}

static void read_table(const char *path, unsigned int port, struct inodes *inodes)
{
	FILE *file = fopen(path, "re");
	char line[512];

	while (file && fgets(line, sizeof(line), file))
		read_line(line, port, inodes);
	if (file)
		fclose(file);
}

static bool is_one(const char *target, const struct inodes *inodes)
{
	char wanted[64];

	for (size_t i = 0; i < inodes->n; i++) {
		snprintf(wanted, sizeof(wanted), "socket:[%lu]", inodes->at[i]);
		if (strcmp(target, wanted) == 0)
			return true;
	}
	return false;
}

static bool holds(const char *pid, const struct inodes *inodes)
{
	char path[64], target[64], link[PATH_MAX];
	const struct dirent *entry;
	bool found = false;
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%.16s/fd", pid);
	dir = opendir(path);
	while (dir && !found && (entry = readdir(dir))) {
		ssize_t n;

		snprintf(link, sizeof(link), "%s/%s", path, entry->d_name);
		n = readlink(link, target, sizeof(target) - 1);
		if (n < 0)
			continue;
		target[n] = '\0';
		found = is_one(target, inodes);
	}
	if (dir)
		closedir(dir);
	return found;
}

static void read_name(const char *pid, char name[64])
{
	char path[64];
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%.16s/comm", pid);
	file = fopen(path, "re");
	if (!file || !fgets(name, 64, file))
		strcpy(name, "?");
	name[strcspn(name, "\n")] = '\0';
	if (file)
		fclose(file);
}

pid_t port_holder(const struct conf_address *address, char name[64])
{
	struct inodes inodes = {.n = 0};
	const struct dirent *entry;
	DIR *dir = opendir("/proc");
	pid_t pid = 0;

	read_table("/proc/net/tcp", address_port(address), &inodes);
	read_table("/proc/net/tcp6", address_port(address), &inodes);
	while (dir && inodes.n > 0 && !pid && (entry = readdir(dir))) {
		if (!isdigit((unsigned char)entry->d_name[0]) || !holds(entry->d_name, &inodes))
			continue;
		pid = (pid_t)strtol(entry->d_name, NULL, 10);
		read_name(entry->d_name, name);
	}
	if (dir)
		closedir(dir);
	return pid;
}
