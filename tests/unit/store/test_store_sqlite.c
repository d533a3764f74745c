/* What only the SQLite store promises: restarts, one owner, files it refuses, full disks. */
/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "db/db.h"
#include "unit/store/fixture.h"

struct files {
	char *dir, *path, *wal;
};

static int setup(void **state)
{
	struct files *files = calloc(1, sizeof(*files));

	files->dir = dir_make(false);
	files->path = path_in(files->dir, "store.db");
	files->wal = path_in(files->dir, "store.db-wal");
	*state = files;
	return 0;
}

static int teardown(void **state)
{
	struct files *files = *state;

	dir_remove(files->dir);
	free(files->path);
	free(files->wal);
	free(files);
	return 0;
}

static const char *path_of(void **state)
{
	return ((struct files *)*state)->path;
}

static void assert_refused(const char *path, const char *words)
{
	struct field_error error = {0};
	struct store *store = NULL;

	assert_int_equal(store_open_sqlite(path, &error, &store), STORE_E_REFUSED);
	assert_null(store);
	if (!strstr(error.message, words) || !strstr(error.message, path))
		fail_msg("no \"%s\" and path in \"%s\"", words, error.message);
}

static void reopen_keeps_records_revisions_and_history(void **state)
{
	struct store *store = open_at(path_of(state));
	struct store_watch *watch;
	struct seen seen;
	char text[8];

	put_text(store, "a", "1");
	put_text(store, "b", "2");
	delete_key(store, "a");
	store_close(store);
	store = open_at(path_of(state));
	assert_int_equal(get_text(store, "a", NULL, 0), 0);
	assert_int_equal(get_text(store, "b", text, sizeof(text)), 2);
	assert_string_equal(text, "2");
	assert_int_equal(put_text(store, "c", "4"), 4);
	seen_init(&seen, 1);
	assert_int_equal(store_watch(store, "", 1, seen_call, &seen, &watch), 0);
	seen_wait(&seen, 4);
	store_unwatch(store, watch);
	assert_int_equal(seen.n_calls, 3);
	assert_int_equal(seen.skipped, 0);
	assert_string_equal(seen.first_values[1], "-");
	seen_done(&seen);
	store_close(store);
}

static void reopen_after_trimming_still_compacted(void **state)
{
	char *dir = dir_make(true), *path = path_in(dir, "store.db");
	struct store *store = open_at(path);
	struct store_watch *watch;
	struct seen seen;

	for (int i = 0; i < 11500; i++)
		put_text(store, "a", "x");
	store_close(store);
	store = open_at(path);
	assert_int_equal(present_revision(store), 11500);
	seen_init(&seen, 11499);
	assert_int_equal(store_watch(store, "", 100, seen_call, &seen, &watch), STORE_E_COMPACTED);
	assert_int_equal(store_watch(store, "", 11499, seen_call, &seen, &watch), 0);
	seen_wait(&seen, 11500);
	store_close(store);
	seen_done(&seen);
	dir_remove(dir);
	free(path);
}

static mode_t mode_of(const char *path)
{
	struct stat st;

	assert_int_equal(stat(path, &st), 0);
	return st.st_mode & 07777;
}

static void file_and_log_are_made_0600(void **state)
{
	struct files *files = *state;
	mode_t before = umask(0);
	struct store *store = open_at(files->path);

	put_text(store, "secret", "x");
	umask(before);
	assert_int_equal(mode_of(files->path), 0600);
	assert_int_equal(mode_of(files->wal), 0600);
	store_close(store);
}

static void second_opener_is_refused_in_this_process(void **state)
{
	struct store *store = open_at(path_of(state));
	char words[48];

	snprintf(words, sizeof(words), "in use by another process (pid %d)", (int)getpid());
	assert_refused(path_of(state), words);
	/* The attempt took nothing away from the owner. */
	assert_refused(path_of(state), words);
	put_text(store, "a", "x");
	store_close(store);
	store_close(open_at(path_of(state)));
}

