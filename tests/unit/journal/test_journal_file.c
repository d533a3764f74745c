/* The journal's file: kills, damage, one writer, and what is left behind. */
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
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "journal/backends.h"
#include "journal/crc32c.h"
#include "unit/journal/rig.h"

enum { KILLS = 60 };

static char path[RIG_PATH_SIZE], file[RIG_PATH_SIZE + 32];

static int setup(void **state)
{
	rig_make_directory(path);
	snprintf(file, sizeof(file), "%s/state.journal", path);
	return 0;
}

static int teardown(void **state)
{
	rig_remove_directory(path);
	return 0;
}

static void crc32c_equals_the_published_values(void **state)
{
	static const char digits[] = "123456789";
	unsigned char zeros[32] = {0};

	/* RFC 3720, B.4, and the check value of the catalogue of CRCs. */
	assert_int_equal(crc32c(0, zeros, sizeof(zeros)), 0x8a9136aa);
	assert_int_equal(crc32c(0, digits, 9), 0xe3069283);
	for (size_t cut = 0; cut <= 9; cut++)
		assert_int_equal(crc32c(crc32c(0, digits, cut), digits + cut, 9 - cut), 0xe3069283);
}

static size_t read_file(unsigned char *bytes, size_t size)
{
	int fd = open(file, O_RDONLY);
	ssize_t n = read(fd, bytes, size);

	assert_true(n > 0 && (size_t)n < size);
	close(fd);
	return (size_t)n;
}

static void write_file(const unsigned char *bytes, size_t len)
{
	int fd = open(file, O_WRONLY | O_TRUNC | O_CREAT, 0600);

	assert_int_equal(write(fd, bytes, len), len);
	close(fd);
}

static int refuse_chunk(const void *bytes, size_t len, void *data)
{
	fail_msg("a damaged snapshot was handed over");
	return 0;
}

static void assert_damaged(struct journal *journal)
{
	struct field_error error = {.field = ""};

	assert_int_equal(journal_read(journal, RIG_SCHEMA, refuse_chunk, NULL, &error),
			 JOURNAL_E_DAMAGED);
	assert_string_equal(error.message, "it is damaged");
}

static void every_damaged_byte_and_every_cut_is_refused(void **state)
{
	static unsigned char bytes[200000];
	struct journal *journal = rig_open(path);
	size_t len;

	/* Three chunks of a few hundred bytes. */
	assert_int_equal(journal_begin(journal, RIG_SCHEMA), 0);
	for (int i = 0; i < 3; i++)
		assert_int_equal(journal_append(journal, bytes + 1000, 300), 0);
	assert_int_equal(journal_commit(journal), 0);
	len = read_file(bytes, sizeof(bytes));
	for (size_t i = 0; i < len; i++) {
		bytes[i] ^= (unsigned char)(1 << i % 8);
		write_file(bytes, len);
		assert_damaged(journal);
		bytes[i] ^= (unsigned char)(1 << i % 8);
	}
	for (size_t cut = 0; cut < len; cut++) {
		write_file(bytes, cut);
		assert_damaged(journal);
	}
	write_file(bytes, len + 1);
	assert_damaged(journal);
	/* Equal chunks, yet not two of them exchanged for one. */
	memmove(bytes + 24 + 308, bytes + 24 + 2 * 308, len - 24 - 2 * 308);
	write_file(bytes, len - 308);
	assert_damaged(journal);
	journal_close(journal);
}

static void exchanged_chunks_are_refused(void **state)
{
	struct journal *journal = rig_open(path);
	unsigned char bytes[2000], chunk[308];
	size_t len;

	assert_int_equal(journal_begin(journal, RIG_SCHEMA), 0);
	for (int i = 0; i < 3; i++) {
		memset(chunk, i, 300);
		assert_int_equal(journal_append(journal, chunk, 300), 0);
	}
	assert_int_equal(journal_commit(journal), 0);
	len = read_file(bytes, sizeof(bytes));
	memcpy(chunk, bytes + 24, 308);
	memcpy(bytes + 24, bytes + 24 + 308, 308);
	memcpy(bytes + 24 + 308, chunk, 308);
	write_file(bytes, len);
	assert_damaged(journal);
	journal_close(journal);
}

static void newer_form_is_refused_as_newer(void **state)
{
	struct journal *journal = rig_open(path);
	struct field_error error = {.field = ""};
	unsigned char bytes[200000];
	uint32_t sum;
	size_t len;

	assert_int_equal(rig_put(journal, 1), 0);
	len = read_file(bytes, sizeof(bytes));
	bytes[8]++;
	sum = crc32c(0, bytes, 20);
	memcpy(bytes + 20, &sum, sizeof(sum));
	write_file(bytes, len);
	assert_int_equal(journal_read(journal, RIG_SCHEMA, refuse_chunk, NULL, &error),
			 JOURNAL_E_NEWER);
	journal_close(journal);
}

