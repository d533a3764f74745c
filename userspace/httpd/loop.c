/* One epoll loop: accepts, wakes connections, takes its inbox, watches the time. */
/* SPDX-License-Identifier: MIT */

#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "httpd/httpd_priv.h"

enum {
	EVENTS_PER_WAIT = 128,
	ACCEPT_PAUSE_MS = 100,
	ACCEPTS_PER_WAKE = 64,
};

static uint64_t read_clock_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC_COARSE, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

static int watch_fd(struct loop *loop, int fd, void *tag)
{
	struct epoll_event event = {.events = EPOLLIN, .data.ptr = tag};

	return epoll_ctl(loop->epoll_fd, EPOLL_CTL_ADD, fd, &event) < 0 ? -errno : 0;
}

int loop_init(struct loop *loop, struct httpd *httpd)
{
	loop->httpd = httpd;
	loop->held_max = httpd->config.memory_max / httpd->config.threads;
	if (loop->held_max < HTTPD_MEMORY_MIN)
		loop->held_max = HTTPD_MEMORY_MIN;
	loop->listen_fd = -1;
	loop->now_ms = read_clock_ms();
	pthread_mutex_init(&loop->inbox_lock, NULL);
	buf_init(&loop->out);
	loop->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	loop->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (loop->event_fd < 0 || loop->epoll_fd < 0)
		return -errno;
	loop->buffer = malloc(LOOP_BUFFER_SIZE);
	if (!loop->buffer)
		return -ENOMEM;
	return watch_fd(loop, loop->event_fd, &loop->event_fd);
}

void loop_done(struct loop *loop)
{
	struct httpd_stream *next;

	while (loop->oldest)
		connection_free(loop->oldest);
	for (size_t i = 0; i < loop->inbox_len; i++)
		close(loop->inbox[i].fd);
	for (; loop->due; loop->due = next) {
		next = loop->due->next_due;
		stream_on_due(loop->due);
	}
	if (loop->listen_fd >= 0)
		close(loop->listen_fd);
	if (loop->event_fd >= 0)
		close(loop->event_fd);
	if (loop->epoll_fd >= 0)
		close(loop->epoll_fd);
	free(loop->inbox);
	free(loop->buffer);
	buf_done(&loop->out);
	pthread_mutex_destroy(&loop->inbox_lock);
}

void loop_wake(struct loop *loop)
{
	uint64_t one = 1;

	/* It fails only when the counter is full, and then the loop wakes anyway. */
	if (write(loop->event_fd, &one, sizeof(one)) < 0)
		return;
}

int loop_listen(struct loop *loop, int fd)
{
	loop->listen_fd = fd;
	return watch_fd(loop, fd, &loop->listen_fd);
}

static void adopt(struct loop *loop, const struct newcomer *from)
{
	unsigned int most = loop->httpd->config.connections_max / loop->httpd->n_loops;
	struct connection *c;
	bool room;

	most = most ? most : 1;
	while (atomic_load(&loop->count) > most && budget_evict(loop))
		;
	room = atomic_load(&loop->count) <= most;
	/* Those who were refused and hold on must not fill the house either. */
	if (atomic_load(&loop->count) > most + REFUSED_MAX)
		budget_evict_phase(loop, PHASE_LINGER);
	if (connection_new(loop, from, &c)) {
		close(from->fd);
		atomic_fetch_sub(&loop->count, 1);
		return;
	}
	if (!room)
		connection_refuse(c, 503, "as many connections are open as there may be");
}

/* Gives the connection to the loop that has fewest. */
static void deal(struct httpd *httpd, const struct newcomer *from)
{
	struct loop *loop = &httpd->loops[0];
	struct newcomer *inbox;
	bool taken = false;

	for (unsigned int i = 1; i < httpd->n_loops; i++)
		if (atomic_load(&httpd->loops[i].count) < atomic_load(&loop->count))
			loop = &httpd->loops[i];
	atomic_fetch_add(&loop->count, 1);
	if (loop == &httpd->loops[0]) {
		adopt(loop, from);
		return;
	}
	pthread_mutex_lock(&loop->inbox_lock);
	if (loop->inbox_len == loop->inbox_size) {
		inbox = realloc(loop->inbox, (loop->inbox_size * 2 + 16) * sizeof(*inbox));
		if (inbox) {
			loop->inbox = inbox;
			loop->inbox_size = loop->inbox_size * 2 + 16;
		}
	}
	if (loop->inbox_len < loop->inbox_size) {
		loop->inbox[loop->inbox_len++] = *from;
		taken = true;
	}
	pthread_mutex_unlock(&loop->inbox_lock);
	if (!taken) {
		close(from->fd);
		atomic_fetch_sub(&loop->count, 1);
	}
	loop_wake(loop);
}

/* Level-triggered: without a pause this would spin. */
static void pause_accepting(struct loop *loop)
{
	epoll_ctl(loop->epoll_fd, EPOLL_CTL_DEL, loop->listen_fd, NULL);
	loop->listen_again_ms = loop->now_ms + ACCEPT_PAUSE_MS;
}

