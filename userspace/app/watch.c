/* Notices that files have changed: a moment after the first change, whether or not more come. */
/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "app/watch.h"
#include "base/clock.h"

enum {
	EDIT_MS = 100, /* what changes together, editors write within that */
};

void watch_init(struct watch *watch)
{
	*watch = (struct watch){.fd = -1};
}

int watch_dirs(struct watch *watch, const char *const *dirs, size_t n)
{
	/* A directory may be gone, or another be there under its name. */
	const uint32_t events = IN_CLOSE_WRITE | IN_MOVE | IN_DELETE | IN_CREATE | IN_DELETE_SELF |
				IN_MOVE_SELF | IN_ONLYDIR;
	int fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK), err = 0;

	if (fd < 0)
		err = -errno;
	for (size_t i = 0; i < n && !err; i++)
		if (inotify_add_watch(fd, dirs[i], events) < 0)
			err = -errno;
	if (watch->fd >= 0)
		close(watch->fd);
	if (err && fd >= 0)
		close(fd);
	watch->fd = err ? -1 : fd;
	return err;
}

void watch_done(struct watch *watch)
{
	if (watch->fd >= 0)
		close(watch->fd);
	watch_init(watch);
}

int watch_prepare(const struct watch *watch, struct pollfd *ret, int wait_ms)
{
	uint64_t now = monotonic_ms();

	*ret = (struct pollfd){.fd = watch->due_ms ? -1 : watch->fd, .events = POLLIN};
	if (watch->due_ms == 0 || watch->due_ms >= now + (uint64_t)wait_ms)
		return wait_ms;
	return watch->due_ms > now ? (int)(watch->due_ms - now) : 0;
}

static void drain(const struct watch *watch)
{
	char events[4096];

	if (watch->fd < 0)
		return;
	while (read(watch->fd, events, sizeof(events)) > 0)
		;
}

bool watch_heed(struct watch *watch, const struct pollfd *waited)
{
	if (watch->due_ms == 0 && waited->revents)
		watch->due_ms = monotonic_ms() + EDIT_MS;
	if (watch->due_ms == 0 || watch->due_ms > monotonic_ms())
		return false;
	watch->due_ms = 0;
	drain(watch);
	return true;
}
