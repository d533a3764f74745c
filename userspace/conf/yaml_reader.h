/* Reads a small, safe part of YAML: one mapping of names to values or to lists of values. */
/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "base/field_error.h"

/* The text is not what we read; *error says where and why. */
#define YAML_E_INVALID 1

enum {
	YAML_ENTRIES_MAX = 256,
	YAML_VALUES_MAX = 64, /* of one list */
};

struct yaml_value {
	char *text; /* UTF-8 without NUL */
	uint32_t line;
	bool plain; /* without quotes */
};

struct yaml_entry {
	char *name;
	uint32_t line;
	bool list; /* else there is exactly one value */
	struct yaml_value *values;
	size_t n_values;
};

struct yaml_file {
	struct yaml_entry entries[YAML_ENTRIES_MAX];
	size_t n_entries;
};

struct yaml_error {
	uint32_t line;           /* from 1 */
	struct field_error what; /* field: the entry at fault, or "" */
};

/*
 * Refused: anchors, aliases, tags, directives, a second document, mappings below the first,
 * lists in lists, a name twice, NUL, text that is not UTF-8. An empty text has no entries. Work and
 * memory are linear in len. 0, YAML_E_INVALID or -ENOMEM.
 */
int yaml_read(const char *text, size_t len, struct yaml_error *error, struct yaml_file **ret);
/* NULL is fine. */
void yaml_file_free(struct yaml_file *file);
static inline void yaml_file_freep(struct yaml_file **file)
{
	yaml_file_free(*file);
}
#define _cleanup_yaml_ _cleanup_(yaml_file_freep)