/* Returns whether more may be waiting. */
static bool accept_some(struct loop *loop)
{
	for (int i = 0; i < ACCEPTS_PER_WAKE; i++) {
		struct newcomer from = {.fd = -1};
		socklen_t len = sizeof(from.peer);

		/* Here, and not by getpeername(): that knows nothing of a peer that went away. */
		from.fd = accept4(loop->listen_fd, &from.peer.any, &len,
				  SOCK_CLOEXEC | SOCK_NONBLOCK);
		if (from.fd >= 0) {
			deal(loop->httpd, &from);
		} else if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS ||
			   errno == ENOMEM) {
			/* It may be that nobody waits to be let in. */
			if (budget_evict_phase(loop, PHASE_IDLE))
				continue;
			pause_accepting(loop);
			return false;
		} else if (errno != EINTR && errno != ECONNABORTED) {
			return false;
		}
	}
	return true;
}

static void take_inbox(struct loop *loop)
{
	struct connection *late, *next;
	struct httpd_stream *due, *next_due;
	struct newcomer newcomers[64];
	size_t n;

	do {
		pthread_mutex_lock(&loop->inbox_lock);
		for (n = 0; n < 64 && loop->inbox_len; n++)
			newcomers[n] = loop->inbox[--loop->inbox_len];
		late = loop->late;
		loop->late = NULL;
		due = loop->due;
		loop->due = NULL;
		pthread_mutex_unlock(&loop->inbox_lock);
		for (size_t i = 0; i < n; i++)
			adopt(loop, &newcomers[i]);
		for (; late; late = next) {
			next = late->next_late;
			connection_on_late(late);
		}
		for (; due; due = next_due) {
			next_due = due->next_due;
			stream_on_due(due);
		}
	} while (n == 64);
}

static void watch_time(struct loop *loop)
{
	struct connection *c, *next;

	loop->ticked_ms = loop->now_ms;
	for (c = loop->oldest; c; c = next) {
		next = c->younger;
		if (c->deadline_ms && c->deadline_ms <= loop->now_ms)
			connection_on_timeout(c);
	}
	if (loop->listen_again_ms && loop->listen_again_ms <= loop->now_ms &&
	    watch_fd(loop, loop->listen_fd, &loop->listen_fd) == 0)
		loop->listen_again_ms = 0;
}

/* Who came before the end is served. The other loops wait for what is dealt to them here. */
static void close_listener(struct loop *loop)
{
	struct httpd *httpd = loop->httpd;

	while (accept_some(loop))
		;
	close(loop->listen_fd);
	loop->listen_fd = -1;
	loop->listen_again_ms = 0;
	atomic_store(&httpd->listener_closed, true);
	for (unsigned int i = 1; i < httpd->n_loops; i++)
		loop_wake(&httpd->loops[i]);
}

static void drain(struct loop *loop)
{
	struct httpd *httpd = loop->httpd;
	struct connection *c, *next;

	if (loop->listen_fd >= 0)
		close_listener(loop);
	for (c = loop->oldest; c; c = next) {
		next = c->younger;
		connection_on_drain(c);
	}
	if (!atomic_load(&httpd->listener_closed) || atomic_load(&loop->count) || loop->drained)
		return;
	loop->drained = true;
	pthread_mutex_lock(&httpd->drained_lock);
	httpd->loops_drained++;
	pthread_cond_signal(&httpd->drained);
	pthread_mutex_unlock(&httpd->drained_lock);
}

static void dispatch(struct loop *loop, const struct epoll_event *event)
{
	uint64_t counter;

	if (event->data.ptr == &loop->listen_fd) {
		/* Newcomers may push others out, whose events may still lie in this batch. */
		loop->accept_due = true;
	} else if (event->data.ptr == &loop->event_fd) {
		/* Only empties it: the inbox is taken after every wait. */
		if (read(loop->event_fd, &counter, sizeof(counter)) < 0)
			return;
	} else {
		connection_on_event(event->data.ptr, event->events);
	}
}

void *loop_run(void *data)
{
	struct loop *loop = data;
	struct epoll_event events[EVENTS_PER_WAIT];
	unsigned int tick_ms;
	bool waiting;
	int n, wait_ms;

	while (!atomic_load(&loop->httpd->stopping)) {
		tick_ms = atomic_load(&loop->httpd->times.tick);
		waiting = loop->oldest || loop->listen_again_ms;
		wait_ms = waiting ? (int)tick_ms : -1;
		n = epoll_wait(loop->epoll_fd, events, EVENTS_PER_WAIT,
			       loop->first_turn ? 0 : wait_ms);
		loop->now_ms = read_clock_ms();
		for (int i = 0; i < n; i++)
			dispatch(loop, &events[i]);
		if (loop->accept_due && loop->listen_fd >= 0)
			accept_some(loop);
		loop->accept_due = false;
		take_inbox(loop);
		turn_some(loop);
		if (loop->now_ms - loop->ticked_ms >= tick_ms)
			watch_time(loop);
		if (atomic_load(&loop->httpd->draining))
			drain(loop);
	}
	return NULL;
}
