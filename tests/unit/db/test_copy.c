/* Copies of a database that others write, and looks at one: as of one moment, checked, without a lock. */
/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "db/db.h"

static const char *const steps[] = {"CREATE TABLE t (a INTEGER PRIMARY KEY, b TEXT)"};
static const struct db_schema schema = {0x74657374, steps, 1};

struct place {
	char dir[64];
	char from[80], to[80];
	struct field_error error;
	struct db_facts facts;
};

static int setup(void **state)
{
	struct place *place = calloc(1, sizeof(*place));

	strcpy(place->dir, "/tmp/sluice-copy-XXXXXX");
	if (!mkdtemp(place->dir))
		return -1;
	snprintf(place->from, sizeof(place->from), "%s/from", place->dir);
	snprintf(place->to, sizeof(place->to), "%s/to", place->dir);
	*state = place;
	return 0;
}

static int teardown(void **state)
{
	static const char *const ends[] = {"", "-wal", "-shm", "-lock", "-journal"};
	struct place *place = *state;
	char name[96];

	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
		snprintf(name, sizeof(name), "%s%s", place->from, ends[i]);
		unlink(name);
		snprintf(name, sizeof(name), "%s%s", place->to, ends[i]);
		unlink(name);
	}
	assert_int_equal(rmdir(place->dir), 0);
	free(place);
	return 0;
}

static struct db *open_at(const char *path)
{
	struct field_error error;
	struct db *db = NULL;

	assert_int_equal(db_open(path, &schema, &error, &db), 0);
	return db;
}

static uint64_t count(struct db *db)
{
	struct db_stmt *stmt;
	uint64_t value;

	assert_int_equal(db_prepare(db, "SELECT count(*) FROM t", &stmt), 0);
	assert_int_equal(db_step(stmt), DB_ROW);
	value = db_column_u64(stmt, 0);
	db_finalize(stmt);
	return value;
}

static int copy(struct place *place)
{
	int r = db_copy(place->from, place->to, &place->error, &place->facts);

	if (r)
		assert_non_null(strstr(place->error.message, place->dir));
	return r;
}

static void write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	assert_true(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text));
	close(fd);
}

static void copy_holds_what_is_committed_and_nothing_else(void **state)
{
	struct place *place = *state;
	struct db *db = open_at(place->from), *other;
	struct stat info;

	assert_int_equal(db_exec(db, "INSERT INTO t (b) VALUES ('x')"), 0);
	assert_int_equal(db_begin(db), 0);
	assert_int_equal(db_exec(db, "INSERT INTO t (b) VALUES ('not yet')"), 0);
	assert_int_equal(copy(place), 0);
	assert_int_equal(place->facts.application_id, 0x74657374);
	assert_int_equal(place->facts.version, 1);
	/* The writer goes on. */
	assert_int_equal(db_commit(db), 0);
	assert_int_equal(count(db), 2);
	db_close(db);
	assert_int_equal(stat(place->to, &info), 0);
	assert_int_equal(info.st_mode & 07777, 0600);
	other = open_at(place->to);
	assert_int_equal(count(other), 1);
	db_close(other);
}

static void copy_of_a_closed_file_locks_nobody_out(void **state)
{
	struct place *place = *state;
	struct db *db = open_at(place->from);

	assert_int_equal(db_exec(db, "INSERT INTO t (b) VALUES ('x')"), 0);
	db_close(db);
	assert_int_equal(copy(place), 0);
	db = open_at(place->from);
	assert_int_equal(count(db), 1);
	db_close(db);
}

static void copy_never_writes_over_a_file(void **state)
{
	struct place *place = *state;

	db_close(open_at(place->from));
	write_file(place->to, "mine");
	assert_true(copy(place) != 0);
}

static void file_that_is_none_of_sqlites_is_not_copied(void **state)
{
	struct place *place = *state;

	assert_int_equal(copy(place), -ENOENT);
	assert_int_equal(db_look(place->from, &place->error, &place->facts), -ENOENT);
	write_file(place->from, "some text that is no database");
	assert_int_equal(copy(place), DB_E_NOT_OURS);
	assert_int_equal(db_look(place->from, &place->error, &place->facts), DB_E_NOT_OURS);
}

static void damaged_page_is_found(void **state)
{
	struct place *place = *state;
	struct db *db = open_at(place->from);
	char bytes[64];
	int fd;

	assert_int_equal(db_exec(db, "INSERT INTO t (b) VALUES ('x')"), 0);
	db_close(db);
	memset(bytes, 0xff, sizeof(bytes));
	fd = open(place->from, O_WRONLY);
	assert_int_equal(pwrite(fd, bytes, sizeof(bytes), 4096), sizeof(bytes));
	close(fd);
	assert_int_equal(db_look(place->from, &place->error, &place->facts), DB_E_CORRUPT);
	assert_int_equal(copy(place), DB_E_CORRUPT);
}

static void look_tells_what_the_file_is(void **state)
{
	struct place *place = *state;
	struct db *db = open_at(place->from);

	assert_int_equal(db_look(place->from, &place->error, &place->facts), 0);
	assert_int_equal(place->facts.application_id, 0x74657374);
	assert_int_equal(place->facts.version, 1);
	db_close(db);
}

static void holder_is_whoever_has_it_open_to_write(void **state)
{
	struct place *place = *state;
	uint32_t pid = 1;
	struct db *db;

	assert_int_equal(db_lock_holder(place->from, &pid), 0);
	assert_int_equal(pid, 0);
	db = open_at(place->from);
	assert_int_equal(db_lock_holder(place->from, &pid), 0);
	assert_int_equal(pid, getpid());
	db_close(db);
	/* The file stays, with the number in it: nobody holds it. */
	assert_int_equal(db_lock_holder(place->from, &pid), 0);
	assert_int_equal(pid, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(copy_holds_what_is_committed_and_nothing_else,
						setup, teardown),
		cmocka_unit_test_setup_teardown(copy_of_a_closed_file_locks_nobody_out, setup,
						teardown),
		cmocka_unit_test_setup_teardown(copy_never_writes_over_a_file, setup, teardown),
		cmocka_unit_test_setup_teardown(file_that_is_none_of_sqlites_is_not_copied, setup,
						teardown),
		cmocka_unit_test_setup_teardown(damaged_page_is_found, setup, teardown),
		cmocka_unit_test_setup_teardown(look_tells_what_the_file_is, setup, teardown),
		cmocka_unit_test_setup_teardown(holder_is_whoever_has_it_open_to_write, setup,
						teardown),
	};

	return cmocka_run_group_tests_name("db/copy", tests, NULL, NULL);
}
