/* Asks rtnetlink for one interface. */
/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <linux/if.h>
#include <linux/if_link.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "generator/link.h"

/* An interface's answer has some 2 KiB; the kernel cuts what does not fit. */
enum { ANSWER_BYTES = 32 << 10 };

union answer {
	struct nlmsghdr head;
	char bytes[ANSWER_BYTES];
};

static void read_kind(const struct rtattr *info, struct link_facts *ret)
{
	int left = RTA_PAYLOAD(info);

	for (const struct rtattr *a = RTA_DATA(info); RTA_OK(a, left); a = RTA_NEXT(a, left)) {
		if (a->rta_type == IFLA_INFO_KIND)
			strncpy(ret->kind, RTA_DATA(a), LINK_KIND_SIZE - 1);
	}
}

static void read_attribute(const struct rtattr *a, struct link_facts *ret)
{
	struct rtnl_link_stats64 stats;

	switch (a->rta_type) {
	case IFLA_LINKINFO:
		read_kind(a, ret);
		break;
	case IFLA_LINK_NETNSID:
		ret->peer_elsewhere = true;
		break;
	case IFLA_STATS64:
		if (RTA_PAYLOAD(a) < offsetof(struct rtnl_link_stats64, multicast))
			break;
		/* Attributes are aligned to 4 bytes only. */
		memcpy(&stats, RTA_DATA(a), offsetof(struct rtnl_link_stats64, multicast));
		ret->tx_packets = stats.tx_packets;
		ret->tx_dropped = stats.tx_dropped;
		break;
	default:
		break;
	}
}

static int read_answer(const union answer *answer, ssize_t bytes, struct link_facts *ret)
{
	const struct nlmsghdr *head = &answer->head;
	const struct ifinfomsg *info = NLMSG_DATA(head);
	int left;

	if (!NLMSG_OK(head, (size_t)bytes))
		return -EBADMSG;
	if (head->nlmsg_type == NLMSG_ERROR)
		return ((const struct nlmsgerr *)NLMSG_DATA(head))->error;
	if (head->nlmsg_type != RTM_NEWLINK)
		return -EBADMSG;
	*ret = (struct link_facts){.up = info->ifi_flags & IFF_UP};
	left = (int)IFLA_PAYLOAD(head);
	for (const struct rtattr *a = IFLA_RTA(info); RTA_OK(a, left); a = RTA_NEXT(a, left))
		read_attribute(a, ret);
	return 0;
}

int link_query(uint32_t ifindex, struct link_facts *ret)
{
	struct {
		struct nlmsghdr head;
		struct ifinfomsg info;
	} request = {
		.head = {.nlmsg_len = sizeof(request),
			 .nlmsg_type = RTM_GETLINK,
			 .nlmsg_flags = NLM_F_REQUEST},
		.info = {.ifi_family = AF_UNSPEC, .ifi_index = (int)ifindex},
	};
	union answer answer;
	ssize_t bytes = -1;
	int err;
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);

	if (fd < 0)
		return -errno;
	if (send(fd, &request, sizeof(request), 0) >= 0)
		bytes = recv(fd, &answer, sizeof(answer), 0);
	err = bytes < 0 ? -errno : read_answer(&answer, bytes, ret);
	close(fd);
	return err;
}

bool link_in_first_namespace(void)
{
	struct stat mine, first;

	return stat("/proc/thread-self/ns/net", &mine) == 0 &&
	       stat("/proc/1/ns/net", &first) == 0 && mine.st_dev == first.st_dev &&
	       mine.st_ino == first.st_ino;
}
