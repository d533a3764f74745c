/* The ledger's file: whose it may be, what becomes of a damaged one, and a disk that is full. */
/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "db/db.h"
#include "unit/journal/ledger_rig.h"
#include "unit/journal/rig.h"

enum { PAGE = 4096 };

struct place {
	char dir[RIG_PATH_SIZE];
	char path[RIG_PATH_SIZE + 16];
};

static int setup(void **state)
{
	struct place *place = calloc(1, sizeof(*place));

	assert_non_null(place);
	rig_make_directory(place->dir);
	snprintf(place->path, sizeof(place->path), "%s/ledger.db", place->dir);
	*state = place;
	return 0;
}

static int teardown(void **state)
{
	struct place *place = *state;

	rig_remove_directory(place->dir);
	free(place);
	return 0;
}

static int put(struct ledger *ledger, unsigned int number)
{
	return ledger_rig_try(ledger, &(struct ledger_rig_entry){.number = number,
								 .object = "lim_1",
								 .actor = "key_1"});
}

static const char *ids_of(struct ledger *ledger, struct ledger_list *list)
{
	return ledger_rig_ids(ledger, &(struct ledger_search){.tenant = "default"}, list);
}

/* With entries 1 to n. */
static void make_ledger(const struct place *place, unsigned int n)
{
	struct ledger *ledger = ledger_rig_open(place->dir);

	for (unsigned int i = 1; i <= n; i++)
		assert_int_equal(put(ledger, i), 0);
	ledger_free(ledger);
}

static int try_open(const struct place *place, struct ledger **ret, struct field_error *error,
		    struct field_error *aside)
{
	*error = (struct field_error){.field = ""};
	assert_int_equal(ledger_new_file(place->path, ret), 0);
	return ledger_open(*ret, error, aside);
}

static void nothing_is_touched_before_it_is_opened(void **state)
{
	struct place *place = *state;
	struct field_error error;
	struct ledger *ledger;

	assert_int_equal(ledger_new_file(place->path, &ledger), 0);
	assert_int_equal(access(place->path, F_OK), -1);
	assert_int_equal(put(ledger, 1), LEDGER_E_CLOSED);
	assert_int_equal(ledger_open(ledger, &error, &error), 0);
	assert_int_equal(put(ledger, 1), 0);
	assert_int_equal(ledger_open(ledger, &error, &error), 0);
	ledger_free(ledger);
	ledger_free(NULL);
}

static void only_its_owner_can_read_it(void **state)
{
	static const char *const ends[] = {"", "-wal", "-shm", "-lock"};
	struct place *place = *state;
	struct ledger *ledger;
	char name[sizeof(place->path) + 8];
	mode_t before = umask(0);
	struct stat info;

	ledger = ledger_rig_open(place->dir);
	assert_int_equal(put(ledger, 1), 0);
	umask(before);
	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
		snprintf(name, sizeof(name), "%s%s", place->path, ends[i]);
		assert_int_equal(stat(name, &info), 0);
		assert_int_equal(info.st_mode & 07777, 0600);
	}
	ledger_free(ledger);
}

static void entries_and_sums_are_there_after_a_close(void **state)
{
	struct place *place = *state;
	struct ledger *ledger;
	struct ledger_list list;

	make_ledger(place, 3);
	ledger = ledger_rig_open(place->dir);
	ledger_rig_count(ledger, "run", 1, 5, 7);
	ledger_free(ledger);
	ledger = ledger_rig_open(place->dir);
	assert_string_equal(ids_of(ledger, &list), "3 2 1");
	/* The former process's last addition is still known. */
	ledger_rig_count(ledger, "run", 1, 5, 7);
	assert_int_equal(ledger_rig_allowed(ledger, "default"), 7);
	ledger_free(ledger);
}

static void second_process_is_refused_and_can_come_later(void **state)
{
	struct place *place = *state;
	struct ledger *first = ledger_rig_open(place->dir), *second;
	struct field_error error, aside;

	assert_int_equal(try_open(place, &second, &error, &aside), LEDGER_E_REFUSED);
	assert_non_null(strstr(error.message, "in use by another process"));
	ledger_free(first);
	assert_int_equal(ledger_open(second, &error, &aside), 0);
	ledger_free(second);
}

static void write_bytes(const char *path, off_t at, const void *bytes, size_t len)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(pwrite(fd, bytes, len, at), (ssize_t)len);
	close(fd);
}

static void damage_pages(const struct place *place)
{
	char junk[64];

	memset(junk, 0xff, sizeof(junk));
	for (off_t page = 1; page < 8; page++)
		write_bytes(place->path, page * PAGE, junk, sizeof(junk));
}

static void make_other_tables(const struct place *place, uint32_t application, unsigned int n)
{
	static const char *const steps[] = {"CREATE TABLE precious (a)", "SELECT 1", "SELECT 1"};
	struct db_schema schema = {application, steps, n};
	struct field_error error;
	struct db *db;

	assert_int_equal(db_open(place->path, &schema, &error, &db), 0);
	db_close(db);
}

static void cut_short(const struct place *place)
{
	assert_int_equal(truncate(place->path, 3 * PAGE + 100), 0);
}

static void write_garbage(const struct place *place)
{
	assert_int_equal(truncate(place->path, 0), 0);
	write_bytes(place->path, 0, "garbage", 7);
}

static void make_foreign(const struct place *place)
{
	unlink(place->path);
	make_other_tables(place, 7, 1);
}

static void make_other_schema(const struct place *place)
{
	unlink(place->path);
	make_other_tables(place, 0x534c4c47, 1);
}

