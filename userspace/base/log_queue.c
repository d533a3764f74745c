/* Lines on their way to stderr: a thread of its own writes them, so that nobody else waits. */
/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log_priv.h"

enum {
	HALF_BYTES = 256 * 1024,
	POLL_MS = 100,   /* how often a writer that waits looks whether it is to stop */
	DIRECT_MS = 100, /* how long a line waits when there is no writer */
	STOP_MS = 500,
	REST_US = 2000, /* between halves: waking the writer costs more than making a line */
	/* Beyond that, the writer is inside a write that does not return. */
	JOIN_MS = 200,
};

/* One half fills while the other is written. */
struct half {
	char bytes[HALF_BYTES];
	size_t len;
	uint64_t lost; /* lines, behind the last of these */
};

static struct {
	pthread_mutex_t lock; /* guards what follows, but for the half that is being written */
	pthread_cond_t wake;  /* there is something to write, or it ends */
	pthread_cond_t idle;  /* all is written */
	struct half halves[2];
	struct half *filling;
	bool running, writing, stopping;
	pthread_t thread;
} queue = {
	.lock = PTHREAD_MUTEX_INITIALIZER,
	.wake = PTHREAD_COND_INITIALIZER,
	.idle = PTHREAD_COND_INITIALIZER,
	.filling = queue.halves,
};

/* CLOCK_MONOTONIC, ms; what is not written by then is given up. */
static atomic_uint_fast64_t end_ms = UINT64_MAX;

/* Of the writer's thread: what stderr did not take. */
struct writer {
	uint64_t lost;
	bool torn; /* what was written last ends within a line */
};

static struct timespec after_ms(clockid_t clock, unsigned int ms)
{
	struct timespec t;

	clock_gettime(clock, &t);
	t.tv_nsec += (long)ms * 1000000;
	t.tv_sec += t.tv_nsec / 1000000000;
	t.tv_nsec %= 1000000000;
	return t;
}

/* Whether stderr takes something, or would say what is wrong with it, before that time. */
static bool wait_room(uint64_t until_ms)
{
	struct pollfd wait = {.fd = STDERR_FILENO, .events = POLLOUT};
	uint64_t now, left, end;
	int n;

	do {
		end = atomic_load(&end_ms);
		now = monotonic_ms();
		end = end < until_ms ? end : until_ms;
		left = end > now ? end - now : 0;
		n = poll(&wait, 1, left < POLL_MS ? (int)left : POLL_MS);
	} while ((n == 0 && left > 0) || (n < 0 && errno == EINTR));
	return n > 0;
}

/*
 * Returns the bytes written: fewer than len when stderr takes no more. Up to PIPE_BUF bytes do
 * not block on a pipe that poll() found writable, unless somebody else fills it in between.
 */
static size_t write_bytes(const char *bytes, size_t len, uint64_t until_ms)
{
	size_t done = 0;

	while (done < len && wait_room(until_ms)) {
		ssize_t n = write(STDERR_FILENO, bytes + done, len - done);

		if (n > 0)
			done += (size_t)n;
		else if (n < 0 && errno != EINTR && errno != EAGAIN)
			break;
	}
	return done;
}

static uint64_t count_lines(const char *bytes, size_t len)
{
	uint64_t lines = 0;

	for (size_t i = 0; i < len; i++)
		lines += bytes[i] == '\n';
	return lines;
}

/* Whole lines; returns how many of them stderr did not take, or not to their end. */
static uint64_t write_lines(struct writer *writer, const char *bytes, size_t len)
{
	size_t done = 0;

	if (writer->torn)
		writer->torn = write_bytes("\n", 1, UINT64_MAX) == 0;
	if (!writer->torn)
		done = write_bytes(bytes, len, UINT64_MAX);
	if (done > 0)
		writer->torn = bytes[done - 1] != '\n';
	return count_lines(bytes + done, len - done);
}

/* Says what was lost before the next line, if anything can be said by now. */
static void write_lost(struct writer *writer)
{
	const struct log_field field = LOG_U64("lost", writer->lost);
	char memory[LOG_LINE_MAX], message[128];
	struct log_line line = {
		.level = LOG_LEVEL_WARNING, .message = message, .fields = &field, .n = 1};
	struct buf text;

	if (writer->lost == 0)
		return;
	line.len = (size_t)snprintf(message, sizeof(message),
				    "%llu lines lost: the log was not read fast enough, or could "
				    "not be written",
				    (unsigned long long)writer->lost);
	buf_init_fixed(&text, memory, sizeof(memory));
	log_line_put(&line, log_is_json(), &text);
	if (write_lines(writer, text.data, text.len) == 0)
		writer->lost = 0;
}

