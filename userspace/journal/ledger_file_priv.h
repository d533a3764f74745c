/* The ledger in an SQLite file: its connection and statements, and what its files share. */
/* SPDX-License-Identifier: MIT */
#pragma once

#include "db/db.h"
#include "journal/ledger_priv.h"

struct ledger_file {
	struct ledger ledger; /* first */
	char *path;
	/* While it is open. */
	struct db *db;
	struct db_stmt *add_entry;
	struct db_stmt *get_run;
	struct db_stmt *put_run;
	struct db_stmt *get_hour;
	struct db_stmt *put_hour;
};

static inline struct ledger_file *ledger_file_of(struct ledger *ledger)
{
	return (struct ledger_file *)ledger;
}

/* A result of db.h as one of ledger.h, with its sentence. */
int ledger_file_fail(struct ledger_file *file, int r, struct field_error *error);

/*
 * Moves a file that is no use, with its log, to where nothing overwrites it, and says where in
 * *aside. 0, or -errno with *error.
 */
int ledger_file_set_aside(const char *path, struct field_error *error, struct field_error *aside);

/* ledger_usage.c: the file's part of the operations. */
int ledger_file_add_usage(struct ledger *ledger, const struct ledger_addition *addition,
			  struct field_error *error);
int ledger_file_each_hour(struct ledger *ledger, const struct ledger_span *span,
			  ledger_hour_fn *visit, void *data, struct field_error *error);
int ledger_file_prune(struct ledger *ledger, uint64_t audit_ms, uint64_t usage_ms, size_t most,
		      struct field_error *error, size_t *ret_n);
