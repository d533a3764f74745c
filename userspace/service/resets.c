/* Resets that no snapshot shows yet: kept in the store, applied to what the next start takes over. */
/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "json/json.h"
#include "json/writer.h"
#include "service/resets_priv.h"

enum {
	RESET_SCHEMA = 1,
	STEP = 60, /* records that go in one transaction: two operations each */
};

void resets_init(struct resets *resets, struct store *store, struct engine *engine,
		 const struct clock *clock, bool kept)
{
	pthread_rwlockattr_t writer_first;

	resets->store = store;
	resets->engine = engine;
	resets->clock = clock;
	resets->kept = kept;
	resets->any = false;
	pthread_rwlockattr_init(&writer_first);
	/* Resets without end would else keep a snapshot from ever beginning. */
	pthread_rwlockattr_setkind_np(&writer_first, PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP);
	pthread_rwlock_init(&resets->lock, &writer_first);
	pthread_rwlockattr_destroy(&writer_first);
}

void resets_done(struct resets *resets)
{
	pthread_rwlock_destroy(&resets->lock);
}

void resets_begin(struct resets *resets)
{
	pthread_rwlock_rdlock(&resets->lock);
}

void resets_end(struct resets *resets)
{
	pthread_rwlock_unlock(&resets->lock);
}

/* Keys may be longer than names. */
static void put_digest(const char *key, size_t key_len, char *at)
{
	uint8_t digest[AUTH_DIGEST_SIZE];

	auth_digest(key, key_len, digest);
	*at++ = '/';
	for (size_t i = 0; i < sizeof(digest); i++, at += 2)
		snprintf(at, 3, "%02x", digest[i]);
}

int resets_describe(const char *limit_id, const char *key, size_t key_len,
		    struct resets_record *record)
{
	int len = snprintf(record->name, sizeof(record->name), RESETS_ROOT "%s", limit_id);
	struct json_writer writer;

	if (key)
		put_digest(key, key_len, record->name + len);
	buf_init(&record->value);
	json_writer_init(&writer, &record->value);
	json_begin_object(&writer);
	json_name(&writer, "schema");
	json_put_u64(&writer, RESET_SCHEMA);
	json_name(&writer, "key");
	if (key)
		json_put_string(&writer, key, key_len);
	else
		json_put_null(&writer);
	json_end_object(&writer);
	return record->value.failed ? -ENOMEM : 0;
}

int resets_apply(struct resets *resets, const char *limit_id, const char *key, size_t key_len)
{
	struct engine_change change = {.op = ENGINE_RESET, .limit = {.id = limit_id}};
	uint64_t now_ns = clock_now_ns(resets->clock);

	return key ? engine_reset_key(resets->engine, limit_id, key, key_len, now_ns) :
		     engine_apply(resets->engine, &change, 1, now_ns);
}

static int note_any(const struct store_record *record, void *data)
{
	(void)record;
	*(bool *)data = true;
	return 0;
}

/* Reading waits for no commit. */
bool resets_mark(struct resets *resets, uint64_t *ret_mark)
{
	int r;

	resets->any = false;
	pthread_rwlock_wrlock(&resets->lock);
	r = store_range(resets->store, RESETS_ROOT, note_any, &resets->any, ret_mark);
	pthread_rwlock_unlock(&resets->lock);
	return r == 0;
}

/* Applying. */

struct restoring {
	struct resets *resets;
	uint64_t mark;
};

/* "resets/<id>" or "resets/<id>/<digest>"; false: neither. */
static bool read_id(const char *name, char id[ID_SIZE])
{
	size_t len;

	name += strlen(RESETS_ROOT);
	len = strcspn(name, "/");
	if (len == 0 || len >= ID_SIZE)
		return false;
	memcpy(id, name, len);
	id[len] = '\0';
	return true;
}

/* Of a later version, damaged, of a limit that is gone: nothing is to be done for it. */
static int restore_one(const struct store_record *record, void *data)
{
	_cleanup_json_ struct json_document *document = NULL;
	const struct restoring *restoring = data;
	const struct json *key, *schema;
	struct field_error error;
	char id[ID_SIZE];
	int r;

	if (record->revision <= restoring->mark || !read_id(record->key, id))
		return 0;
	r = json_parse(record->value, record->size, &error, &document);
	if (r)
		return r < 0 ? r : 0;
	schema = json_member(json_root(document), "schema");
	key = json_member(json_root(document), "key");
	if (!schema || json_type_of(schema) != JSON_INTEGER || !key ||
	    json_integer(schema) != RESET_SCHEMA)
		return 0;
	if (json_type_of(key) == JSON_STRING) {
		size_t len;
		const char *text = json_string(key, &len);

		r = resets_apply(restoring->resets, id, text, len);
	} else {
		r = resets_apply(restoring->resets, id, NULL, 0);
	}
	return r < 0 ? r : 0;
}

int resets_restore(struct resets *resets, uint64_t mark)
{
	struct restoring restoring = {resets, mark};
	uint64_t revision;
	int r = store_range(resets->store, RESETS_ROOT, restore_one, &restoring, &revision);

	return r > 0 ? -EIO : r;
}

/* Forgetting. */

struct step {
	uint64_t mark;
	size_t n;
	char names[STEP][RESETS_NAME_SIZE];
	struct store_compare compares[STEP];
	const char *deletes[STEP];
};

static int take_one(const struct store_record *record, void *data)
{
	struct step *step = data;
	char *name;

	if (record->revision > step->mark || strlen(record->key) >= RESETS_NAME_SIZE)
		return 0;
	if (step->n == STEP)
		return 1;
	name = step->names[step->n];
	memcpy(name, record->key, strlen(record->key) + 1);
	step->compares[step->n] = (struct store_compare){name, record->revision};
	step->deletes[step->n++] = name;
	return 0;
}

/* One that is written anew meanwhile stays, with all of its step. False: no more can be done now. */
static bool forget_step(struct resets *resets, struct step *step)
{
	struct store_txn txn = {.compares = step->compares, .deletes = step->deletes};
	uint64_t revision;

	step->n = 0;
	if (store_range(resets->store, RESETS_ROOT, take_one, step, &revision) < 0)
		return false;
	txn.n_compares = txn.n_deletes = step->n;
	return step->n > 0 && store_txn(resets->store, &txn, &revision) == 0;
}

void resets_forget(struct resets *resets, uint64_t mark)
{
	struct step step = {.mark = mark};

	while (resets->any && forget_step(resets, &step))
		;
}
