/* The files of certificate and key: watched, read again, and what an operator must know of them. */
/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/tls.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/utc.h"
#include "httpd/httpd.h"

enum {
	AGAIN_MS = 24 * 3600 * 1000,
};

void tls_init(struct tls_files *files)
{
	memset(files, 0, sizeof(*files));
	watch_init(&files->watch);
}

void tls_done(struct tls_files *files)
{
	watch_done(&files->watch);
}

static bool same_file(const struct stat *a, const struct stat *b)
{
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino && a->st_size == b->st_size &&
	       a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec &&
	       a->st_ctim.tv_sec == b->st_ctim.tv_sec && a->st_ctim.tv_nsec == b->st_ctim.tv_nsec;
}

/* Whether they are others than last time. */
static bool look(struct tls_files *files, const struct settings *settings)
{
	const char *const paths[] = {settings->tls_cert, settings->tls_key};
	bool changed = false;

	for (size_t i = 0; i < 2; i++) {
		struct stat now = {0};

		if (stat(paths[i], &now) < 0)
			memset(&now, 0, sizeof(now));
		changed |= !same_file(&now, &files->seen[i]);
		files->seen[i] = now;
	}
	return changed;
}

/* The directory of what path names, in place of it. */
static void cut_to_directory(char path[PATH_MAX])
{
	char *slash = strrchr(path, '/');

	if (!slash)
		snprintf(path, PATH_MAX, ".");
	else if (slash == path)
		path[1] = '\0';
	else
		*slash = '\0';
}

/*
 * A name may be a link: certbot puts another in its place, a mounted Secret exchanges the directory
 * that it leads through, and the file behind it may be written over.
 */
static void watch_again(struct tls_files *files, const struct settings *settings)
{
	const char *const paths[] = {settings->tls_cert, settings->tls_key};
	char texts[WATCH_DIRS_MAX][PATH_MAX];
	const char *dirs[WATCH_DIRS_MAX];
	size_t n = 0;
	int err;

	for (size_t i = 0; i < 2; i++) {
		if (strlen(paths[i]) >= PATH_MAX)
			continue;
		snprintf(texts[n], PATH_MAX, "%s", paths[i]);
		cut_to_directory(texts[n]);
		dirs[n] = texts[n];
		n++;
		if (!realpath(paths[i], texts[n]))
			continue;
		cut_to_directory(texts[n]);
		dirs[n] = texts[n];
		n++;
	}
	err = watch_dirs(&files->watch, dirs, n);
	if (err)
		log_warning("%s, %s cannot be watched (%s): send SIGHUP after each change of them",
			    paths[0], paths[1], strerror(-err));
}

void tls_watch(struct tls_files *files, const struct settings *settings)
{
	if (!settings->tls_cert)
		return;
	watch_again(files, settings);
	look(files, settings);
}

static void tell_in_force(const struct settings *settings, const struct http *http)
{
	struct http_certificate certificate;
	char until[UTC_TEXT_SIZE];

	if (!http_certificate(http, &certificate))
		return;
	utc_format((uint64_t)certificate.expires * 1000, until);
	log_info("%s is read again: new connections get this certificate, valid until %s",
		 settings->tls_cert, until);
}

void tls_reload(struct tls_files *files, const struct settings *settings, struct http *http,
		bool always)
{
	struct field_error error = {.field = ""};
	bool changed = false;
	int err;

	if (settings->tls_cert) {
		watch_again(files, settings);
		changed = look(files, settings);
	} else {
		watch_done(&files->watch);
	}
	if (!changed && !always)
		return;
	err = http_reload_tls(http, settings->tls_cert, settings->tls_key, &error);
	if (err > 0)
		log_error("the former certificate stays in force: %s: %s", error.field,
			  error.message);
	else if (err)
		log_error("the former certificate stays in force: %s", strerror(-err));
	else
		tell_in_force(settings, http);
}

/* Whether it is to be warned of. */
static bool report_time(const struct http_certificate *certificate, uint64_t now_ms)
{
	int64_t now = (int64_t)(now_ms / 1000), left = certificate->expires - now;
	char text[UTC_TEXT_SIZE];

	utc_format((uint64_t)(certificate->begins > now ? certificate->begins :
							  certificate->expires) *
			   1000,
		   text);
	if (certificate->begins > now)
		log_error("tls_cert: the certificate is not valid before %s: clients that look "
			  "refuse it",
			  text);
	else if (left <= 0)
		log_error(
			"tls_cert: the certificate has expired at %s: clients that look refuse it",
			text);
	else if (left < HTTPD_TLS_SOON_S)
		log_warning("tls_cert: the certificate expires at %s: clients that look refuse it "
			    "from then on",
			    text);
	else
		return false;
	return true;
}

void tls_report(const struct http *http, const struct clock *clock, struct tls_reported *reported)
{
	uint64_t now_ms = clock_utc_ms(clock);
	struct http_certificate now;

	if (!http_certificate(http, &now))
		return;
	if (now.expires != reported->certificate.expires ||
	    now.begins != reported->certificate.begins ||
	    now.key_open != reported->certificate.key_open) {
		*reported = (struct tls_reported){.certificate = now};
		if (now.key_open)
			log_warning("tls_key: everybody on this host may read or change the key's "
				    "file: chmod o= would end that");
	}
	if (now_ms >= reported->again_ms && report_time(&now, now_ms))
		reported->again_ms = now_ms + AGAIN_MS;
}
