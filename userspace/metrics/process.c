/* What the kernel says of this process. */
/* SPDX-License-Identifier: MIT */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include "metrics/metrics.h"

/* The second number of "all resident shared ...", in pages. */
static uint64_t read_resident_bytes(void)
{
	FILE *file = fopen("/proc/self/statm", "re");
	uint64_t pages = 0;
	char line[128], *rest;

	if (!file)
		return 0;
	if (fgets(line, sizeof(line), file)) {
		(void)strtoull(line, &rest, 10);
		pages = strtoull(rest, NULL, 10);
	}
	fclose(file);
	return pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

static uint64_t count_open_fds(void)
{
	DIR *dir = opendir("/proc/self/fd");
	const struct dirent *entry;
	uint64_t n = 0;

	if (!dir)
		return 0;
	while ((entry = readdir(dir)))
		n += entry->d_name[0] != '.';
	closedir(dir);
	/* The directory itself was one of them. */
	return n ? n - 1 : 0;
}

static double read_cpu_seconds(void)
{
	struct rusage usage;

	if (getrusage(RUSAGE_SELF, &usage))
		return 0;
	return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
	       (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

void metrics_process_read(struct metrics_process *ret)
{
	struct rlimit files;

	*ret = (struct metrics_process){
		.cpu_seconds = read_cpu_seconds(),
		.resident_bytes = read_resident_bytes(),
		.open_fds = count_open_fds(),
	};
	if (getrlimit(RLIMIT_NOFILE, &files) == 0)
		ret->max_fds = files.rlim_cur;
}
