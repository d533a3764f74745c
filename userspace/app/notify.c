/* Tells the service manager how the start and the stop go. */
/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "app/notify.h"
#include "base/log.h"

/* A leading '@' stands for the NUL of an abstract name. 0 or -EINVAL. */
static int read_address(const char *path, struct sockaddr_un *ret, socklen_t *ret_len)
{
	size_t len = strlen(path);

	if ((path[0] != '/' && path[0] != '@') || len >= sizeof(ret->sun_path))
		return -EINVAL;
	*ret = (struct sockaddr_un){.sun_family = AF_UNIX};
	memcpy(ret->sun_path, path, len);
	if (path[0] == '@')
		ret->sun_path[0] = '\0';
	*ret_len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len);
	return 0;
}

static int send_state(const char *path, const char *state)
{
	struct sockaddr_un address;
	socklen_t len;
	ssize_t n;
	int fd, err = read_address(path, &address, &len);

	if (err)
		return err;
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	n = sendto(fd, state, strlen(state), MSG_NOSIGNAL, (struct sockaddr *)&address, len);
	err = n < 0 ? -errno : 0;
	close(fd);
	return err;
}

void notify_manager(const char *state)
{
	const char *path = getenv("NOTIFY_SOCKET");
	int err = path && *path ? send_state(path, state) : 0;

	if (err)
		log_warning("cannot tell the service manager %s, so that it may give up waiting "
			    "(NOTIFY_SOCKET=%s): %s",
			    state, path, strerror(-err));
}
