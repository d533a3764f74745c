/* The ledger in an SQLite file: sums of hours, and forgetting what is old. */
/* SPDX-License-Identifier: MIT */
#include <assert.h>
#include <stdbool.h>
#include <string.h>

#include "journal/ledger_file_priv.h"

static int find_run(struct ledger_file *file, const struct ledger_addition *addition,
		    bool *ret_added)
{
	int r;

	db_bind_text(file->get_run, 1, addition->run);
	r = db_step(file->get_run);
	*ret_added = r == DB_ROW && db_column_u64(file->get_run, 0) >= addition->number;
	db_reset(file->get_run);
	return r == DB_ROW ? 0 : r;
}

static int put_run(struct ledger_file *file, const struct ledger_addition *addition)
{
	db_bind_text(file->put_run, 1, addition->run);
	db_bind_u64(file->put_run, 2, addition->number);
	return db_run(file->put_run);
}

static void read_sums(struct db_stmt *stmt, int first, struct ledger_usage *ret)
{
	ret->allowed = db_column_u64(stmt, first);
	ret->denied = db_column_u64(stmt, first + 1);
	ret->tokens = db_column_u64(stmt, first + 2);
	ret->refunded = db_column_u64(stmt, first + 3);
}

static int add_hour(struct ledger_file *file, const struct ledger_usage *more)
{
	uint64_t hour = more->start_ms / LEDGER_HOUR_MS;
	struct ledger_usage sums = {.allowed = 0};
	int r;

	db_bind_text(file->get_hour, 1, more->tenant);
	db_bind_u64(file->get_hour, 2, hour);
	r = db_step(file->get_hour);
	if (r == DB_ROW)
		read_sums(file->get_hour, 0, &sums);
	db_reset(file->get_hour);
	if (r != 0 && r != DB_ROW)
		return r;
	ledger_add_sums(&sums, more);
	db_bind_text(file->put_hour, 1, more->tenant);
	db_bind_u64(file->put_hour, 2, hour);
	db_bind_u64(file->put_hour, 3, sums.allowed);
	db_bind_u64(file->put_hour, 4, sums.denied);
	db_bind_u64(file->put_hour, 5, sums.tokens);
	db_bind_u64(file->put_hour, 6, sums.refunded);
	return db_run(file->put_hour);
}

int ledger_file_add_usage(struct ledger *ledger, const struct ledger_addition *addition,
			  struct field_error *error)
{
	struct ledger_file *file = ledger_file_of(ledger);
	bool added = false;
	int r = db_begin(file->db);

	if (r == 0)
		r = find_run(file, addition, &added);
	for (size_t i = 0; i < addition->n && r == 0 && !added; i++)
		r = add_hour(file, &addition->rows[i]);
	if (r == 0 && !added)
		r = put_run(file, addition);
	if (r == 0)
		r = db_commit(file->db);
	else
		db_rollback(file->db);
	return ledger_file_fail(file, r, error);
}

int ledger_file_each_hour(struct ledger *ledger, const struct ledger_span *span,
			  ledger_hour_fn *visit, void *data, struct field_error *error)
{
	struct ledger_file *file = ledger_file_of(ledger);
	_cleanup_db_stmt_ struct db_stmt *stmt = NULL;
	int r = db_prepare(file->db,
			   "SELECT hour, allowed, denied, tokens, refunded FROM usage"
			   " WHERE tenant = ?1 AND hour >= ?2 AND hour < ?3 ORDER BY hour",
			   &stmt);

	if (r == 0) {
		db_bind_text(stmt, 1, span->tenant);
		db_bind_u64(stmt, 2, (span->from_ms + LEDGER_HOUR_MS - 1) / LEDGER_HOUR_MS);
		db_bind_u64(stmt, 3, (span->to_ms + LEDGER_HOUR_MS - 1) / LEDGER_HOUR_MS);
	}
	while (r == 0 && (r = db_step(stmt)) == DB_ROW) {
		struct ledger_usage usage = {.tenant = span->tenant};

		read_sums(stmt, 1, &usage);
		r = visit(db_column_u64(stmt, 0), &usage, data);
		if (r)
			return r;
	}
	return ledger_file_fail(file, r, error);
}

/* Ids sort by time, so the oldest are the first. *ret_last is the last that may go. */
static int find_old(struct ledger_file *file, uint64_t before_ms, size_t most, char ret_last[64],
		    size_t *ret_n)
{
	_cleanup_db_stmt_ struct db_stmt *stmt = NULL;
	int r = db_prepare(file->db, "SELECT id, time_ms FROM audit ORDER BY id LIMIT ?1", &stmt);

	*ret_n = 0;
	if (r)
		return r;
	db_bind_u64(stmt, 1, most);
	while ((r = db_step(stmt)) == DB_ROW) {
		if (db_column_u64(stmt, 1) >= before_ms)
			return 0;
		strncpy(ret_last, db_column_text(stmt, 0), 63);
		++*ret_n;
	}
	return r;
}

static int prune_entries(struct ledger_file *file, uint64_t before_ms, size_t most, size_t *ret_n)
{
	_cleanup_db_stmt_ struct db_stmt *stmt = NULL;
	char last[64] = "";
	int r = find_old(file, before_ms, most, last, ret_n);

	if (r || *ret_n == 0)
		return r;
	r = db_prepare(file->db, "DELETE FROM audit WHERE id <= ?1", &stmt);
	if (r)
		return r;
	db_bind_text(stmt, 1, last);
	return db_run(stmt);
}

static int prune_hours(struct ledger_file *file, uint64_t before_ms, size_t most, size_t *ret_n)
{
	_cleanup_db_stmt_ struct db_stmt *stmt = NULL;
	int r = db_prepare(
		file->db,
		"DELETE FROM usage WHERE (tenant, hour) IN"
		" (SELECT tenant, hour FROM usage WHERE hour < ?1 ORDER BY hour LIMIT ?2)"
		" RETURNING 1",
		&stmt);

	*ret_n = 0;
	if (r)
		return r;
	db_bind_u64(stmt, 1, before_ms / LEDGER_HOUR_MS);
	db_bind_u64(stmt, 2, most);
	while ((r = db_step(stmt)) == DB_ROW)
		++*ret_n;
	return r;
}

int ledger_file_prune(struct ledger *ledger, uint64_t audit_ms, uint64_t usage_ms, size_t most,
		      struct field_error *error, size_t *ret_n)
{
	struct ledger_file *file = ledger_file_of(ledger);
	size_t entries = 0, hours = 0;
	int r = db_begin(file->db);

	if (r == 0)
		r = prune_entries(file, audit_ms, most, &entries);
	if (r == 0)
		r = prune_hours(file, usage_ms, most - entries, &hours);
	if (r == 0)
		r = db_commit(file->db);
	else
		db_rollback(file->db);
	*ret_n = r ? 0 : entries + hours;
	return ledger_file_fail(file, r, error);
}
