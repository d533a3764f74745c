/* Asks the kernel over netlink whether an interface's driver has native XDP (Linux 6.3 and later). */
/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <linux/genetlink.h>
#include <linux/netlink.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "doctor/doctor_priv.h"

/* Of linux/netdev.h, which the headers of Linux 6.1 lack. */
enum {
	NETDEV_CMD_DEV_GET = 1,
	NETDEV_A_DEV_IFINDEX = 1,
	NETDEV_A_DEV_XDP_FEATURES = 3,
	NETDEV_XDP_ACT_BASIC = 1,
};

enum {
	MESSAGE_SIZE = 8192,
	WAIT_S = 1,
};

/* A question with one attribute, and the room for its answer. */
struct exchange {
	struct nlmsghdr head;
	struct genlmsghdr generic;
	char rest[MESSAGE_SIZE];
};

static void begin(struct exchange *exchange, uint16_t family, uint8_t command)
{
	memset(exchange, 0, sizeof(*exchange));
	exchange->head.nlmsg_len = NLMSG_LENGTH(GENL_HDRLEN);
	exchange->head.nlmsg_type = family;
	exchange->head.nlmsg_flags = NLM_F_REQUEST;
	exchange->generic.cmd = command;
	exchange->generic.version = 1;
}

static void put(struct exchange *exchange, uint16_t type, const void *bytes, uint16_t len)
{
	struct nlattr attribute = {.nla_len = (uint16_t)(NLA_HDRLEN + len), .nla_type = type};
	char *at = (char *)exchange + exchange->head.nlmsg_len;

	memcpy(at, &attribute, sizeof(attribute));
	memcpy(at + NLA_HDRLEN, bytes, len);
	exchange->head.nlmsg_len += (uint32_t)NLA_ALIGN(NLA_HDRLEN + len);
}

/* The answer takes the question's place. 0 or -errno. */
static int ask(int fd, struct exchange *exchange)
{
	ssize_t n = send(fd, exchange, exchange->head.nlmsg_len, 0);
	int error;

	if (n < 0)
		return -errno;
	n = recv(fd, exchange, sizeof(*exchange), 0);
	if (n < 0)
		return -errno;
	if (n < (ssize_t)sizeof(exchange->head) || exchange->head.nlmsg_len > (size_t)n)
		return -EPROTO;
	if (exchange->head.nlmsg_type != NLMSG_ERROR)
		return 0;
	memcpy(&error, &exchange->generic, sizeof(error));
	return error ? error : -EPROTO;
}

/* Copies `len` bytes of the first attribute of this type. 0 or -ENOENT. */
static int get(const struct exchange *exchange, uint16_t type, void *ret, size_t len)
{
	const char *at = exchange->rest;
	const char *end = (const char *)exchange + exchange->head.nlmsg_len;
	struct nlattr attribute;

	while (end - at >= NLA_HDRLEN) {
		memcpy(&attribute, at, sizeof(attribute));
		if (attribute.nla_len < NLA_HDRLEN || attribute.nla_len > end - at)
			return -EPROTO;
		if ((attribute.nla_type & NLA_TYPE_MASK) == type &&
		    attribute.nla_len >= NLA_HDRLEN + len) {
			memcpy(ret, at + NLA_HDRLEN, len);
			return 0;
		}
		at += NLA_ALIGN(attribute.nla_len);
	}
	return -ENOENT;
}

static int ask_features(int fd, unsigned int ifindex, uint64_t *ret)
{
	static const char name[] = "netdev";
	struct exchange exchange;
	uint16_t family;
	int err;

	begin(&exchange, GENL_ID_CTRL, CTRL_CMD_GETFAMILY);
	put(&exchange, CTRL_ATTR_FAMILY_NAME, name, sizeof(name));
	err = ask(fd, &exchange);
	if (!err)
		err = get(&exchange, CTRL_ATTR_FAMILY_ID, &family, sizeof(family));
	if (err)
		return err;
	begin(&exchange, family, NETDEV_CMD_DEV_GET);
	put(&exchange, NETDEV_A_DEV_IFINDEX, &ifindex, sizeof(ifindex));
	err = ask(fd, &exchange);
	return err ? err : get(&exchange, NETDEV_A_DEV_XDP_FEATURES, ret, sizeof(*ret));
}

int xdp_has_native(unsigned int ifindex)
{
	const struct timeval wait = {.tv_sec = WAIT_S};
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_GENERIC), err;
	uint64_t features = 0;

	if (fd < 0)
		return -errno;
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait));
	err = ask_features(fd, ifindex, &features);
	close(fd);
	return err ? err : (features & NETDEV_XDP_ACT_BASIC) != 0;
}
