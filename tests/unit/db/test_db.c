/* The thin face over SQLite: schemas, statements, transactions, outcomes. */
/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "db/db.h"

static const char *const steps[] = {
	"CREATE TABLE t (a INTEGER PRIMARY KEY, b BLOB UNIQUE)",
	"ALTER TABLE t ADD COLUMN c TEXT DEFAULT 'second'",
	"INSERT INTO t (a, b) VALUES (100, x'64')", "CREATE TABLE t (a)", /* fails: it exists */
};

static struct db_schema schema_of(unsigned int n)
{
	return (struct db_schema){0x74657374, steps, n};
}

struct place {
	char dir[64];
	char path[80];
};

static int setup(void **state)
{
	struct place *place = calloc(1, sizeof(*place));

	strcpy(place->dir, "/tmp/sluice-db-XXXXXX");
	if (!mkdtemp(place->dir))
		return -1;
	snprintf(place->path, sizeof(place->path), "%s/f", place->dir);
	*state = place;
	return 0;
}

static int teardown(void **state)
{
	static const char *const ends[] = {"", "-wal", "-shm", "-lock", "-journal"};
	struct place *place = *state;
	char name[96];

	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
		snprintf(name, sizeof(name), "%s%s", place->path, ends[i]);
		unlink(name);
	}
	rmdir(place->dir);
	free(place);
	return 0;
}

static int open_version(void **state, unsigned int n, struct db **ret)
{
	struct db_schema schema = schema_of(n);
	struct field_error error = {0};
	int r;

	*ret = NULL;
	r = db_open(((struct place *)*state)->path, &schema, &error, ret);
	/* A sentence for each refusal, nothing otherwise. */
	assert_int_equal(r != 0, error.message[0] != '\0');
	assert_int_equal(r != 0, *ret == NULL);
	return r;
}

static struct db *open_ok(void **state, unsigned int n)
{
	struct db *db;

	assert_int_equal(open_version(state, n, &db), 0);
	return db;
}

static uint64_t query(struct db *db, const char *sql)
{
	struct db_stmt *stmt;
	uint64_t value;

	assert_int_equal(db_prepare(db, sql, &stmt), 0);
	assert_int_equal(db_step(stmt), DB_ROW);
	value = db_column_u64(stmt, 0);
	db_finalize(stmt);
	return value;
}

static void open_new_file_runs_all_migrations(void **state)
{
	struct db *db = open_ok(state, 3);

	assert_int_equal(query(db, "PRAGMA user_version"), 3);
	assert_int_equal(query(db, "PRAGMA application_id"), 0x74657374);
	assert_int_equal(query(db, "SELECT count(*) FROM t WHERE c = 'second'"), 1);
	db_close(db);
}

static void open_old_file_runs_only_missing_migrations(void **state)
{
	struct db *db = open_ok(state, 1);

	assert_int_equal(db_exec(db, "INSERT INTO t (a) VALUES (7)"), 0);
	db_close(db);
	db = open_ok(state, 2);
	assert_int_equal(query(db, "SELECT count(*) FROM t WHERE c = 'second'"), 1);
	db_close(db);
	db = open_ok(state, 3);
	db_close(db);
	db = open_ok(state, 3);
	assert_int_equal(query(db, "SELECT count(*) FROM t"), 2);
	db_close(db);
}

static void open_newer_file_is_refused_and_left_alone(void **state)
{
	struct db *db = open_ok(state, 3);

	db_close(db);
	assert_int_equal(open_version(state, 2, &db), DB_E_NEWER);
	db = open_ok(state, 3);
	assert_int_equal(query(db, "PRAGMA user_version"), 3);
	db_close(db);
}

static void open_with_failing_migration_changes_nothing(void **state)
{
	struct db *db = open_ok(state, 1);

	db_close(db);
	assert_true(open_version(state, 4, &db) != 0);
	db = open_ok(state, 1);
	assert_int_equal(query(db, "SELECT count(*) FROM t"), 0);
	assert_int_equal(query(db, "PRAGMA user_version"), 1);
	db_close(db);
}

static void open_second_time_is_busy(void **state)
{
	struct db *first = open_ok(state, 1), *second;

	assert_int_equal(open_version(state, 1, &second), DB_E_BUSY);
	db_close(first);
	db_close(open_ok(state, 1));
}

static void open_other_application_is_not_ours(void **state)
{
	struct db *db = open_ok(state, 1);

	assert_int_equal(db_exec(db, "PRAGMA application_id=1"), 0);
	db_close(db);
	assert_int_equal(open_version(state, 1, &db), DB_E_NOT_OURS);
}

static void open_sets_wal_and_full_synchronous(void **state)
{
	struct db *db = open_ok(state, 1);

	assert_int_equal(query(db, "PRAGMA synchronous"), 2);
	assert_int_equal(query(db, "SELECT journal_mode = 'wal' FROM pragma_journal_mode"), 1);
	db_close(db);
}

