/* What limiting packets needs: a kernel, rights, bpffs. Of no weight while no interface is named. */
/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>

#include "datapath/look.h"
#include "doctor/doctor_priv.h"

enum {
	KERNEL_MAJOR = 6,
	KERNEL_MINOR = 1,
};

/* What is missing for packets matters once there are packets to limit. */
static enum doctor_verdict weigh(const struct doctor *doctor, enum doctor_verdict verdict)
{
	return doctor->packets_wanted ? verdict : DOCTOR_OK;
}

void check_kernel(struct doctor *doctor)
{
	struct utsname name;
	long major, minor;
	char *dot;

	if (uname(&name))
		return;
	major = strtol(name.release, &dot, 10);
	if (*dot != '.')
		return;
	minor = strtol(dot + 1, NULL, 10);
	if (major > KERNEL_MAJOR || (major == KERNEL_MAJOR && minor >= KERNEL_MINOR))
		doctor_say(doctor, DOCTOR_OK, NULL, "Linux %s", name.release);
	else
		doctor_say(doctor, weigh(doctor, DOCTOR_FAIL),
			   "packets take 6.1 or later; requests do not",
			   "Linux %s limits no packets", name.release);
}

void check_rights(struct doctor *doctor)
{
	struct datapath_right rights[DATAPATH_RIGHTS];

	datapath_look_rights(rights);
	for (size_t i = 0; i < DATAPATH_RIGHTS; i++) {
		const struct datapath_right *right = &rights[i];

		if (right->held)
			doctor_say(doctor, DOCTOR_OK, NULL, "%s is held", right->name);
		else if (right->to_load)
			doctor_say(doctor, weigh(doctor, DOCTOR_WARN),
				   "limiting packets for the first time, or with a newer program, "
				   "takes it; adopting what is pinned does not",
				   "%s is missing", right->name);
		else
			doctor_say(doctor, weigh(doctor, DOCTOR_FAIL),
				   "run as root, or give it: AmbientCapabilities= or setpriv",
				   "%s is missing: no packet is limited without it", right->name);
	}
}

static void check_jit(struct doctor *doctor)
{
	FILE *file = fopen("/proc/sys/net/core/bpf_jit_enable", "re");
	int on;

	if (!file)
		return;
	on = fgetc(file);
	if (on == '0')
		doctor_say(doctor, weigh(doctor, DOCTOR_WARN), "sysctl net.core.bpf_jit_enable=1",
			   "BPF is interpreted: packets take several times as long");
	else if (on > '0')
		doctor_say(doctor, DOCTOR_OK, NULL, "BPF is compiled (JIT)");
	fclose(file);
}

void check_bpf(struct doctor *doctor)
{
	int err = datapath_look_load();

	if (err)
		doctor_say(doctor, weigh(doctor, DOCTOR_FAIL),
			   err == -EPERM ?
				   "see the rights above; a container's seccomp profile or "
				   "lockdown may forbid it, too" :
				   "a kernel with CONFIG_BPF_SYSCALL and CONFIG_XDP is needed",
			   "the kernel loads no XDP program: %s", strerror(-err));
	else
		doctor_say(doctor, DOCTOR_OK, NULL, "the kernel loads XDP programs");
	check_jit(doctor);
}

static void say_holder(struct doctor *doctor, const struct datapath_pins *pins)
{
	const char *dir = doctor->settings->pin_dir;

	if (pins->held && doctor->controller && pins->holder_pid == (uint32_t)doctor->controller)
		doctor_say(doctor, DOCTOR_OK, NULL, "the controller uses %s, %zu interfaces", dir,
			   pins->links);
	else if (pins->held)
		doctor_say(doctor, DOCTOR_FAIL, "stop that one, or name another --pin-dir",
			   "another controller uses %s (pid %u)", dir, pins->holder_pid);
	else if (pins->links > 0)
		doctor_say(doctor, DOCTOR_OK, NULL,
			   "%s: packets of %zu interfaces go on being limited by an earlier start",
			   dir, pins->links);
	else
		doctor_say(doctor, DOCTOR_OK, NULL, "%s: nothing is pinned", dir);
}

void check_pins(struct doctor *doctor)
{
	const char *dir = doctor->settings->pin_dir;
	struct datapath_pins pins;
	int err = datapath_look_pins(dir, &pins);

	if (err) {
		doctor_say(doctor, weigh(doctor, DOCTOR_FAIL),
			   "a bpffs takes no dots in names, and its directories are root's",
			   "cannot look at %s: %s", dir, strerror(-err));
		return;
	}
	if (!pins.bpffs && pins.mountable)
		doctor_say(doctor, weigh(doctor, DOCTOR_WARN),
			   "serve mounts it with CAP_SYS_ADMIN, or: mount -t bpf bpf /sys/fs/bpf",
			   "no bpffs is mounted at /sys/fs/bpf");
	else if (!pins.bpffs)
		doctor_say(doctor, weigh(doctor, DOCTOR_FAIL),
			   "name one below /sys/fs/bpf: --pin-dir", "%s is not on a bpffs", dir);
	else if (!pins.writable)
		doctor_say(doctor, weigh(doctor, DOCTOR_FAIL),
			   "make it as root and give it to this user",
			   "%s cannot be written by this user", dir);
	else
		doctor_say(doctor, DOCTOR_OK, NULL, "%s is on a bpffs and can be written", dir);
	if (pins.there)
		say_holder(doctor, &pins);
}
