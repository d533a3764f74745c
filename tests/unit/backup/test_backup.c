/* A backup of a directory with a store and a snapshot: what is in, what is left out, when it ends early. */
/* SPDX-License-Identifier: MIT */
#include <dirent.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "backup/backup.h"
#include "journal/backends.h"
#include "store/backends.h"
#include "unit/journal/rig.h"

struct place {
	char dir[RIG_PATH_SIZE];
	char data[RIG_PATH_SIZE + 8], file[RIG_PATH_SIZE + 8], part[RIG_PATH_SIZE + 16];
	struct field_error error;
	struct backup_result result;
	struct backup_request request;
};

static int setup(void **state)
{
	struct place *place = calloc(1, sizeof(*place));
	char path[RIG_PATH_SIZE + 24];
	struct store *store;

	rig_make_directory(place->dir);
	snprintf(place->data, sizeof(place->data), "%s/d", place->dir);
	snprintf(place->file, sizeof(place->file), "%s/b.tar", place->dir);
	snprintf(place->part, sizeof(place->part), "%s.part", place->file);
	if (mkdir(place->data, 0700))
		return -1;
	snprintf(path, sizeof(path), "%s/store.db", place->data);
	if (store_open_sqlite(path, &place->error, &store))
		return -1;
	store_close(store);
	place->request =
		(struct backup_request){.data = place->data, .file = place->file, .version = "1"};
	*state = place;
	return 0;
}

static int teardown(void **state)
{
	struct place *place = *state;

	rig_remove_directory(place->data);
	rig_remove_directory(place->dir);
	free(place);
	return 0;
}

static int make(struct place *place)
{
	int r = backup_make(&place->request, &place->error, &place->result);

	assert_int_equal(access(place->part, F_OK), -1);
	assert_int_equal(access(place->file, F_OK), r ? -1 : 0);
	return r;
}

static const struct backup_part *part_of(const struct place *place, const char *name)
{
	for (size_t i = 0; i < place->result.n_parts; i++)
		if (strcmp(place->result.parts[i].name, name) == 0)
			return &place->result.parts[i];
	fail();
	return NULL;
}

static void put_snapshot(struct place *place)
{
	struct journal *journal = rig_open(place->data);

	assert_int_equal(rig_put(journal, 7), 0);
	journal_close(journal);
}

static void whole_directory_is_in(void **state)
{
	struct place *place = *state;

	put_snapshot(place);
	assert_int_equal(make(place), 0);
	assert_int_equal(part_of(place, "store.db")->state, BACKUP_IN);
	assert_int_equal(part_of(place, "state.journal")->state, BACKUP_IN);
	assert_int_equal(part_of(place, "state.journal")->schema, RIG_SCHEMA);
	assert_int_equal(part_of(place, "bootstrap.json")->state, BACKUP_ABSENT);
	assert_true(backup_complete(&place->result));
	assert_true(place->result.bytes > part_of(place, "store.db")->bytes);
}

/* A service that is starting makes it before it fills it. */
static void empty_ledger_counts_as_none(void **state)
{
	struct place *place = *state;
	char path[RIG_PATH_SIZE + 24];

	snprintf(path, sizeof(path), "%s/ledger.db", place->data);
	close(open(path, O_WRONLY | O_CREAT, 0600));
	assert_int_equal(make(place), 0);
	assert_int_equal(part_of(place, "ledger.db")->state, BACKUP_ABSENT);
	assert_true(backup_complete(&place->result));
}

static void damaged_snapshot_is_left_out(void **state)
{
	struct place *place = *state;
	char path[RIG_PATH_SIZE + 24];
	int fd;

	put_snapshot(place);
	snprintf(path, sizeof(path), "%s/state.journal", place->data);
	fd = open(path, O_WRONLY);
	assert_int_equal(pwrite(fd, "?", 1, 60), 1);
	close(fd);
	assert_int_equal(make(place), 0);
	assert_int_equal(part_of(place, "state.journal")->state, BACKUP_FAULTY);
	assert_string_equal(part_of(place, "state.journal")->why, "it is damaged");
	assert_false(backup_complete(&place->result));
}

static unsigned int asked, stop_at;

static bool stop(void)
{
	return ++asked > stop_at;
}

/* At every place where it asks, until it no longer ends early. */
static void stopped_one_leaves_nothing(void **state)
{
	struct place *place = *state;
	int r = BACKUP_E_INTERRUPTED;

	put_snapshot(place);
	place->request.stop = stop;
	for (stop_at = 0; r && stop_at < 100; stop_at++) {
		asked = 0;
		r = make(place);
		assert_true(r == 0 || r == BACKUP_E_INTERRUPTED);
	}
	assert_int_equal(r, 0);
	assert_true(stop_at > 4);
}

static void description_is_the_manifest_with_the_file(void **state)
{
	struct place *place = *state;
	_cleanup_buf_ struct buf json;

	buf_init(&json);
	assert_int_equal(make(place), 0);
	backup_describe(&place->result, "1", NULL, &json);
	assert_non_null(strstr(json.data, "{\"sluice\":\"1\",\"made_at\":\"20"));
	assert_non_null(strstr(json.data, "\"parts\":[{\"name\":\"store.db\",\"bytes\":"));
	buf_clear(&json);
	backup_describe(&place->result, "1", "x.tar", &json);
	assert_non_null(strstr(json.data, "{\"file\":\"x.tar\",\"bytes\":"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(whole_directory_is_in, setup, teardown),
		cmocka_unit_test_setup_teardown(empty_ledger_counts_as_none, setup, teardown),
		cmocka_unit_test_setup_teardown(damaged_snapshot_is_left_out, setup, teardown),
		cmocka_unit_test_setup_teardown(stopped_one_leaves_nothing, setup, teardown),
		cmocka_unit_test_setup_teardown(description_is_the_manifest_with_the_file, setup,
						teardown),
	};

	return cmocka_run_group_tests_name("backup", tests, NULL, NULL);
}
