/* Each interface that is named: there, up, with which driver, and whose program is on it. */
/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "datapath/look.h"
#include "doctor/doctor_priv.h"

/* Beyond it several drivers take no program natively, though ours is fit for packets in pieces. */
#define MTU_SURE 3498

struct interface {
	const char *name;
	unsigned int index;
	unsigned int flags;
	unsigned int mtu;
	char driver[64]; /* "": a virtual one without a device */
};

static void read_driver(const char *name, char driver[64])
{
	char path[128], target[256];
	const char *slash;
	ssize_t n;

	snprintf(path, sizeof(path), "/sys/class/net/%s/device/driver", name);
	n = readlink(path, target, sizeof(target) - 1);
	driver[0] = '\0';
	if (n < 0)
		return;
	target[n] = '\0';
	slash = strrchr(target, '/');
	snprintf(driver, 64, "%.63s", slash ? slash + 1 : target);
}

static int look_at(const char *name, struct interface *ret)
{
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct ifreq request = {0};

	*ret = (struct interface){.name = name, .index = if_nametoindex(name)};
	if (!ret->index || fd < 0) {
		if (fd >= 0)
			close(fd);
		return -ENODEV;
	}
	snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", name);
	if (ioctl(fd, SIOCGIFFLAGS, &request) == 0)
		ret->flags = (unsigned int)(unsigned short)request.ifr_flags;
	if (ioctl(fd, SIOCGIFMTU, &request) == 0)
		ret->mtu = (unsigned int)request.ifr_mtu;
	close(fd);
	read_driver(name, ret->driver);
	return 0;
}

/* False when another program is there, which says it all. */
static bool check_attached(struct doctor *doctor, const struct interface *interface, bool *ret_ours)
{
	struct datapath_attached attached;
	int err = datapath_look_attached(interface->index, &attached);

	*ret_ours = !err && attached.sluice;
	if (err || attached.id == 0)
		return true;
	if (attached.sluice) {
		doctor_say(doctor, attached.mode == DATAPATH_NATIVE ? DOCTOR_OK : DOCTOR_WARN,
			   attached.mode == DATAPATH_NATIVE ?
				   NULL :
				   "generic XDP is slower; docs/packets.md says what native takes",
			   "%s: a Sluice limits its packets, by %s XDP (program %u)",
			   interface->name, attached.mode == DATAPATH_NATIVE ? "native" : "generic",
			   attached.id);
		return true;
	}
	doctor_say(doctor, DOCTOR_FAIL,
		   "detach it: ip link set dev IFACE xdp off, or whoever attached it",
		   "%s: another XDP program is attached to it (id %u)", interface->name,
		   attached.id);
	return false;
}

static void check_native(struct doctor *doctor, const struct interface *interface)
{
	int native = xdp_has_native(interface->index);
	const char *driver = interface->driver[0] ? interface->driver : "no driver of a device";

	if (native == 0)
		doctor_say(doctor, DOCTOR_WARN,
			   "packets are limited by generic XDP there, which is slower",
			   "%s: %s, which has no native XDP as it is set up", interface->name,
			   driver);
	else if (interface->mtu > MTU_SURE)
		doctor_say(doctor, DOCTOR_WARN,
			   "if it falls back to generic XDP, lower the MTU to 3498",
			   "%s: an MTU of %u, at which some drivers refuse native XDP",
			   interface->name, interface->mtu);
	else
		doctor_say(doctor, DOCTOR_OK, NULL, "%s: up, %s, MTU %u, %s", interface->name,
			   driver, interface->mtu,
			   native > 0 ? "has native XDP" :
					"says nothing of native XDP before it is tried");
}

static void check_one(struct doctor *doctor, const char *name)
{
	struct interface interface;
	bool ours;

	if (look_at(name, &interface)) {
		doctor_say(doctor, DOCTOR_FAIL,
			   "`ip link` shows what there is; serve takes it up when it comes",
			   "%s: there is no such interface", name);
		return;
	}
	if (!(interface.flags & IFF_UP))
		doctor_say(doctor, DOCTOR_WARN, "ip link set dev IFACE up", "%s is down", name);
	if (check_attached(doctor, &interface, &ours) && !ours)
		check_native(doctor, &interface);
}

void check_interfaces(struct doctor *doctor)
{
	const struct settings *settings = doctor->settings;

	if (settings->n_interfaces == 0)
		doctor_say(doctor, DOCTOR_OK, NULL,
			   "none is named, so no packets are to be limited (--iface NAME)");
	for (size_t i = 0; i < settings->n_interfaces; i++)
		check_one(doctor, settings->interfaces[i]);
}
