/* What the store's tests share: directories, short forms of transactions, a recording watcher. */
/* SPDX-License-Identifier: MIT */
#pragma once

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "store/backends.h"

/* A new directory, on memory if `fast` and the machine has such a place; freed by dir_remove. */
char *dir_make(bool fast);
void dir_remove(char *dir);
/* `dir/name`, for the caller to free. */
char *path_in(const char *dir, const char *name);

/* Each asserts success. */
struct store *open_at(const char *path);
uint64_t put_bytes(struct store *store, const char *key, const void *value, size_t size);
uint64_t put_text(struct store *store, const char *key, const char *value);
uint64_t delete_key(struct store *store, const char *key);
/* The revision of a record, 0 if absent; its value into text (cut) unless NULL. */
uint64_t get_text(struct store *store, const char *key, char *text, size_t size);
size_t count_records(struct store *store, const char *prefix, uint64_t *ret_revision);
uint64_t present_revision(struct store *store);
/* Tries one put and returns its result. */
int try_put(struct store *store, const char *key, const void *value, size_t size);

/* Records what a watcher is called with. Its mutex guards all. */
struct seen {
	pthread_mutex_t lock;
	pthread_cond_t more;
	size_t n_calls, n_events;
	uint64_t last;     /* revision of the latest call */
	uint64_t skipped;  /* calls whose revision was not the one before plus 1 */
	size_t max_events; /* in one call */
	char first_keys[16][32];
	char first_values[16][32]; /* "-" for a deletion */
	uint64_t first_revisions[16];
};

void seen_init(struct seen *seen, uint64_t from);
void seen_done(struct seen *seen);
/* A store_watch_fn; data is a struct seen. */
void seen_call(uint64_t revision, const struct store_record *events, size_t n, void *data);
/* Waits up to 20 s for the call with that revision. */
void seen_wait(struct seen *seen, uint64_t revision);
