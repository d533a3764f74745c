/* Reads a file of limits: `limits:` and a list, each item handed on as JSON with its lines. */
/* SPDX-License-Identifier: MIT */
#pragma once

#include "conf/yaml_reader.h"

enum {
	YAML_LIMIT_DEPTH_MAX = 4, /* of lists and mappings in one limit, itself included */
	YAML_MEMBERS_MAX = 32,    /* of one limit */
};

/* One limit; borrowed during the call. */
struct yaml_limit {
	const char *json; /* an object */
	size_t len;
	uint32_t line;
	struct {
		char name[32];
		uint32_t line;
	} members[YAML_MEMBERS_MAX];
	size_t n_members;
};

/* Non-zero ends the reading and is returned by it. */
typedef int (*yaml_limit_fn)(const struct yaml_limit *limit, void *data);

/*
 * Refuses what yaml_read() refuses, but for nesting up to YAML_LIMIT_DEPTH_MAX. Without quotes, true
 * and false, null, and whole numbers that fit 64 bits become JSON's; all else becomes text. A name
 * twice below a member is left to the reader of the JSON. 0, YAML_E_INVALID, -ENOMEM or what visit returned.
 */
int yaml_limits_read(const char *text, size_t len, struct yaml_error *error, yaml_limit_fn visit,
		     void *data);
