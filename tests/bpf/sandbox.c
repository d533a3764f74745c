/* A mount and a network namespace of the test's own: what it makes there goes with the process. */
/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>

#include <cmocka.h>

#include "bpf/sandbox.h"

/* New interfaces then send nothing by themselves. */
static void silence_ip6(void)
{
	FILE *file = fopen("/proc/sys/net/ipv6/conf/default/disable_ipv6", "we");

	if (!file)
		return;
	fputs("1", file);
	fclose(file);
}

int sandbox_enter(void)
{
	if (unshare(CLONE_NEWNS | CLONE_NEWNET) < 0)
		return -errno;
	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		return -errno;
	if (mount("bpf", "/sys/fs/bpf", "bpf", 0, "mode=0755") < 0)
		return -errno;
	silence_ip6();
	sandbox_run("ip link set lo up");
	return 0;
}

void sandbox_run(const char *format, ...)
{
	char command[512];
	va_list args;

	va_start(args, format);
	vsnprintf(command, sizeof(command), format, args);
	va_end(args);
	if (system(command) != 0)
		fail_msg("%s", command);
}
