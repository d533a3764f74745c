/* The queue of the log: nobody waits for who does not read, and what is lost is counted. */
/* SPDX-License-Identifier: MIT */
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/log.h"
#include "unit/base/capture.h"

enum {
	FLUSH_MS = 10000,
	THREADS = 4,
	LINES_PER_THREAD = 2000,
};

static uint64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

/* What was read of a log, line by line. */
struct tally {
	uint64_t lines; /* with "n" */
	uint64_t next[THREADS];
	uint64_t notes;
	uint64_t lost; /* as the notes say */
	char rest[8192];
	size_t rest_len;
};

static uint64_t number_of(const struct json_document *document, const char *name)
{
	const struct json *value = json_member(json_root(document), name);

	return value ? (uint64_t)json_integer(value) : UINT64_MAX;
}

static void count_line(struct tally *tally, const char *line, size_t len)
{
	_cleanup_json_ struct json_document *document = NULL;
	struct field_error error;
	uint64_t lost, who, n;

	if (json_parse(line, len, &error, &document))
		fail_msg("%s: %.*s", error.message, (int)len, line);
	lost = number_of(document, "lost");
	if (lost != UINT64_MAX) {
		tally->notes++;
		tally->lost += lost;
		return;
	}
	who = number_of(document, "who");
	n = number_of(document, "n");
	assert_true(who < THREADS);
	/* In the order of each thread's calls; what is missing was lost. */
	assert_true(n >= tally->next[who]);
	tally->next[who] = n + 1;
	tally->lines++;
}

static void count_text(struct tally *tally, const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		assert_true(tally->rest_len < sizeof(tally->rest));
		tally->rest[tally->rest_len++] = text[i];
		if (text[i] != '\n')
			continue;
		count_line(tally, tally->rest, tally->rest_len);
		tally->rest_len = 0;
	}
}

static void log_number(uint64_t who, uint64_t n)
{
	log_event(LOG_LEVEL_INFO, "a line of some length, as they are", LOG_U64("who", who),
		  LOG_U64("n", n));
}

static void read_all(struct capture *capture, struct tally *tally)
{
	do {
		capture_read(capture);
		if (capture->len > 0)
			count_text(tally, capture->text, (size_t)capture->len);
	} while (capture->len > 0);
}

static void begin(struct capture *capture)
{
	capture_pipe(capture);
	log_init(LOG_LEVEL_INFO, LOG_FORMAT_JSON);
	assert_int_equal(log_start(), 0);
}

static void end(struct capture *capture, struct tally *tally)
{
	log_stop();
	read_all(capture, tally);
	capture_end(capture);
	assert_int_equal(tally->rest_len, 0);
}

static void log_queue_writes_lines_in_order(void **state)
{
	struct tally tally = {.lines = 0};
	struct capture capture;

	begin(&capture);
	for (uint64_t i = 0; i < 100; i++)
		log_number(0, i);
	log_flush(FLUSH_MS);
	read_all(&capture, &tally);
	assert_int_equal(tally.lines, 100);
	log_number(0, 100);
	end(&capture, &tally);
	assert_int_equal(tally.lines, 101);
	assert_int_equal(tally.notes, 0);
}

static void log_after_the_queue_is_written_at_once(void **state)
{
	struct tally tally = {.lines = 0};
	struct capture capture;

	begin(&capture);
	log_stop();
	log_number(0, 0);
	read_all(&capture, &tally);
	assert_int_equal(tally.lines, 1);
	assert_int_equal(log_start(), 0);
	log_number(0, 1);
	end(&capture, &tally);
	assert_int_equal(tally.lines, 2);
}

/* A million bytes into a pipe that nobody reads, then a reader. */
static void log_pipe_that_nobody_reads_delays_no_one(void **state)
{
	enum { LINES = 20000 };
	struct tally tally = {.lines = 0};
	struct capture capture;
	uint64_t before, reads;

	begin(&capture);
	before = now_ms();
	for (uint64_t i = 0; i < LINES; i++)
		log_number(0, i);
	assert_true(now_ms() - before < 5000);
	/* Nothing moves meanwhile. */
	log_flush(50);
	/* Both halves of the queue may have lost lines: each says so at its end. */
	for (reads = 0; tally.lines + tally.lost < LINES && reads < 10000; reads++) {
		read_all(&capture, &tally);
		log_flush(10);
	}
	log_number(0, LINES);
	end(&capture, &tally);
	assert_true(tally.notes >= 1);
	assert_true(tally.lost > 0);
	assert_int_equal(tally.lines + tally.lost, LINES + 1);
	assert_int_equal(tally.next[0], LINES + 1);
}

