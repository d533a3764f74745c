/* What the files of the log share: how a line is made, and where it goes. */
/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>

#include "base/buf.h"
#include "base/log.h"

enum {
	/* A pipe takes this much at once (PIPE_BUF), so lines of several writers never mix. */
	LOG_LINE_MAX = 4096,
};

struct log_line {
	enum log_level level;
	const char *message;
	size_t len;
	bool cut; /* the message was longer */
	const struct log_field *fields;
	size_t n;
};

/* log_line.c: one whole line with its end, in `text`, which is on LOG_LINE_MAX bytes. */
void log_line_put(const struct log_line *line, bool json, struct buf *text);

/* log.c */
bool log_is_json(void);

/* log_queue.c: to stderr, in the order of the calls. */
void log_queue_put(const char *line, size_t len);
