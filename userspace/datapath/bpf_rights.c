/* Which rights limiting packets takes and this process has, and whether its clock is the kernel's. */
/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <linux/capability.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>

#include "datapath/bpf_priv.h"
#include "datapath/look.h"

/* Without CAP_PERFMON the verifier takes no offset into a packet that a header has a say in. */
static const struct {
	const char *name;
	unsigned int bit;
	bool or_admin; /* CAP_SYS_ADMIN stands for it too */
	bool to_load;  /* needless where a program is pinned */
} rights[DATAPATH_RIGHTS] = {
	{"CAP_BPF", CAP_BPF, true, false},
	{"CAP_PERFMON", CAP_PERFMON, true, true},
	{"CAP_NET_ADMIN", CAP_NET_ADMIN, false, false},
};

/* Where they cannot be read the kernel's own answer has to do. */
static uint64_t read_capabilities(void)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[2] = {0};

	if (syscall(SYS_capget, &header, data) < 0)
		return ~0ULL;
	return (uint64_t)data[1].effective << 32 | data[0].effective;
}

void datapath_look_rights(struct datapath_right ret[DATAPATH_RIGHTS])
{
	uint64_t have = read_capabilities();
	bool admin = have >> CAP_SYS_ADMIN & 1;

	for (size_t i = 0; i < DATAPATH_RIGHTS; i++)
		ret[i] = (struct datapath_right){
			.name = rights[i].name,
			.held = (have >> rights[i].bit & 1) || (rights[i].or_admin && admin),
			.to_load = rights[i].to_load,
		};
}

int64_t datapath_look_clock(void)
{
	static const char name[] = "monotonic";
	FILE *file = fopen("/proc/self/timens_offsets", "re");
	long long seconds = 0, nanoseconds = 0;
	char line[128];
	char *end;

	if (!file)
		return 0; /* a kernel without time namespaces */
	while (fgets(line, sizeof(line), file)) {
		if (strncmp(line, name, strlen(name)) != 0)
			continue;
		seconds = strtoll(line + strlen(name), &end, 10);
		nanoseconds = strtoll(end, NULL, 10);
	}
	fclose(file);
	return seconds * 1000000000LL + nanoseconds;
}