static void second_writer_is_refused(void **state)
{
	struct journal *journal = rig_open(path), *other;
	struct field_error error = {.field = ""};

	assert_int_equal(journal_open_file(path, &error, &other), JOURNAL_E_BUSY);
	assert_non_null(strstr(error.message, path));
	journal_close(journal);
	journal_close(rig_open(path));
	assert_true(journal_open_file("/nowhere/at/all", &error, &other) == -ENOENT);
}

static void file_is_private_and_alone(void **state)
{
	struct journal *journal = rig_open(path);
	struct stat info;
	char fresh[sizeof(file) + 8];

	assert_int_equal(rig_put(journal, 1), 0);
	assert_int_equal(stat(file, &info), 0);
	assert_int_equal(info.st_mode & 07777, 0600);
	snprintf(fresh, sizeof(fresh), "%s.new", file);
	assert_int_equal(rig_append(journal, 2), 0);
	assert_int_equal(access(fresh, F_OK), 0);
	journal_close(journal);
	assert_int_equal(access(fresh, F_OK), -1);
}

/* As on a full disk. */
static void write_without_room_leaves_the_former(void **state)
{
	struct journal *journal = rig_open(path);
	struct rlimit before, little;

	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(rig_put(journal, 1), 0);
	getrlimit(RLIMIT_FSIZE, &before);
	little = before;
	for (rlim_t size = 0; size < 3000; size += 100) {
		little.rlim_cur = size;
		assert_int_equal(setrlimit(RLIMIT_FSIZE, &little), 0);
		assert_int_equal(rig_put(journal, 3), -EFBIG);
		assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
		assert_int_equal(rig_get(journal), 1);
	}
	assert_int_equal(rig_put(journal, 3), 0);
	assert_int_equal(rig_get(journal), 3);
	journal_close(journal);
}

static void write_on(int pipe_fd, uint64_t number)
{
	struct field_error error;
	struct journal *journal;

	if (journal_open_file(path, &error, &journal))
		_exit(1);
	for (;; number++)
		if (rig_put(journal, number) || write(pipe_fd, &number, 8) != 8)
			_exit(1);
}

/* Kills a writer at some moment; returns the last number that it was told to be on disk. */
static uint64_t kill_writer(uint64_t number, unsigned delay_us)
{
	uint64_t acknowledged = 0, got;
	int fds[2], status;
	pid_t child;

	assert_int_equal(pipe(fds), 0);
	child = fork();
	assert_true(child >= 0);
	if (child == 0)
		write_on(fds[1], number);
	close(fds[1]);
	assert_int_equal(read(fds[0], &acknowledged, 8), 8);
	usleep(delay_us);
	kill(child, SIGKILL);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFSIGNALED(status));
	while (read(fds[0], &got, 8) == 8)
		acknowledged = got;
	close(fds[0]);
	return acknowledged;
}

static void killed_writer_leaves_a_whole_snapshot(void **state)
{
	int kills = getenv("SLUICE_LONG") ? 10 * KILLS : KILLS;
	unsigned random = 2463534242U;
	uint64_t next = 1;

	for (int i = 0; i < kills; i++) {
		struct journal *journal;
		uint64_t acknowledged, found;

		random = random * 1664525 + 1013904223;
		acknowledged = kill_writer(next, random >> 16 & 0x7ff);
		journal = rig_open(path);
		found = rig_get(journal);
		journal_close(journal);
		assert_in_range(found, acknowledged, acknowledged + 1);
		next = found + 1;
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(crc32c_equals_the_published_values),
		cmocka_unit_test_setup_teardown(every_damaged_byte_and_every_cut_is_refused, setup,
						teardown),
		cmocka_unit_test_setup_teardown(exchanged_chunks_are_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(newer_form_is_refused_as_newer, setup, teardown),
		cmocka_unit_test_setup_teardown(second_writer_is_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(file_is_private_and_alone, setup, teardown),
		cmocka_unit_test_setup_teardown(write_without_room_leaves_the_former, setup,
						teardown),
		cmocka_unit_test_setup_teardown(killed_writer_leaves_a_whole_snapshot, setup,
						teardown),
	};

	return cmocka_run_group_tests_name("journal file", tests, NULL, NULL);
}
