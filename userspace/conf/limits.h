/* Limits that stand in files: a directory of them is read as one set. */
/* SPDX-License-Identifier: MIT */
#pragma once

#include "conf/conf.h"
#include "model/limit.h"

enum {
	CONF_LIMITS_MAX = 4096,      /* of one directory */
	CONF_LIMITS_FILES_MAX = 256, /* likewise; each up to CONF_FILE_MAX */
};

/* Where a limit of the set stands. */
struct conf_place {
	size_t file; /* index in files */
	uint32_t line;
};

struct conf_limits {
	struct limit *at; /* validated; without ids and times */
	struct conf_place *places;
	size_t n;
	char **files; /* paths, sorted */
	size_t n_files;
};

/*
 * Reads DIR/<name>.yaml, but for names that begin with a dot, in the order of names. All of it is one
 * set: two limits with one name, or that count the same, are refused like anything else that is
 * wrong. 0, CONF_E_INVALID with *error saying file, line and field, or -ENOMEM.
 */
int conf_limits_load(const char *dir, struct conf_error *error, struct conf_limits **ret);
/* NULL is fine. */
void conf_limits_free(struct conf_limits *limits);
static inline void conf_limits_freep(struct conf_limits **limits)
{
	conf_limits_free(*limits);
}
#define _cleanup_conf_limits_ _cleanup_(conf_limits_freep)

/* What is wrong with limit `i`, and where that stands. */
void conf_limits_refuse(const struct conf_limits *limits, size_t i, const struct field_error *why,
			struct conf_error *error);
