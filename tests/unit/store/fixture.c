/* What the store's tests share: directories, short forms of transactions, a recording watcher. */
/* SPDX-License-Identifier: MIT */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "unit/store/fixture.h"

char *dir_make(bool fast)
{
	const char *tmp = getenv("TMPDIR");
	char *dir = NULL;

	if (fast && access("/dev/shm", W_OK) == 0)
		tmp = "/dev/shm";
	assert_true(asprintf(&dir, "%s/sluice-store-XXXXXX", tmp ? tmp : "/tmp") > 0);
	assert_non_null(mkdtemp(dir));
	return dir;
}

void dir_remove(char *dir)
{
	DIR *stream = opendir(dir);
	struct dirent *entry;

	while (stream && (entry = readdir(stream)))
		unlinkat(dirfd(stream), entry->d_name, 0);
	if (stream)
		closedir(stream);
	rmdir(dir);
	free(dir);
}

char *path_in(const char *dir, const char *name)
{
	char *path = NULL;

	assert_true(asprintf(&path, "%s/%s", dir, name) > 0);
	return path;
}

struct store *open_at(const char *path)
{
	struct field_error error = {0};
	struct store *store = NULL;
	int r = store_open_sqlite(path, &error, &store);

	if (r)
		fail_msg("opening: %d %s", r, error.message);
	return store;
}

int try_put(struct store *store, const char *key, const void *value, size_t size)
{
	struct store_put put = {key, value, size};
	struct store_txn txn = {.puts = &put, .n_puts = 1};
	uint64_t revision;

	return store_txn(store, &txn, &revision);
}

uint64_t put_bytes(struct store *store, const char *key, const void *value, size_t size)
{
	struct store_put put = {key, value, size};
	struct store_txn txn = {.puts = &put, .n_puts = 1};
	uint64_t revision = 0;

	assert_int_equal(store_txn(store, &txn, &revision), 0);
	return revision;
}

uint64_t put_text(struct store *store, const char *key, const char *value)
{
	return put_bytes(store, key, value, strlen(value));
}

uint64_t delete_key(struct store *store, const char *key)
{
	struct store_txn txn = {.deletes = &key, .n_deletes = 1};
	uint64_t revision = 0;

	assert_int_equal(store_txn(store, &txn, &revision), 0);
	return revision;
}

struct wanted {
	const char *key;
	char *text;
	size_t size;
	uint64_t revision;
	size_t n;
};

static int visit_wanted(const struct store_record *record, void *data)
{
	struct wanted *wanted = data;
	size_t len;

	wanted->n++;
	if (!wanted->key || strcmp(record->key, wanted->key) != 0)
		return 0;
	wanted->revision = record->revision;
	if (!wanted->text)
		return 0;
	len = record->size < wanted->size - 1 ? record->size : wanted->size - 1;
	memcpy(wanted->text, record->value, len);
	wanted->text[len] = '\0';
	return 0;
}

uint64_t get_text(struct store *store, const char *key, char *text, size_t size)
{
	struct wanted wanted = {.key = key, .text = text, .size = size};
	uint64_t revision;

	assert_int_equal(store_range(store, key, visit_wanted, &wanted, &revision), 0);
	return wanted.revision;
}

size_t count_records(struct store *store, const char *prefix, uint64_t *ret_revision)
{
	struct wanted wanted = {0};
	uint64_t revision;

	assert_int_equal(store_range(store, prefix, visit_wanted, &wanted, &revision), 0);
	if (ret_revision)
		*ret_revision = revision;
	return wanted.n;
}

uint64_t present_revision(struct store *store)
{
	struct store_txn nothing = {0};
	uint64_t revision = UINT64_MAX;

	assert_int_equal(store_txn(store, &nothing, &revision), 0);
	return revision;
}

void seen_init(struct seen *seen, uint64_t from)
{
	memset(seen, 0, sizeof(*seen));
	pthread_mutex_init(&seen->lock, NULL);
	pthread_cond_init(&seen->more, NULL);
	seen->last = from;
}

void seen_done(struct seen *seen)
{
	pthread_cond_destroy(&seen->more);
	pthread_mutex_destroy(&seen->lock);
}

static void keep_event(struct seen *seen, const struct store_record *event)
{
	size_t i = seen->n_events++;

	if (i >= sizeof(seen->first_keys) / sizeof(seen->first_keys[0]))
		return;
	snprintf(seen->first_keys[i], sizeof(seen->first_keys[i]), "%s", event->key);
	snprintf(seen->first_values[i], sizeof(seen->first_values[i]), "%.*s",
		 event->value ? (int)event->size : 1,
		 event->value ? (const char *)event->value : "-");
	seen->first_revisions[i] = event->revision;
}

void seen_call(uint64_t revision, const struct store_record *events, size_t n, void *data)
{
	struct seen *seen = data;

	pthread_mutex_lock(&seen->lock);
	seen->n_calls++;
	if (revision != seen->last + 1)
		seen->skipped++;
	seen->last = revision;
	if (n > seen->max_events)
		seen->max_events = n;
	for (size_t i = 0; i < n; i++)
		keep_event(seen, &events[i]);
	pthread_cond_broadcast(&seen->more);
	pthread_mutex_unlock(&seen->lock);
}

void seen_wait(struct seen *seen, uint64_t revision)
{
	struct timespec until;
	int r = 0;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += 20;
	pthread_mutex_lock(&seen->lock);
	while (r == 0 && seen->last < revision)
		r = pthread_cond_timedwait(&seen->more, &seen->lock, &until);
	pthread_mutex_unlock(&seen->lock);
	assert_int_equal(r, 0);
}
