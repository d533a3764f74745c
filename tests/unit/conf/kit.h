/* Loads settings for tests: files with a given text, command lines, environments. */
/* SPDX-License-Identifier: MIT */
#pragma once

#include <stddef.h>

#include "conf/conf.h"

enum {
	KIT_ARGS_MAX = 40,
	KIT_PATH_SIZE = 64,
};

/* A set of settings under test, and what its texts borrow. */
struct kit {
	struct conf *conf;
	struct conf_error error;
	char *path; /* of the file, if it was made here; that is gone, but errors and origins name it */
	char *line; /* of arguments, cut into words */
	char *args[KIT_ARGS_MAX];
	char *variables; /* the same */
	char *environment[KIT_ARGS_MAX];
};

/* A new file with these bytes; the test removes it. */
void kit_write(const void *bytes, size_t len, char path[KIT_PATH_SIZE]);

/* Words with spaces between them; NULL: none. Returns what conf_load() does. */
int kit_load(struct kit *kit, const char *file, const char *environment, const char *args);
/* The same with a file of this text. */
int kit_load_text(struct kit *kit, const char *text, const char *environment, const char *args);
void kit_done(struct kit *kit);

/* The lines of conf_show(), on the heap. */
char *kit_show(const struct kit *kit);