/* Runs `work` in a child and returns its exit status; a failed assertion there is not seen. */
static int run_child(int (*work)(const char *path), const char *path)
{
	int status;
	pid_t pid = fork();

	if (pid == 0)
		_exit(work(path));
	assert_true(pid > 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

static int open_in_child(const char *path)
{
	struct field_error error = {0};
	struct store *store;
	int r = store_open_sqlite(path, &error, &store);

	if (r == STORE_E_REFUSED && strstr(error.message, "in use by another process"))
		return 3;
	if (r == STORE_E_REFUSED && strstr(error.message, "cannot be written"))
		return 4;
	return r ? 5 : 0;
}

static void second_process_is_refused(void **state)
{
	struct store *store = open_at(path_of(state));

	assert_int_equal(run_child(open_in_child, path_of(state)), 3);
	put_text(store, "a", "x");
	store_close(store);
	assert_int_equal(run_child(open_in_child, path_of(state)), 0);
}

static int die_as_owner(const char *path)
{
	struct field_error error;
	struct store *store;

	if (store_open_sqlite(path, &error, &store) || try_put(store, "a", "x", 1))
		return 1;
	return kill(getpid(), SIGKILL);
}

static void killed_owner_leaves_no_lock(void **state)
{
	struct store *store;

	assert_int_equal(run_child(die_as_owner, path_of(state)), -SIGKILL);
	store = open_at(path_of(state));
	assert_int_equal(get_text(store, "a", NULL, 0), 1);
	store_close(store);
}

/* Root may write everywhere: become nobody first. */
static int open_as_nobody(const char *path)
{
	if (geteuid() == 0 && (setgid(65534) || setuid(65534)))
		return 6;
	return open_in_child(path);
}

static void read_only_directory_is_refused(void **state)
{
	struct files *files = *state;

	assert_int_equal(chmod(files->dir, 0555), 0);
	assert_int_equal(run_child(open_as_nobody, files->path), 4);
	assert_int_equal(chmod(files->dir, 0700), 0);
}

static void read_only_file_is_refused(void **state)
{
	struct files *files = *state;

	store_close(open_at(files->path));
	assert_int_equal(chmod(files->path, 0444), 0);
	assert_int_equal(chmod(files->dir, 0777), 0);
	/* The lock file as well is the first user's. */
	assert_int_equal(run_child(open_as_nobody, files->path), 4);
}

static void missing_directory_is_enoent_in_words(void **state)
{
	struct field_error error = {0};
	struct store *store;

	assert_int_equal(store_open_sqlite("/nonexistent/store.db", &error, &store), -ENOENT);
	assert_non_null(strstr(error.message, "directory does not exist: /nonexistent/store.db"));
}

static void write_file(const char *path, const void *bytes, size_t size)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	assert_int_equal(write(fd, bytes, size), size);
	close(fd);
}

static void garbage_file_is_refused_untouched(void **state)
{
	static const size_t sizes[] = {1, 100, 511, 4096, 20000};
	char bytes[20000], after[20000];

	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (char)(i * i + 3);
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		int fd;

		write_file(path_of(state), bytes, sizes[i]);
		assert_refused(path_of(state), "not a file of Sluice's");
		fd = open(path_of(state), O_RDONLY | O_CLOEXEC);
		assert_int_equal(read(fd, after, sizeof(after)), sizes[i]);
		close(fd);
		assert_memory_equal(after, bytes, sizes[i]);
	}
}

static void open_with_schema(const char *path, uint32_t application_id, unsigned int versions)
{
	static const char *const steps[] = {"CREATE TABLE x (y)", "SELECT 1", "SELECT 1"};
	struct db_schema schema = {application_id, steps, versions};
	struct field_error error;
	struct db *db;

	assert_int_equal(db_open(path, &schema, &error, &db), 0);
	db_close(db);
}

static void other_applications_file_is_refused(void **state)
{
	open_with_schema(path_of(state), 0x1234, 1);
	assert_refused(path_of(state), "not a file of Sluice's");
}

static void newer_schema_is_refused(void **state)
{
	open_with_schema(path_of(state), 0x534c4346, 3);
	assert_refused(path_of(state), "newer Sluice");
}

static void fill(struct store *store, int n)
{
	char key[16], value[300];

	memset(value, 'v', sizeof(value));
	for (int i = 0; i < n; i++) {
		snprintf(key, sizeof(key), "key/%05d", i);
		put_bytes(store, key, value, sizeof(value));
	}
}

static void truncated_file_is_refused(void **state)
{
	struct store *store = open_at(path_of(state));
	struct stat st;

	fill(store, 200);
	store_close(store);
	assert_int_equal(stat(path_of(state), &st), 0);
	assert_int_equal(truncate(path_of(state), st.st_size - 4096), 0);
	assert_refused(path_of(state), "damaged");
	assert_int_equal(truncate(path_of(state), st.st_size / 2 / 4096 * 4096 + 100), 0);
	assert_refused(path_of(state), "damaged");
}

static void damaged_page_is_refused(void **state)
{
	struct store *store = open_at(path_of(state));
	char junk[4096];
	int fd;

	fill(store, 200);
	store_close(store);
	memset(junk, 0x5a, sizeof(junk));
	fd = open(path_of(state), O_WRONLY | O_CLOEXEC);
	assert_int_equal(pwrite(fd, junk, sizeof(junk), 2 * 4096), sizeof(junk));
	close(fd);
	assert_refused(path_of(state), "damaged");
}

