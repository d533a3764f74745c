/* What changes while it serves: settings on SIGHUP, limits of files also when their directory changes. */
/* SPDX-License-Identifier: MIT */
#include <stdio.h>
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
	server->watch_fd = limits_watch(dir);
	if (server->watch_fd < 0)
		log_warning(
			"%s cannot be watched (%s): send SIGHUP after each change of a file there",
			dir, strerror(-server->watch_fd));
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

static void refuse_settings(struct server *server, int err, const struct conf_error *error)
{
	char text[CONF_ERROR_SIZE];

	if (err > 0)
		conf_error_format(error, text);
	else
		snprintf(text, sizeof(text), "%s", strerror(-err));
	log_error("SIGHUP: settings stay as they were, until they are mended and SIGHUP is sent "
		  "again: %s",
		  text);
	/* Whoever asks need not have a key: no more than that. */
	http_say_settings(server->http,
			  "what the files say is refused, the former are in force; see the log");
}

/* Warns of settings that another value stands for, but only a restart puts that in force. */
static void tell_pending(struct server *server, const struct conf *fresh)
{
	_cleanup_buf_ struct buf names;
	char text[HTTP_SETTINGS_SIZE];
	bool many;

	buf_init(&names);
	conf_put_changed(server->conf, fresh, false, &names);
	if (names.len == 0) {
		http_say_settings(server->http, "ok");
		return;
	}
	many = strchr(names.data, ',');
	snprintf(text, sizeof(text), "%s %s from the file; %s a restart", names.data,
		 many ? "differ" : "differs", many ? "take" : "takes");
	log_warning("settings: %s", text);
	http_say_settings(server->http, text);
}

static void tell_changed(const struct server *server, const struct conf *fresh)
{
	const struct conf *former = server->fresh ? server->fresh : server->conf;
	_cleanup_buf_ struct buf names;

	buf_init(&names);
	conf_put_changed(former, fresh, true, &names);
	if (names.len > 0)
		log_info("SIGHUP: settings are read again: %s changed", names.data);
	else
		log_info("SIGHUP: settings are read again");
}

/* Those of the table that SIGHUP changes, but for limits. */
static void put_in_force(struct server *server, const struct settings *settings)
{
	log_init(settings->log_level, settings->log_format);
	http_set_log_requests(server->http, (enum http_log_requests)settings->log_requests);
	service_set_keys_max(server->service, settings->keys_max);
	service_set_snapshot_interval(server->service, (uint32_t)settings->snapshot_interval_ms);
	service_set_keep(server->service, settings->audit_keep_ms, settings->usage_keep_ms);
	http_set_timeouts(server->http, (unsigned int)settings->header_timeout_ms,
			  (unsigned int)settings->body_timeout_ms,
			  (unsigned int)settings->idle_timeout_ms);
}

static void reload_settings(struct server *server)
{
	struct conf_error error;
	struct conf *fresh;
	int err = conf_load_again(server->conf, &error, &fresh);

	if (err) {
		refuse_settings(server, err, &error);
		return;
	}
	tell_changed(server, fresh);
	tell_pending(server, fresh);
	put_in_force(server, conf_settings(fresh));
	conf_free(server->fresh);
	server->fresh = fresh;
}

static void unwatch_limits(struct server *server)
{
	if (server->watch_fd >= 0)
		close(server->watch_fd);
	server->watch_fd = -1;
}

void reload_now(struct server *server)
{
	bool had_limits = server_settings(server)->limits;
	const char *dir;

	reload_settings(server);
	dir = server_settings(server)->limits;
	/* The directory itself may be another by now, under the same name too. */
	unwatch_limits(server);
	if (dir)
		watch_limits(server, dir);
	if (dir || had_limits)
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
	limits_reload(server->service, server_settings(server)->limits);
	files->fd = server->watch_fd;
}
