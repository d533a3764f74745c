/* SIGKILL at random moments: every acknowledged write is there afterwards, whole. */
/* SPDX-License-Identifier: MIT */
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "db/db.h"
#include "unit/store/fixture.h"

enum {
	ROUNDS = 50,
	LONG_ROUNDS = 500,
	THREADS = 3,
	GROUP = 5, /* records that one transaction writes together */
};

/* What the child says once store_txn returned: thread t wrote number n as revision r. */
struct ack {
	uint32_t thread;
	uint32_t number;
	uint64_t revision;
};

struct child {
	struct store *store;
	int fd;
	uint32_t thread;
	uint32_t number;
};

/* Each record of the group holds the number, one of them with enough bytes for several pages. */
static int write_group(struct store *store, uint32_t thread, uint32_t number, uint64_t *revision)
{
	char keys[GROUP][32], value[9000];
	struct store_put puts[GROUP];
	struct store_txn txn = {.puts = puts, .n_puts = GROUP};

	memset(value, 'v', sizeof(value));
	memcpy(value, &number, sizeof(number));
	for (int i = 0; i < GROUP; i++) {
		snprintf(keys[i], sizeof(keys[i]), "thread/%u/%d", thread, i);
		puts[i] = (struct store_put){keys[i], value, i ? 40 : sizeof(value)};
	}
	return store_txn(store, &txn, revision);
}

static void *run_thread(void *data)
{
	struct child *child = data;
	struct ack ack = {.thread = child->thread, .number = child->number};

	for (;;) {
		ack.number++;
		if (write_group(child->store, ack.thread, ack.number, &ack.revision))
			_exit(1);
		if (write(child->fd, &ack, sizeof(ack)) != sizeof(ack))
			_exit(2);
	}
	return NULL;
}

static void run_child(const char *path, int fd, const uint32_t numbers[THREADS])
{
	struct child children[THREADS];
	struct field_error error;
	struct store *store;
	pthread_t thread;

	if (store_open_sqlite(path, &error, &store))
		_exit(3);
	for (uint32_t i = 0; i < THREADS; i++) {
		children[i] = (struct child){store, fd, i, numbers[i]};
		if (pthread_create(&thread, NULL, run_thread, &children[i]))
			_exit(4);
	}
	for (;;)
		pause();
}

/* What the child acknowledged up to its death, over all rounds. */
struct told {
	uint32_t numbers[THREADS];
	uint64_t revision;
	size_t acks;
};

static void read_acks(int fd, struct told *told)
{
	struct ack ack;

	while (read(fd, &ack, sizeof(ack)) == sizeof(ack)) {
		assert_int_equal(ack.number, told->numbers[ack.thread] + 1);
		told->numbers[ack.thread] = ack.number;
		if (ack.revision > told->revision)
			told->revision = ack.revision;
		told->acks++;
	}
}

static void sleep_us(long us)
{
	struct timespec pause = {.tv_nsec = us * 1000};

	nanosleep(&pause, NULL);
}

static void kill_one(const char *path, struct told *told, unsigned int *seed)
{
	struct pollfd readable = {.events = POLLIN};
	int ends[2], status;
	pid_t pid;

	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	pid = fork();
	if (pid == 0)
		run_child(path, ends[1], told->numbers);
	close(ends[1]);
	readable.fd = ends[0];
	/* From the first acknowledgement on, so that slow starts do not make it a test of opening;
	 * each eighth at once, so that opening is hit too. */
	if (rand_r(seed) % 8)
		poll(&readable, 1, 20000);
	sleep_us(rand_r(seed) % 20000);
	kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	read_acks(ends[0], told);
	close(ends[0]);
}

/* The state found in the file. */
struct found {
	uint32_t numbers[THREADS][GROUP];
	uint64_t revisions[THREADS][GROUP];
};

static int visit_group(const struct store_record *record, void *data)
{
	struct found *found = data;
	unsigned int thread, i;

	assert_int_equal(sscanf(record->key, "thread/%u/%u", &thread, &i), 2);
	assert_int_equal(record->size, i ? 40 : 9000);
	memcpy(&found->numbers[thread][i], record->value, sizeof(uint32_t));
	found->revisions[thread][i] = record->revision;
	return 0;
}

/* A write may be there though its acknowledgement was not sent; never the other way round. */
static void check_store(const char *path, struct told *told)
{
	struct store *store = open_at(path);
	struct found found = {0};
	uint64_t revision = 0;

	assert_int_equal(store_range(store, "", visit_group, &found, &revision), 0);
	assert_true(revision >= told->revision);
	told->revision = revision;
	for (int t = 0; t < THREADS; t++) {
		uint32_t number = found.numbers[t][0];

		assert_true(number == told->numbers[t] || number == told->numbers[t] + 1);
		told->numbers[t] = number;
		for (int i = 1; i < GROUP; i++) {
			assert_int_equal(found.numbers[t][i], number);
			assert_int_equal(found.revisions[t][i], found.revisions[t][0]);
		}
	}
	/* Revisions are dense, so the writes that happened are exactly those numbers. */
	assert_int_equal(revision, told->numbers[0] + told->numbers[1] + told->numbers[2]);
	store_close(store);
}

static void check_integrity(const char *path)
{
	static const char *const migrations[] = {""};
	struct db_schema schema = {0x534c4346, migrations, 1};
	struct field_error error;
	struct db_stmt *stmt;
	struct db *db;
	size_t size;

	assert_int_equal(db_open(path, &schema, &error, &db), 0);
	assert_int_equal(db_prepare(db, "PRAGMA integrity_check", &stmt), 0);
	assert_int_equal(db_step(stmt), DB_ROW);
	assert_memory_equal(db_column_bytes(stmt, 0, &size), "ok", 2);
	db_finalize(stmt);
	db_close(db);
}

static void kill_at_any_moment_keeps_all_that_was_acknowledged(void **state)
{
	char *dir = dir_make(false), *path = path_in(dir, "store.db");
	int rounds = getenv("SLUICE_LONG") ? LONG_ROUNDS : ROUNDS;
	unsigned int seed = (unsigned int)time(NULL);
	struct told told = {0};

	print_message("# seed %u\n", seed);
	for (int i = 0; i < rounds; i++) {
		kill_one(path, &told, &seed);
		check_store(path, &told);
		if (i % 10 == 9)
			check_integrity(path);
	}
	print_message("# %zu writes acknowledged over %d kills\n", told.acks, rounds);
	assert_true(told.acks > (size_t)rounds);
	dir_remove(dir);
	free(path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(kill_at_any_moment_keeps_all_that_was_acknowledged),
	};

	return cmocka_run_group_tests_name("store_kill", tests, NULL, NULL);
}
