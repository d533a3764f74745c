/* Forgets what keys consumed of a limit, of requests or of packets. */
/* SPDX-License-Identifier: MIT */
#include "service/audit_priv.h"
#include "service/check.h"
#include "service/service_priv.h"

static int reset_all(struct service *service, const char *id)
{
	struct engine_change change = {.op = ENGINE_RESET, .limit = {.id = id}};

	return engine_apply(service->engine, &change, 1, clock_now_ns(service->clock));
}

/*
 * Nothing in the store changes, so the note is all there is to write, and comes before what it tells.
 * Where none can be written, on a full disk, what was consumed is forgotten all the same.
 */
static int note_reset(struct operation *op, const char *id, const char *key, size_t key_len)
{
	_cleanup_note_ struct audit_note note;
	struct store_put put;
	struct store_txn txn = {.puts = &put};
	uint64_t revision;
	int r;

	audit_init(&note);
	if (audit_begin(op, "limit.reset", id, &note)) {
		json_begin_object(&note.writer);
		json_name(&note.writer, "key");
		if (key)
			json_put_string(&note.writer, key, key_len);
		else
			json_put_null(&note.writer);
		json_end_object(&note.writer);
		r = audit_end(&note);
		if (r)
			return r;
		audit_put(&note, &put, &txn.n_puts);
		r = store_txn(op->service->store, &txn, &revision);
		op->unnoted = r != 0;
	}
	scribe_tell(&op->service->scribe, !op->unnoted, op->unnoted);
	return 0;
}

static int reset_keys(struct operation *op, const char *id, const char *key, size_t key_len)
{
	struct service *service = op->service;
	int r;

	if (key && check_key_validate("key", key, key_len, op->error))
		return ADMIN_E_INVALID;
	r = note_reset(op, id, key, key_len);
	if (r)
		return r;
	r = key ? engine_reset_key(service->engine, id, key, key_len,
				   clock_now_ns(service->clock)) :
		  reset_all(service, id);
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
