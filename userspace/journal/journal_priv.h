/* What a backend of the journal provides. */
/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>

#include "journal/journal.h"

/* As the calls of journal.h; journal.c has checked that they come in order. */
struct journal_ops {
	int (*begin)(struct journal *journal, uint32_t schema);
	int (*append)(struct journal *journal, const void *bytes, size_t len);
	int (*commit)(struct journal *journal);
	void (*abandon)(struct journal *journal);
	int (*read)(struct journal *journal, uint32_t schema_max, journal_each *each, void *data,
		    struct field_error *error);
	int (*set_aside)(struct journal *journal, char ret_name[JOURNAL_NAME_SIZE]);
	void (*close)(struct journal *journal);
};

/* First member of every backend. */
struct journal {
	const struct journal_ops *ops;
	bool begun;
	bool failed; /* since it was begun */
};

/* The one sentence for both backends. Returns JOURNAL_E_NEWER. */
int journal_refuse_newer(struct field_error *error, uint32_t schema, uint32_t schema_max);
