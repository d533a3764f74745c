/* Listens to libbpf, so that a failure is explained in one line of our own log. */
/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "datapath/bpf_priv.h"

static _Thread_local char said[DATAPATH_WHY_SIZE];
static _Thread_local bool verdict; /* it is the verifier's, which explains more than what follows */

static void keep_line(const char *line, size_t len)
{
	if (len >= sizeof(said))
		len = sizeof(said) - 1;
	memcpy(said, line, len);
	said[len] = '\0';
}

/* The verifier's reason is the last line before its statistics ("processed 123 insns ..."). */
static void keep_verdict(const char *log)
{
	const char *end = strstr(log, "\nprocessed ");
	const char *start = end;

	if (!end)
		return;
	while (start > log && start[-1] != '\n')
		start--;
	keep_line(start, (size_t)(end - start));
	verdict = true;
}

static void keep_complaint(const char *text)
{
	const char *prefix = "libbpf: ";

	if (strncmp(text, prefix, strlen(prefix)) == 0)
		text += strlen(prefix);
	if (said[0] == '\0')
		keep_line(text, strcspn(text, "\n"));
}

static __attribute__((format(printf, 2, 0))) int listen_to(enum libbpf_print_level level,
							   const char *format, va_list args)
{
	char *text = NULL;

	if (level != LIBBPF_WARN || verdict)
		return 0;
	if (vasprintf(&text, format, args) < 0)
		return 0;
	if (strstr(text, "BEGIN PROG LOAD LOG"))
		keep_verdict(text);
	else
		keep_complaint(text);
	free(text);
	return 0;
}

void bpf_listen(void)
{
	said[0] = '\0';
	verdict = false;
	libbpf_set_print(listen_to);
}

const char *bpf_said(void)
{
	return said;
}

/* The kernel writes anon_inode:bpf-map, bpf-link, in some versions bpf_link. */
static bool is_kind(int fd, const char *kind)
{
	char self[64], target[64];
	size_t len = strlen(kind);
	ssize_t n;

	snprintf(self, sizeof(self), "/proc/self/fd/%d", fd);
	n = readlink(self, target, sizeof(target));
	return n >= (ssize_t)len && memcmp(target + n - len, kind, len) == 0;
}

int bpf_pin_open(const char *path, const char *kind)
{
	int fd = bpf_obj_get(path);

	if (fd < 0)
		return fd;
	if (is_kind(fd, kind))
		return fd;
	close(fd);
	return -EMEDIUMTYPE;
}
