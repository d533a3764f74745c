/* Asks the program in force to time a packet now and then, and reads what it measured. */
/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#include "base/log.h"
#include "datapath/bpf_priv.h"

#define NS_PER_S 1000000000ULL

enum {
	SAMPLE_EVERY_NS = 50000000, /* 20 packets a second tell the 99th percentile in a minute */
};

/* The beginning of the tables: all that is written once they are in force. */
static size_t sample_bytes(void)
{
	return (size_t)sysconf(_SC_PAGESIZE);
}

static void drop_tables(struct bpf_sampler *s)
{
	if (s->tables)
		munmap(s->tables, sample_bytes());
	s->tables = NULL;
}

void bpf_sample_published(struct datapath_bpf *b, int fd)
{
	struct bpf_sampler *s = &b->sampler;
	void *memory = mmap(NULL, sample_bytes(), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	pthread_mutex_lock(&s->lock);
	drop_tables(s);
	s->tables = memory == MAP_FAILED ? NULL : memory;
	pthread_mutex_unlock(&s->lock);
}

/* True when it is time to stop. Called with the lock held. */
static bool rest(struct bpf_sampler *s)
{
	struct timespec until;
	uint64_t ns;
	int r = 0;

	clock_gettime(CLOCK_MONOTONIC, &until);
	ns = (uint64_t)until.tv_nsec + SAMPLE_EVERY_NS;
	until.tv_sec += (time_t)(ns / NS_PER_S);
	until.tv_nsec = (long)(ns % NS_PER_S);
	while (!s->stop && r == 0)
		r = pthread_cond_timedwait(&s->wake, &s->lock, &until);
	return s->stop;
}

static void *run_sampler(void *data)
{
	struct bpf_sampler *s = data;

	pthread_mutex_lock(&s->lock);
	while (!rest(s))
		if (s->tables)
			__atomic_store_n(&s->tables->sample, 1, __ATOMIC_RELAXED);
	pthread_mutex_unlock(&s->lock);
	return NULL;
}

void bpf_sample_init(struct datapath_bpf *b)
{
	pthread_condattr_t monotonic;

	pthread_mutex_init(&b->sampler.lock, NULL);
	pthread_condattr_init(&monotonic);
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	pthread_cond_init(&b->sampler.wake, &monotonic);
	pthread_condattr_destroy(&monotonic);
}

void bpf_sample_start(struct datapath_bpf *b)
{
	struct bpf_sampler *s = &b->sampler;
	int err = pthread_create(&s->thread, NULL, run_sampler, s);

	if (err) {
		log_warning("packets are limited, but not timed: %s", strerror(err));
		return;
	}
	pthread_setname_np(s->thread, "sampler");
	s->running = true;
}

void bpf_sample_close(struct datapath_bpf *b)
{
	struct bpf_sampler *s = &b->sampler;

	pthread_mutex_lock(&s->lock);
	s->stop = true;
	pthread_cond_signal(&s->wake);
	pthread_mutex_unlock(&s->lock);
	if (s->running)
		pthread_join(s->thread, NULL);
	drop_tables(s);
	pthread_cond_destroy(&s->wake);
	pthread_mutex_destroy(&s->lock);
}