static void read_file(const char *path, char **ret, size_t *ret_len)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat info;

	assert_true(fd >= 0);
	assert_int_equal(fstat(fd, &info), 0);
	*ret_len = (size_t)info.st_size;
	*ret = malloc(*ret_len + 1);
	assert_int_equal(read(fd, *ret, *ret_len), info.st_size);
	close(fd);
}

static void assert_same_bytes(const char *path, const char *bytes, size_t len)
{
	char *now;
	size_t now_len;

	read_file(path, &now, &now_len);
	assert_int_equal(now_len, len);
	assert_memory_equal(now, bytes, len);
	free(now);
}

static void file_that_is_no_use_is_kept_aside_and_a_new_one_begun(void **state)
{
	static void (*const spoils[])(const struct place *) = {
		damage_pages, cut_short, write_garbage, make_foreign, make_other_schema};
	struct place *place = *state;
	char name[sizeof(place->path) + 16], *bytes;
	struct field_error error, aside;
	struct ledger_list list;
	struct ledger *ledger;
	size_t len;

	for (unsigned int i = 0; i < sizeof(spoils) / sizeof(spoils[0]); i++) {
		make_ledger(place, 20);
		spoils[i](place);
		read_file(place->path, &bytes, &len);
		assert_int_equal(try_open(place, &ledger, &error, &aside), 0);
		snprintf(name, sizeof(name), "%s.refused-%u", place->path, i + 1);
		assert_non_null(strstr(aside.message, name));
		assert_same_bytes(name, bytes, len);
		free(bytes);
		assert_string_equal(ids_of(ledger, &list), "");
		assert_int_equal(put(ledger, 1), 0);
		ledger_free(ledger);
		/* What was begun is a ledger like any other. */
		ledger = ledger_rig_open(place->dir);
		assert_string_equal(ids_of(ledger, &list), "1");
		ledger_free(ledger);
	}
}

/* Over the new file SQLite would carry out what it says. */
static void log_of_a_damaged_file_goes_with_it(void **state)
{
	struct place *place = *state;
	char log[sizeof(place->path) + 32];
	struct field_error error, aside;
	struct ledger *ledger;

	make_ledger(place, 20);
	write_garbage(place);
	snprintf(log, sizeof(log), "%s-wal", place->path);
	write_bytes(log, 0, "precious frames", 15);
	assert_int_equal(try_open(place, &ledger, &error, &aside), 0);
	ledger_free(ledger);
	snprintf(log, sizeof(log), "%s.refused-1-wal", place->path);
	assert_same_bytes(log, "precious frames", 15);
}

static void newer_file_is_left_alone(void **state)
{
	struct place *place = *state;
	struct field_error error, aside;
	struct ledger *ledger;
	char *bytes;
	size_t len;

	make_other_tables(place, 0x534c4c47, 3);
	read_file(place->path, &bytes, &len);
	assert_int_equal(try_open(place, &ledger, &error, &aside), LEDGER_E_NEWER);
	assert_non_null(strstr(error.message, "newer"));
	assert_string_equal(aside.message, "");
	assert_int_equal(put(ledger, 1), LEDGER_E_CLOSED);
	ledger_free(ledger);
	assert_same_bytes(place->path, bytes, len);
	free(bytes);
}

static void set_file_size(rlim_t bytes)
{
	struct rlimit limit;

	assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
	limit.rlim_cur = bytes;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

static void full_disk_refuses_and_goes_on_once_there_is_room(void **state)
{
	struct place *place = *state;
	struct ledger *ledger = ledger_rig_open(place->dir);
	unsigned int number = 0, refused = 0;
	struct ledger_list list;
	char newest[32];

	signal(SIGXFSZ, SIG_IGN);
	set_file_size(64 * 1024);
	while (refused < 5 && number < 10000) {
		int r = put(ledger, number + 1);

		if (r == 0)
			number++;
		else
			assert_int_equal(r, LEDGER_E_REFUSED);
		refused += r != 0;
	}
	assert_true(number > 0 && refused == 5);
	/* What is there can be read meanwhile. */
	ledger_rig_ids(ledger, &(struct ledger_search){.tenant = "none"}, &list);
	set_file_size(RLIM_INFINITY);
	assert_int_equal(put(ledger, number + 1), 0);
	ledger_free(ledger);
	ledger = ledger_rig_open(place->dir);
	snprintf(newest, sizeof(newest), "%u %u", number + 1, number);
	assert_string_equal(ledger_rig_ids(ledger,
					   &(struct ledger_search){.tenant = "default",
								   .since_ms = number * 1000ULL},
					   &list),
			    newest);
	ledger_free(ledger);
}

static void place_that_cannot_be_made_is_told(void **state)
{
	struct place *place = *state;
	struct field_error error, aside;
	struct ledger *ledger;

	snprintf(place->path, sizeof(place->path), "%s/no/ledger.db", place->dir);
	assert_int_equal(try_open(place, &ledger, &error, &aside), -ENOENT);
	assert_non_null(strstr(error.message, "directory does not exist"));
	ledger_free(ledger);
}

#define TEST(t) cmocka_unit_test_setup_teardown(t, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(nothing_is_touched_before_it_is_opened),
		TEST(only_its_owner_can_read_it),
		TEST(entries_and_sums_are_there_after_a_close),
		TEST(second_process_is_refused_and_can_come_later),
		TEST(file_that_is_no_use_is_kept_aside_and_a_new_one_begun),
		TEST(log_of_a_damaged_file_goes_with_it),
		TEST(newer_file_is_left_alone),
		TEST(full_disk_refuses_and_goes_on_once_there_is_room),
		TEST(place_that_cannot_be_made_is_told),
	};

	return cmocka_run_group_tests_name("ledger file", tests, NULL, NULL);
}