/* Of the lines at bytes, as many as go out in one write. */
static size_t measure_chunk(const char *bytes, size_t len)
{
	const char *end = len > LOG_LINE_MAX ? memrchr(bytes, '\n', LOG_LINE_MAX) : NULL;

	return end ? (size_t)(end + 1 - bytes) : len;
}

static void write_half(struct writer *writer, const struct half *half)
{
	size_t len;

	for (size_t at = 0; at < half->len; at += len) {
		const char *chunk = half->bytes + at;

		len = measure_chunk(chunk, half->len - at);
		write_lost(writer);
		if (writer->lost)
			writer->lost += count_lines(chunk, len);
		else
			writer->lost = write_lines(writer, chunk, len);
	}
	writer->lost += half->lost;
	write_lost(writer);
}

/* With the lock held. NULL: it ends, and all is written. */
static struct half *wait_half(void)
{
	struct half *half;

	while (!queue.filling->len && !queue.stopping)
		pthread_cond_wait(&queue.wake, &queue.lock);
	half = queue.filling;
	if (!half->len)
		return NULL;
	queue.filling = half == queue.halves ? &queue.halves[1] : queue.halves;
	queue.writing = true;
	return half;
}

/* With the lock held, which it lets go meanwhile. */
static void rest(void)
{
	if (queue.stopping)
		return;
	pthread_mutex_unlock(&queue.lock);
	usleep(REST_US);
	pthread_mutex_lock(&queue.lock);
}

static void *run_writer(void *data)
{
	struct writer writer = {.lost = 0};
	struct half *half;

	(void)data;
	pthread_setname_np(pthread_self(), "sluice-log");
	pthread_mutex_lock(&queue.lock);
	while ((half = wait_half())) {
		pthread_mutex_unlock(&queue.lock);
		write_half(&writer, half);
		pthread_mutex_lock(&queue.lock);
		half->len = 0;
		half->lost = 0;
		queue.writing = false;
		pthread_cond_broadcast(&queue.idle);
		rest();
	}
	pthread_mutex_unlock(&queue.lock);
	return NULL;
}

/* Once a line is lost, those behind it are too, until the half is written: how many is said there. */
static void fill(struct half *half, const char *line, size_t len)
{
	if (half->lost || len > HALF_BYTES - half->len) {
		half->lost++;
		return;
	}
	if (half->len == 0)
		pthread_cond_signal(&queue.wake);
	memcpy(half->bytes + half->len, line, len);
	half->len += len;
}

void log_queue_put(const char *line, size_t len)
{
	bool running;

	pthread_mutex_lock(&queue.lock);
	running = queue.running;
	if (running)
		fill(queue.filling, line, len);
	pthread_mutex_unlock(&queue.lock);
	if (!running)
		write_bytes(line, len, monotonic_ms() + DIRECT_MS);
}

int log_start(void)
{
	int err;

	atomic_store(&end_ms, UINT64_MAX);
	pthread_mutex_lock(&queue.lock);
	queue.stopping = false;
	err = pthread_create(&queue.thread, NULL, run_writer, NULL);
	queue.running = err == 0;
	pthread_mutex_unlock(&queue.lock);
	return -err;
}

void log_flush(unsigned int wait_ms)
{
	struct timespec until = after_ms(CLOCK_MONOTONIC, wait_ms);

	pthread_mutex_lock(&queue.lock);
	while (queue.writing || queue.filling->len)
		if (pthread_cond_clockwait(&queue.idle, &queue.lock, CLOCK_MONOTONIC, &until))
			break;
	pthread_mutex_unlock(&queue.lock);
}

void log_stop(void)
{
	struct timespec until = after_ms(CLOCK_REALTIME, STOP_MS + JOIN_MS);
	bool running;

	pthread_mutex_lock(&queue.lock);
	running = queue.running;
	queue.stopping = true;
	pthread_cond_signal(&queue.wake);
	pthread_mutex_unlock(&queue.lock);
	if (!running)
		return;
	atomic_store(&end_ms, monotonic_ms() + STOP_MS);
	if (pthread_timedjoin_np(queue.thread, NULL, &until))
		return;
	pthread_mutex_lock(&queue.lock);
	queue.running = false;
	pthread_mutex_unlock(&queue.lock);
	atomic_store(&end_ms, UINT64_MAX);
}
