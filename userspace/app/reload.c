/* What changes while it serves: settings on SIGHUP, limits of files also when their directory changes. */
/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <string.h>

#include "app/limits.h"
#include "app/reload.h"
#include "base/log.h"

enum {
	TEND_MS = 1000, /* how often to look around when nothing happens */
};

static void watch_limits(struct server *server, const char *dir)
{
	int err = watch_dirs(&server->limits, &dir, 1);

	if (err)
		log_warning(
			"%s cannot be watched (%s): send SIGHUP after each change of a file there",
			dir, strerror(-err));
}

/* Watched first: what changes between the two is read again. */
int reload_start(struct server *server, struct field_error *error)
{
	const char *dir = conf_settings(server->conf)->limits;
	struct admin_files_result result;
	char text[CONF_ERROR_SIZE];
	struct conf_error why;
	int err;

	tls_watch(&server->tls, conf_settings(server->conf));
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
	const struct settings *settings = conf_settings(server->conf);

	return conf_has_file(server->conf) || settings->limits || settings->tls_cert;
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

void reload_now(struct server *server)
{
	bool had_limits = server_settings(server)->limits;
	const char *dir;

	reload_settings(server);
	dir = server_settings(server)->limits;
	tls_reload(&server->tls, server_settings(server), server->http, true);
	/* The directory itself may be another by now, under the same name too. */
	watch_done(&server->limits);
	if (dir)
		watch_limits(server, dir);
	if (dir || had_limits)
		limits_reload(server->service, dir);
}

int reload_prepare(const struct server *server, struct pollfd ret[RELOAD_WATCHES])
{
	int wait_ms = watch_prepare(&server->limits, &ret[0], TEND_MS);

	return watch_prepare(&server->tls.watch, &ret[1], wait_ms);
}

void reload_heed(struct server *server, const struct pollfd waited[RELOAD_WATCHES])
{
	const struct settings *settings = server_settings(server);

	if (watch_heed(&server->limits, &waited[0])) {
		/* Another directory may have taken its place. */
		watch_limits(server, settings->limits);
		limits_reload(server->service, settings->limits);
	}
	if (watch_heed(&server->tls.watch, &waited[1]))
		tls_reload(&server->tls, settings, server->http, false);
}
