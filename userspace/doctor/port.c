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
	LOCAL_WORD = 1, /* of a line of /proc/net/tcp */
	STATE_WORD = 3,
	INODE_WORD = 9,
	LISTENING = 0x0a, /* TCP_LISTEN in /proc/net/tcp */
	INODES_MAX = 8,   /* one port on several addresses */
};

struct inodes {
	unsigned long at[INODES_MAX];
	size_t n;
};

/* "  0: 0100007F:0FA0 00000000:0000 0A queues timer retransmits uid timeout inode ..." */
static void read_line(char *line, unsigned int port, struct inodes *inodes)
{
	const char *words[INODE_WORD + 1];
	size_t n = 0;

	for (char *rest, *word = strtok_r(line, " \n", &rest); word && n <= INODE_WORD;
	     word = strtok_r(NULL, " \n", &rest))
		words[n++] = word;
	if (n <= INODE_WORD || !strchr(words[LOCAL_WORD], ':') || inodes->n == INODES_MAX)
		return;
	if (strtoul(strchr(words[LOCAL_WORD], ':') + 1, NULL, 16) == port &&
	    strtoul(words[STATE_WORD], NULL, 16) == LISTENING)
		inodes->at[inodes->n++] = strtoul(words[INODE_WORD], NULL, 10);
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
		snprintf(name, 64, "?");
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
