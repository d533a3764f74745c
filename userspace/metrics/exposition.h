/* Writes Prometheus' text format, version 0.0.4. */
/* SPDX-License-Identifier: MIT */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

#define EXPOSITION_CONTENT_TYPE "text/plain; version=0.0.4; charset=utf-8"

/* Errors stick in the buf. */
struct exposition {
	struct buf *buf;
};

/* name must need no escape; any UTF-8 will do for the value. */
struct exposition_label {
	const char *name;
	const char *value;
};

/* The lines before a metric's samples; once per metric, and all its samples follow. */
void exposition_begin(struct exposition *out, const char *name, const char *type, const char *help);

/* One sample each; `name` is the metric's, with a suffix where it is a histogram. */
void exposition_u64(struct exposition *out, const char *name, const struct exposition_label *labels,
		    size_t n, uint64_t value);
void exposition_double(struct exposition *out, const char *name,
		       const struct exposition_label *labels, size_t n, double value);
/* A number that is written already. */
void exposition_text(struct exposition *out, const char *name,
		     const struct exposition_label *labels, size_t n, const char *value);
