/* Knows every connection and closes those that take too long, however slowly they trickle. */
/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/* What a connection is doing. */
enum watch_phase {
	WATCH_HEADERS, /* new: its first request is not complete */
	WATCH_BODY,    /* headers are complete, the body is not */
	WATCH_WORK,    /* the server is at work: never late */
	WATCH_ANSWER,  /* the answer is being sent */
	WATCH_IDLE,    /* between requests, or in the headers of a later one */
};

/*
 * Embedded in a connection. The polling thread that serves it tells phases by watch_enter(), two
 * plain instructions; all the rest belongs to the watch and its lock.
 */
struct watch_entry {
	atomic_uint stage; /* phase, and above it a count of changes */
	int fd;
	unsigned int seen_stage;
	uint64_t seen_at_ns;    /* when seen_stage was first seen */
	uint64_t seen_bytes;    /* received by then */
	uint64_t trickle_at_ns; /* idle: when more than that was first seen; 0 */
	struct watch_entry *next;
	struct watch_entry **previous;
};

enum {
	WATCH_PHASE_BITS = 3,
};

static inline void watch_enter(struct watch_entry *entry, enum watch_phase phase)
{
	unsigned int stage = atomic_load_explicit(&entry->stage, memory_order_relaxed);

	stage = ((stage >> WATCH_PHASE_BITS) + 1) << WATCH_PHASE_BITS | phase;
	atomic_store_explicit(&entry->stage, stage, memory_order_relaxed);
}

struct watch_config {
	uint32_t header_timeout_ms;
	uint32_t body_timeout_ms;
	uint32_t idle_timeout_ms; /* also for the whole of one answer */
};

struct watch;

/* Starts a thread that looks at all connections 20 times per header timeout, at most every 10 ms
 * and at least every 500 ms. 0 or -errno. */
int watch_new(const struct watch_config *config, struct watch **ret);
/* The watch must be empty. NULL is fine. */
void watch_free(struct watch *watch);

/* From here until watch_remove() the watch may shut fd down (never close it). */
void watch_add(struct watch *watch, struct watch_entry *entry, int fd);
/* Call it before fd is closed, so that a number used anew is never hit. */
void watch_remove(struct watch *watch, struct watch_entry *entry);

/* From now on connections that have been idle for two looks are shut down at once. */
void watch_drain(struct watch *watch);
/* Waits until no connection is left; false after timeout_ms. */
bool watch_wait_empty(struct watch *watch, uint32_t timeout_ms);