static void log_stop_with_a_pipe_that_nobody_reads_takes_less_than_a_second(void **state)
{
	struct tally tally = {.lines = 0};
	struct capture capture;
	uint64_t before;

	begin(&capture);
	for (uint64_t i = 0; i < 20000; i++)
		log_number(0, i);
	before = now_ms();
	log_stop();
	assert_true(now_ms() - before < 1000);
	read_all(&capture, &tally);
	capture_end(&capture);
}

static void log_closed_pipe_costs_lines_only(void **state)
{
	struct tally tally = {.lines = 0};
	struct capture capture;
	int fds[2];

	begin(&capture);
	close(capture.reader);
	for (uint64_t i = 0; i < 50; i++)
		log_number(0, i);
	log_flush(FLUSH_MS);
	/* Somebody reads again. */
	assert_int_equal(pipe(fds), 0);
	assert_int_equal(fcntl(fds[0], F_SETFL, O_NONBLOCK), 0);
	capture.reader = fds[0];
	assert_true(dup2(fds[1], STDERR_FILENO) >= 0);
	close(fds[1]);
	log_number(0, 50);
	end(&capture, &tally);
	assert_int_equal(tally.lost, 50);
	assert_int_equal(tally.lines, 1);
}

/* A file may be cut within a line: the next one begins on a line of its own. */
static void log_full_disk_tears_no_later_line(void **state)
{
	const struct rlimit small = {.rlim_cur = 1000, .rlim_max = RLIM_INFINITY};
	char path[] = "/tmp/sluice-log-XXXXXX", text[16384];
	struct rlimit before;
	struct capture capture;
	struct tally tally = {.lines = 0};
	const char *torn;
	ssize_t len;
	int fd = mkstemp(path);

	assert_true(fd >= 0);
	unlink(path);
	begin(&capture);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
	assert_true(dup2(fd, STDERR_FILENO) >= 0);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
	for (uint64_t i = 0; i < 40; i++)
		log_number(0, i);
	log_flush(FLUSH_MS);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
	log_number(0, 40);
	log_stop();
	capture_end(&capture);
	len = pread(fd, text, sizeof(text) - 1, 0);
	assert_true(len > 1000);
	text[len] = '\0';
	/* The torn line ends at the 1000th byte. */
	assert_int_equal(text[1000], '\n');
	torn = memrchr(text, '\n', 1000);
	count_text(&tally, text, (size_t)(torn + 1 - text));
	count_text(&tally, text + 1001, (size_t)len - 1001);
	assert_int_equal(tally.lines + tally.lost, 41);
	assert_int_equal(tally.next[0], 41);
	assert_int_equal(tally.notes, 1);
	close(fd);
}

static void *log_many(void *data)
{
	for (uint64_t i = 0; i < LINES_PER_THREAD; i++)
		log_number((uint64_t)(uintptr_t)data, i);
	return NULL;
}

static void log_lines_of_many_threads_never_mix(void **state)
{
	struct tally tally = {.lines = 0};
	struct capture capture;
	pthread_t threads[THREADS];

	begin(&capture);
	for (uintptr_t i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, log_many, (void *)i), 0);
	for (int i = 0; i < 200; i++) {
		read_all(&capture, &tally);
		log_flush(1);
	}
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	for (int i = 0; i < 10000 && tally.lines + tally.lost < THREADS * LINES_PER_THREAD; i++) {
		read_all(&capture, &tally);
		log_flush(10);
	}
	end(&capture, &tally);
	assert_int_equal(tally.lines + tally.lost, THREADS * LINES_PER_THREAD);
}

static int ignore_signals(void **state)
{
	signal(SIGPIPE, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(log_queue_writes_lines_in_order),
		cmocka_unit_test(log_after_the_queue_is_written_at_once),
		cmocka_unit_test(log_pipe_that_nobody_reads_delays_no_one),
		cmocka_unit_test(log_stop_with_a_pipe_that_nobody_reads_takes_less_than_a_second),
		cmocka_unit_test(log_closed_pipe_costs_lines_only),
		cmocka_unit_test(log_full_disk_tears_no_later_line),
		cmocka_unit_test(log_lines_of_many_threads_never_mix),
	};

	return cmocka_run_group_tests_name("log_threads", tests, ignore_signals, NULL);
}
