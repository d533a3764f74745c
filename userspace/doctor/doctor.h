/* The doctor: looks at a host with no controller's help, and says what stands in its way and what to do. */
/* SPDX-License-Identifier: MIT */
#pragma once

#include <stddef.h>

#include "base/buf.h"
#include "conf/conf.h"

/*
 * Nothing is changed but for a file of 4 KiB that is written to the data directory and removed, and
 * ports that are listened on for a moment. Safe beside a running controller. For one thread.
 */
enum doctor_verdict {
	DOCTOR_OK,
	DOCTOR_WARN, /* it works, but not as well as it could, or not for long */
	DOCTOR_FAIL, /* what was asked for does not work */
};

enum {
	DOCTOR_FINDINGS_MAX = 128,
	DOCTOR_TEXT_SIZE = 320,
};

struct doctor_finding {
	const char *check; /* of which row; static */
	enum doctor_verdict verdict;
	char message[DOCTOR_TEXT_SIZE];
	char next[DOCTOR_TEXT_SIZE]; /* what to do; "" when it is fine */
};

struct doctor_report {
	struct doctor_finding findings[DOCTOR_FINDINGS_MAX];
	size_t n;
};

/* Runs every check, each adding to *report. */
void doctor_run(const struct settings *settings, struct doctor_report *report);
/* One finding more, of whatever could not even be begun. */
void doctor_add(struct doctor_report *report, const char *check, enum doctor_verdict verdict,
		const char *next, const char *format, ...) __attribute__((format(printf, 5, 6)));

enum doctor_verdict doctor_worst(const struct doctor_report *report);
/* A line each, what to do below; and one JSON object. */
void doctor_show(const struct doctor_report *report, struct buf *text);
void doctor_show_json(const struct doctor_report *report, struct buf *text);
