/* Forgets what keys consumed of a limit, of requests or of packets. */
/* SPDX-License-Identifier: MIT */
#include "service/audit_priv.h"
#include "service/check.h"
#include "service/service_priv.h"

static int write_note(struct operation *op, const char *id, const char *key, size_t key_len,
		      struct audit_note *note)
{
	if (!audit_begin(op, "limit.reset", id, note))
		return 0;
	json_begin_object(&note->writer);
	json_name(&note->writer, "key");
	if (key)
		json_put_string(&note->writer, key, key_len);
	else
		json_put_null(&note->writer);
	json_end_object(&note->writer);
	return audit_end(note);
}

static int commit(struct operation *op, const struct audit_note *note,
		  const struct resets_record *record)
{
	struct store_put puts[2];
	struct store_txn txn = {.puts = puts};
	struct service *service = op->service;
	uint64_t revision;
	size_t n_notes;
	int r;

	audit_put(note, puts, &txn.n_puts);
	n_notes = txn.n_puts;
	if (record)
		puts[txn.n_puts++] =
			(struct store_put){record->name, record->value.data, record->value.len};
	r = txn.n_puts > 0 ? store_txn(service->store, &txn, &revision) : 0;
	/* Without its record a reset does not happen, and nothing of it is lost. */
	if (!r || !record)
		scribe_tell(&service->scribe, r ? 0 : n_notes, r ? n_notes : op->unnoted);
	op->unnoted = 0;
	return r;
}

/*
 * What is written comes before what it tells. Without snapshots there is nothing but a note, and where
 * none can be written, on a full disk, what was consumed is forgotten all the same.
 */
static int note_reset(struct operation *op, const char *id, const char *key, size_t key_len)
{
	_cleanup_note_ struct audit_note note;
	int r;

	audit_init(&note);
	r = write_note(op, id, key, key_len, &note);
	if (!r)
		commit(op, &note, NULL);
	return r;
}

/* The same with a record, so that the next start knows of it; without that it does not happen. */
static int record_reset(struct operation *op, const char *id, const char *key, size_t key_len)
{
	_cleanup_resets_record_ struct resets_record record;
	_cleanup_note_ struct audit_note note;
	int r = resets_describe(id, key, key_len, &record);

	audit_init(&note);
	if (!r)
		r = write_note(op, id, key, key_len, &note);
	return r ? r : commit(op, &note, &record);
}

static int reset_lasting(struct operation *op, const char *id, const char *key, size_t key_len)
{
	struct resets *resets = &op->service->resets;
	int r, done;

	resets_begin(resets);
	r = record_reset(op, id, key, key_len);
	done = r && r != STORE_E_UNKNOWN ? 0 : resets_apply(resets, id, key, key_len);
	resets_end(resets);
	return r ? operation_outcome(op, r) : done;
}

static int reset_fleeting(struct operation *op, const char *id, const char *key, size_t key_len)
{
	int r = note_reset(op, id, key, key_len);

	return r ? r : resets_apply(&op->service->resets, id, key, key_len);
}

static int reset_keys(struct operation *op, const char *id, const char *key, size_t key_len)
{
	int r;

	if (key && check_key_validate("key", key, key_len, op->error))
		return ADMIN_E_INVALID;
	r = op->service->resets.kept ? reset_lasting(op, id, key, key_len) :
				       reset_fleeting(op, id, key, key_len);
	/* Deleted a moment ago. */
	return r == ENGINE_E_NOT_FOUND ? ADMIN_E_NOT_FOUND : r;
}

/* Who a bucket of packets belongs to is not kept, only a hash of it. */
static int reset_packets(struct operation *op, const char *id, bool key)
{
	struct packets *packets = &op->service->reconcile.packets;
	int r = 0;

	if (key) {
		field_error_set(op->error, "key",
				"must be left out: a limit of packets is reset as a whole");
		return ADMIN_E_INVALID;
	}
	if (!packets_off(packets) && packets_hold(packets, id))
		r = note_reset(op, id, NULL, 0);
	if (!r)
		r = packets_reset(packets, id, op->error);
	if (r == DATAPATH_E_OFF)
		return ADMIN_E_OFF;
	return r == DATAPATH_E_NOT_FOUND ? ADMIN_E_NOT_FOUND : r;
}

int admin_limit_reset(struct service *service, const struct actor *actor, const char *id,
		      const char *key, size_t key_len, struct field_error *error)
{
	_cleanup_catalog_ struct catalog *catalog = service_catalog_get(service);
	struct operation op = operation_of(service, actor, error);
	const struct limit *limit;

	/* The engine knows ids of every tenant; the catalog says whose this one is. */
	limit = catalog_find(catalog, actor->who->tenant_number, id);
	if (!limit)
		return ADMIN_E_NOT_FOUND;
	if (limit->scope == LIMIT_SCOPE_PACKET)
		return reset_packets(&op, id, key != NULL);
	return reset_keys(&op, id, key, key_len);
}
