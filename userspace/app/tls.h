/* The files of certificate and key: watched, read again, and what an operator must know of them. */
/* SPDX-License-Identifier: MIT */
#pragma once

#include <sys/stat.h>

#include "app/watch.h"
#include "conf/conf.h"
#include "doors/http/http.h"

struct clock;

/* The main thread's. */
struct tls_files {
	struct watch watch;
	struct stat seen[2]; /* of what was last read; all zero: nothing there */
};

/* What was logged of the certificate in force; zero to begin with. */
struct tls_reported {
	struct http_certificate certificate;
	uint64_t again_ms; /* unix time: not before then is it warned of once more */
};

void tls_init(struct tls_files *files);
/* Notes what the files are now, and watches them: before they are read. Without TLS nothing. */
void tls_watch(struct tls_files *files, const struct settings *settings);
/*
 * Reads certificate and key again if they are others than before, or `always`; logs what is in force.
 * Directories are watched anew, since names may lead elsewhere by now.
 */
void tls_reload(struct tls_files *files, const struct settings *settings, struct http *http,
		bool always);
void tls_done(struct tls_files *files);

/*
 * Logs what is dangerous about the certificate in force: when it is new, and once a day that it
 * expires within 14 days, or is out of its time.
 */
void tls_report(const struct http *http, const struct clock *clock, struct tls_reported *reported);