static void limit_file_size(rlim_t bytes)
{
	struct rlimit limit;

	assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
	limit.rlim_cur = bytes;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

/* The file size limit answers EFBIG where a full disk answers ENOSPC: both at any write. */
static void full_disk_is_read_only_and_writes_nothing_half(void **state)
{
	struct files *files = *state;
	struct store *store = open_at(files->path);
	char value[20000];
	struct store_put puts[] = {{"one", value, sizeof(value)}, {"two", value, sizeof(value)}};
	struct store_txn txn = {.puts = puts, .n_puts = 2};
	struct stat wal;
	uint64_t revision;

	memset(value, 'v', sizeof(value));
	signal(SIGXFSZ, SIG_IGN);
	put_text(store, "before", "x");
	assert_int_equal(stat(files->wal, &wal), 0);
	for (rlim_t room = 0; room < 60000; room += 5000) {
		limit_file_size((rlim_t)wal.st_size + room);
		assert_int_equal(store_txn(store, &txn, &revision), STORE_E_READ_ONLY);
		limit_file_size(RLIM_INFINITY);
		assert_int_equal(count_records(store, "", &revision), 1);
		assert_int_equal(revision, 1);
	}
	/* Once there is room again, writing goes on. */
	assert_int_equal(store_txn(store, &txn, &revision), 0);
	assert_int_equal(revision, 2);
	store_close(store);
	store = open_at(files->path);
	assert_int_equal(count_records(store, "", NULL), 3);
	store_close(store);
}

/* Its pages leave the cache before the commit, so the disk fills in the middle. */
static void full_disk_in_a_large_txn_writes_nothing_half(void **state)
{
	struct files *files = *state;
	struct store *store = open_at(files->path);
	static struct store_put puts[100];
	static char value[60000], keys[100][8];
	struct store_txn txn = {.puts = puts, .n_puts = 100};
	uint64_t revision;

	for (int i = 0; i < 100; i++) {
		snprintf(keys[i], sizeof(keys[i]), "%d", i);
		puts[i] = (struct store_put){keys[i], value, sizeof(value)};
	}
	signal(SIGXFSZ, SIG_IGN);
	for (rlim_t room = 1000000; room < 12000000; room += 3000000) {
		limit_file_size(room);
		assert_int_equal(store_txn(store, &txn, &revision), STORE_E_READ_ONLY);
		limit_file_size(RLIM_INFINITY);
		assert_int_equal(count_records(store, "", &revision), 0);
	}
	assert_int_equal(store_txn(store, &txn, &revision), 0);
	assert_int_equal(revision, 1);
	store_close(store);
}

static void failure_in_the_middle_of_a_txn_writes_nothing_half(void **state)
{
	static const char *const steps[] = {
		"CREATE TABLE records (key BLOB PRIMARY KEY, value BLOB NOT NULL,"
		" revision INTEGER NOT NULL) STRICT, WITHOUT ROWID;"
		"CREATE TABLE changes (id INTEGER PRIMARY KEY, key BLOB NOT NULL, value BLOB) STRICT;"
		"CREATE TRIGGER refuse BEFORE INSERT ON records WHEN new.key = x'626164' "
		"BEGIN SELECT raise(ABORT, 'bad'); END"};
	struct store_put puts[] = {{"good", "x", 1}, {"bad", "x", 1}};
	struct store_txn txn = {.puts = puts, .n_puts = 2};
	struct db_schema schema = {0x534c4346, steps, 1};
	struct field_error error;
	struct store *store;
	uint64_t revision;
	struct db *db;

	assert_int_equal(db_open(path_of(state), &schema, &error, &db), 0);
	db_close(db);
	store = open_at(path_of(state));
	assert_int_equal(store_txn(store, &txn, &revision), -EIO);
	assert_int_equal(count_records(store, "", &revision), 0);
	assert_int_equal(revision, 0);
	assert_int_equal(put_text(store, "good", "x"), 1);
	store_close(store);
}

static void full_disk_at_opening_is_refused(void **state)
{
	struct files *files = *state;

	signal(SIGXFSZ, SIG_IGN);
	limit_file_size(1024);
	assert_refused(files->path, "disk is full or takes no writes");
	limit_file_size(RLIM_INFINITY);
	store_close(open_at(files->path));
}

#define TEST(t) cmocka_unit_test_setup_teardown(t, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(reopen_keeps_records_revisions_and_history),
		TEST(reopen_after_trimming_still_compacted),
		TEST(file_and_log_are_made_0600),
		TEST(second_opener_is_refused_in_this_process),
		TEST(second_process_is_refused),
		TEST(killed_owner_leaves_no_lock),
		TEST(read_only_directory_is_refused),
		TEST(read_only_file_is_refused),
		TEST(missing_directory_is_enoent_in_words),
		TEST(garbage_file_is_refused_untouched),
		TEST(other_applications_file_is_refused),
		TEST(newer_schema_is_refused),
		TEST(truncated_file_is_refused),
		TEST(damaged_page_is_refused),
		TEST(full_disk_is_read_only_and_writes_nothing_half),
		TEST(full_disk_in_a_large_txn_writes_nothing_half),
		TEST(failure_in_the_middle_of_a_txn_writes_nothing_half),
		TEST(full_disk_at_opening_is_refused),
	};

	return cmocka_run_group_tests_name("store_sqlite", tests, NULL, NULL);
}
