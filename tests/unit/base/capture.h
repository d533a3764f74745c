/* Takes what a test writes to stderr, as a pipe or as a terminal would get it. */
/* SPDX-License-Identifier: MIT */
#pragma once

#include <sys/types.h>

#include "json/json.h"

/* What stderr was, and where it goes meanwhile. */
struct capture {
	int saved;
	int reader;
	char text[65536];
	ssize_t len;
};

void capture_pipe(struct capture *capture);
void capture_terminal(struct capture *capture);
/* Takes what is there by now, at most what a read brings; stderr goes on being captured. */
void capture_read(struct capture *capture);
/* The same, and stderr is what it was. */
void capture_end(struct capture *capture);

/* The one JSON line that was captured, of which it checks the form. */
struct json_document *capture_line(const struct capture *capture);
/* A text member of a line. */
const char *log_member(const struct json_document *document, const char *name);
