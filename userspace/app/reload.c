/* What changes while it serves: limits of files, on SIGHUP and when their directory changes. */
/* SPDX-License-Identifier: MIT */
#include <string.h>
#include <unistd.h>

#include "app/limits.h"
#include "app/reload.h"
#include "base/log.h"

enum {
	EDIT_MS = 100,  /* what changes together, editors write within that */
	TEND_MS = 1000, /* how often to look around when nothing happens */
};

static void watch_limits(struct server *server, const char *dir)
{
	if (server->watch_fd >= 0)
		close(server->watch_fd);
	server->watch_fd = limits_watch(dir);
	if (server->watch_fd < 0)
		log_warning("%s: changes are not noticed, only SIGHUP: %s", dir,
			    strerror(-server->watch_fd));
}

/* Watched first: what changes between the two is read again. */
int reload_start(struct server *server, struct field_error *error)
{
	const char *dir = conf_settings(server->conf)->limits;
	struct admin_files_result result;
	char text[CONF_ERROR_SIZE];
	struct conf_error why;
	int err;

	if (dir)
		watch_limits(server, dir);
	err = limits_apply(server->service, dir, &why, &result);
	if (err <= 0)
		return err;
	conf_error_format(&why, text);
	field_error_set(error, "", "%s", text);
	return err;
}

bool reload_wanted(const struct server *server)
{
	return conf_has_file(server->conf) || conf_settings(server->conf)->limits;
}

void reload_now(struct server *server)
{
	const char *dir = conf_settings(server->conf)->limits;

	log_info("SIGHUP: %s; settings are read at the start only",
		 dir ? "limits of files are read again" : "there is no directory of limits");
	if (!dir)
		return;
	/* The directory itself may be another by now. */
	watch_limits(server, dir);
	limits_reload(server->service, dir);
}

int reload_wait_ms(const struct server *server, const struct pollfd *files)
{
	return files->fd < 0 && server->watch_fd >= 0 ? EDIT_MS : TEND_MS;
}

void reload_heed(struct server *server, struct pollfd *files)
{
	if (files->revents) {
		files->fd = -1;
		return;
	}
	if (files->fd >= 0 || server->watch_fd < 0)
		return;
	limits_watch_drain(server->watch_fd);
	limits_reload(server->service, conf_settings(server->conf)->limits);
	files->fd = server->watch_fd;
}
