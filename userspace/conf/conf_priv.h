/* A loaded set of settings: values, origins, and the texts that values borrow. */
/* SPDX-License-Identifier: MIT */
#pragma once

#include "conf/table_priv.h"
#include "conf/yaml_reader.h"

enum conf_source {
	SOURCE_DEFAULT,
	SOURCE_FILE,
	SOURCE_ENVIRONMENT,
	SOURCE_FLAG,
};

struct conf_origin {
	enum conf_source source;
	uint32_t line; /* of the file */
	bool by_file;  /* the environment named a file that holds it */
};

struct conf {
	struct conf_sources sources; /* all borrowed */
	struct settings settings;
	struct conf_origin origins[SETTINGS_MAX];
	const char *path;            /* of the file; NULL: none */
	struct yaml_file *file;      /* owned */
	char *secrets[SETTINGS_MAX]; /* read from files; owned, by row */
};

/*
 * Reads at most `max` bytes into heap memory, with a NUL after them. 0, -EFBIG for a longer file,
 * or -errno.
 */
int conf_read_file(const char *path, size_t max, char **ret, size_t *ret_len);
/* The same, but it waits for nobody: what is no plain file, such as a pipe, is -EINVAL. */
int conf_read_plain_file(const char *path, size_t max, char **ret, size_t *ret_len);
/*
 * The same for one secret: without the line's end, if there is one. 0, CONF_E_INVALID with
 * error->message, or -ENOMEM.
 */
int conf_read_secret(const char *path, struct field_error *error, char **ret);
/* NULL is fine. */
void conf_wipe(char *secret);

/* "default", "FILE:LINE", "environment NAME", "flag --name". */
void conf_origin_format(const struct conf *conf, size_t row, struct buf *text);
