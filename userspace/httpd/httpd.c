/* Starts the server's loops on one listening socket, drains them and stops them. */
/* SPDX-License-Identifier: MIT */

#include <assert.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "httpd/httpd_priv.h"
#include "httpd/tls_priv.h"

static int read_port(int fd, uint16_t *ret)
{
	union peer address = {.v6 = {0}};
	socklen_t len = sizeof(address);

	if (getsockname(fd, &address.any, &len) < 0)
		return -errno;
	*ret = ntohs(address.any.sa_family == AF_INET6 ? address.v6.sin6_port :
							 address.v4.sin_port);
	return 0;
}

/* One socket for all loops: with SO_REUSEPORT a second server could share the port unnoticed. */
static int open_listener(const struct httpd_config *config, int *ret_fd)
{
	int fd, one = 1, unsent = UNSENT_MAX, err;

	fd = socket(config->address->sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	/* Accepted sockets inherit both. */
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	setsockopt(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &unsent, sizeof(unsent));
	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) < 0 ||
	    bind(fd, config->address, config->address_len) < 0 || listen(fd, SOMAXCONN) < 0) {
		err = -errno;
		close(fd);
		return err;
	}
	*ret_fd = fd;
	return 0;
}

static int start_loops(struct httpd *httpd)
{
	int err;

	for (unsigned int i = 0; i < httpd->n_loops; i++) {
		err = pthread_create(&httpd->loops[i].thread, NULL, loop_run, &httpd->loops[i]);
		if (err)
			return -err;
		httpd->loops[i].started = true;
	}
	return 0;
}

/* A quarter of the shortest deadline, within reason. */
static unsigned int choose_tick_ms(const unsigned int times_ms[3])
{
	unsigned int least = times_ms[0];

	for (int i = 1; i < 3; i++)
		if (times_ms[i] < least)
			least = times_ms[i];
	if (least / 4 > TICK_MS_MAX)
		return TICK_MS_MAX;
	return least / 4 < TICK_MS_MIN ? TICK_MS_MIN : least / 4;
}

static void set_times(struct httpd *httpd, const unsigned int times_ms[3])
{
	atomic_store(&httpd->times.header, times_ms[0]);
	atomic_store(&httpd->times.body, times_ms[1]);
	atomic_store(&httpd->times.idle, times_ms[2]);
	atomic_store(&httpd->times.tick, choose_tick_ms(times_ms));
}

void httpd_set_timeouts(struct httpd *httpd, unsigned int header_ms, unsigned int body_ms,
			unsigned int idle_ms)
{
	set_times(httpd, (const unsigned int[3]){header_ms, body_ms, idle_ms});
	/* A loop may rest for what was a tick. */
	for (unsigned int i = 0; i < httpd->n_loops; i++)
		loop_wake(&httpd->loops[i]);
}

static int listen_and_start(struct httpd *httpd)
{
	int err, fd = -1;

	err = open_listener(&httpd->config, &fd);
	if (!err)
		err = loop_listen(&httpd->loops[0], fd);
	if (!err)
		err = read_port(fd, &httpd->port);
	/* The address was the caller's, and has done its part. */
	httpd->config.address = NULL;
	return err ? err : start_loops(httpd);
}

static int start_tls(struct httpd *httpd)
{
	int err = 0;

	if (httpd->config.tls) {
		err = snapshot_cell_init(&httpd->tls);
		httpd->encrypts = !err;
	}
	if (httpd->encrypts)
		httpd_set_tls(httpd, httpd->config.tls);
	/* The caller's, and has done its part. */
	httpd->config.tls = NULL;
	return err;
}

void httpd_set_tls(struct httpd *httpd, struct httpd_tls *tls)
{
	assert(httpd->encrypts);
	snapshot_publish(&httpd->tls, &tls_hold(tls)->snapshot);
}

int httpd_new(const struct httpd_config *config, struct httpd **ret)
{
	struct httpd *httpd = calloc(1, sizeof(*httpd));
	pthread_condattr_t monotonic;
	int err;

	assert(config->threads > 0 && config->connections_max > 0);
	if (!httpd)
		return -ENOMEM;
	httpd->config = *config;
	set_times(httpd, (const unsigned int[3]){config->header_timeout_ms, config->body_timeout_ms,
						 config->idle_timeout_ms});
	httpd->loops = calloc(config->threads, sizeof(*httpd->loops));
	if (!httpd->loops) {
		free(httpd);
		return -ENOMEM;
	}
	pthread_mutex_init(&httpd->drained_lock, NULL);
	pthread_condattr_init(&monotonic);
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	pthread_cond_init(&httpd->drained, &monotonic);
	pthread_condattr_destroy(&monotonic);
	err = start_tls(httpd);
	while (httpd->n_loops < config->threads && !err)
		err = loop_init(&httpd->loops[httpd->n_loops++], httpd);
	if (!err)
		err = listen_and_start(httpd);
	if (err) {
		httpd_free(httpd);
		return err;
	}
	*ret = httpd;
	return 0;
}

uint16_t httpd_port(const struct httpd *httpd)
{
	return httpd->port;
}

void httpd_room(const struct httpd *httpd, struct httpd_room *ret)
{
	*ret = (struct httpd_room){0};
	for (unsigned int i = 0; i < httpd->n_loops; i++) {
		const struct loop *loop = &httpd->loops[i];

		ret->connections += atomic_load(&loop->count);
		ret->held += atomic_load_explicit(&loop->held, memory_order_relaxed);
		ret->held_max += loop->held_max;
		ret->displaced += atomic_load_explicit(&loop->displaced, memory_order_relaxed);
	}
}

void httpd_drain(struct httpd *httpd, unsigned int timeout_ms)
{
	struct timespec until;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += timeout_ms / 1000;
	until.tv_nsec += (long)(timeout_ms % 1000) * 1000000;
	if (until.tv_nsec >= 1000000000) {
		until.tv_nsec -= 1000000000;
		until.tv_sec++;
	}
	atomic_store(&httpd->draining, true);
	for (unsigned int i = 0; i < httpd->n_loops; i++)
		loop_wake(&httpd->loops[i]);
	pthread_mutex_lock(&httpd->drained_lock);
	while (httpd->loops_drained < httpd->n_loops)
		if (pthread_cond_timedwait(&httpd->drained, &httpd->drained_lock, &until))
			break;
	pthread_mutex_unlock(&httpd->drained_lock);
}

void httpd_free(struct httpd *httpd)
{
	if (!httpd)
		return;
	atomic_store(&httpd->stopping, true);
	for (unsigned int i = 0; i < httpd->n_loops; i++)
		if (httpd->loops[i].started)
			loop_wake(&httpd->loops[i]);
	for (unsigned int i = 0; i < httpd->n_loops; i++)
		if (httpd->loops[i].started)
			pthread_join(httpd->loops[i].thread, NULL);
	for (unsigned int i = 0; i < httpd->n_loops; i++)
		loop_done(&httpd->loops[i]);
	if (httpd->encrypts)
		snapshot_cell_done(&httpd->tls);
	pthread_cond_destroy(&httpd->drained);
	pthread_mutex_destroy(&httpd->drained_lock);
	free(httpd->loops);
	free(httpd);
}