static void statement_round_trips_values(void **state)
{
	struct db *db = open_ok(state, 1);
	struct db_stmt *insert, *select;
	const void *bytes;
	size_t size;

	assert_int_equal(db_prepare(db, "INSERT INTO t VALUES (?1, ?2)", &insert), 0);
	db_bind_u64(insert, 1, INT64_MAX);
	db_bind_bytes(insert, 2, "a\0b", 3);
	assert_int_equal(db_run(insert), 0);
	db_bind_u64(insert, 1, 1);
	db_bind_bytes(insert, 2, NULL, 0);
	assert_int_equal(db_run(insert), 0);
	db_bind_u64(insert, 1, 2);
	db_bind_null(insert, 2);
	assert_int_equal(db_run(insert), 0);
	assert_int_equal(db_prepare(db, "SELECT a, b FROM t ORDER BY a", &select), 0);
	assert_int_equal(db_step(select), DB_ROW);
	bytes = db_column_bytes(select, 1, &size);
	assert_non_null(bytes);
	assert_int_equal(size, 0);
	assert_int_equal(db_step(select), DB_ROW);
	assert_null(db_column_bytes(select, 1, &size));
	assert_int_equal(db_step(select), DB_ROW);
	assert_true(db_column_u64(select, 0) == INT64_MAX);
	bytes = db_column_bytes(select, 1, &size);
	assert_int_equal(size, 3);
	assert_memory_equal(bytes, "a\0b", 3);
	assert_int_equal(db_step(select), 0);
	/* At its end it is reset: it can run again. */
	assert_int_equal(db_step(select), DB_ROW);
	db_finalize(select);
	db_finalize(insert);
	db_close(db);
}

static void statement_failures_are_reported_and_recovered_from(void **state)
{
	struct db *db = open_ok(state, 1);
	struct db_stmt *insert = NULL;

	assert_true(db_prepare(db, "SELECT nonsense", &insert) < 0);
	assert_null(insert);
	assert_int_equal(db_prepare(db, "INSERT INTO t VALUES (?1, NULL)", &insert), 0);
	db_bind_u64(insert, 5, 1); /* there is no such parameter */
	assert_true(db_run(insert) < 0);
	db_bind_u64(insert, 1, 1);
	assert_int_equal(db_run(insert), 0);
	db_bind_u64(insert, 1, 1);
	assert_int_equal(db_run(insert), DB_E_EXISTS);
	db_bind_u64(insert, 1, 2);
	assert_int_equal(db_run(insert), 0);
	db_finalize(insert);
	db_close(db);
}

static void transaction_rolled_back_leaves_nothing(void **state)
{
	struct db *db = open_ok(state, 1);

	assert_int_equal(db_begin(db), 0);
	assert_int_equal(db_exec(db, "INSERT INTO t (a) VALUES (1)"), 0);
	db_rollback(db);
	db_rollback(db);
	assert_int_equal(query(db, "SELECT count(*) FROM t"), 0);
	assert_int_equal(db_begin(db), 0);
	assert_int_equal(db_exec(db, "INSERT INTO t (a) VALUES (1)"), 0);
	assert_int_equal(db_commit(db), 0);
	db_close(db);
	db = open_ok(state, 1);
	assert_int_equal(query(db, "SELECT count(*) FROM t"), 1);
	db_close(db);
}

static void reader_sees_a_snapshot_and_cannot_write(void **state)
{
	struct db *db = open_ok(state, 1), *reader;

	assert_int_equal(db_open_reader(db, &reader), 0);
	assert_int_equal(db_begin_read(reader), 0);
	assert_int_equal(query(reader, "SELECT count(*) FROM t"), 0);
	assert_int_equal(db_exec(db, "INSERT INTO t (a) VALUES (1)"), 0);
	assert_int_equal(query(reader, "SELECT count(*) FROM t"), 0);
	assert_int_equal(db_commit(reader), 0);
	assert_int_equal(query(reader, "SELECT count(*) FROM t"), 1);
	assert_int_equal(db_exec(reader, "INSERT INTO t (a) VALUES (2)"), DB_E_READ_ONLY);
	db_close(reader);
	db_close(db);
}

#define TEST(t) cmocka_unit_test_setup_teardown(t, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(open_new_file_runs_all_migrations),
		TEST(open_old_file_runs_only_missing_migrations),
		TEST(open_newer_file_is_refused_and_left_alone),
		TEST(open_with_failing_migration_changes_nothing),
		TEST(open_second_time_is_busy),
		TEST(open_other_application_is_not_ours),
		TEST(open_sets_wal_and_full_synchronous),
		TEST(statement_round_trips_values),
		TEST(statement_failures_are_reported_and_recovered_from),
		TEST(transaction_rolled_back_leaves_nothing),
		TEST(reader_sees_a_snapshot_and_cannot_write),
	};

	return cmocka_run_group_tests_name("db", tests, NULL, NULL);
}
