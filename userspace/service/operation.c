/* What every admin call is made of: read a record, claim a subject, commit and wait. */
/* SPDX-License-Identifier: MIT */
#include <assert.h>
#include <errno.h>
#include <string.h>

#include "service/audit_priv.h"
#include "service/service_priv.h"

int operation_fail(struct operation *op, int outcome, const char *field, const char *message)
{
	field_error_set(op->error, field, "%s", message);
	return outcome;
}

static int refuse_writes(struct operation *op)
{
	const char *trouble = store_trouble(op->service->store);

	field_error_set(op->error, "", "the store takes no writes now%s%s", trouble ? ": " : "",
			trouble ?: "");
	return ADMIN_E_STORE;
}

int operation_outcome(struct operation *op, int r)
{
	switch (r) {
	case STORE_E_CONFLICT:
		return ADMIN_E_AGAIN;
	case STORE_E_UNKNOWN:
		return operation_fail(op, ADMIN_E_UNKNOWN, "",
				      "may or may not have happened (the store did not answer)");
	case STORE_E_READ_ONLY:
		return refuse_writes(op);
	case STORE_E_TOO_LARGE:
		return operation_fail(op, ADMIN_E_INVALID, "", "is too large to be stored");
	default:
		/* A read may be what found it out. */
		return r < 0 && store_trouble(op->service->store) ? refuse_writes(op) : r;
	}
}

int operation_give_up(struct operation *op)
{
	return operation_fail(op, ADMIN_E_STORE, "",
			      "others keep changing the same thing; try again");
}

int operation_commit(struct operation *op, const struct store_txn *txn, uint64_t *ret_revision)
{
	struct service *service = op->service;
	uint64_t revision;
	int r;

	assert(!service->scribe.ledger || audit_count(txn) + op->unnoted > 0);
	r = store_txn(service->store, txn, &revision);
	if (!r)
		scribe_tell(&service->scribe, audit_count(txn), op->unnoted);
	op->unnoted = 0;
	if (r)
		return operation_outcome(op, r);
	if (reconcile_wait(&service->reconcile, revision, service->apply_wait_ms))
		return operation_fail(op, ADMIN_E_UNKNOWN, "", "is written, but not in force yet");
	*ret_revision = revision;
	return 0;
}

static struct packets *packets_of(const struct operation *op)
{
	return &op->service->reconcile.packets;
}

void operation_lock(struct operation *op, const struct limit *limit)
{
	if (limit->scope == LIMIT_SCOPE_PACKET)
		pthread_mutex_lock(&packets_of(op)->changes);
}

void operation_unlock(struct operation *op, const struct limit *limit)
{
	if (limit->scope == LIMIT_SCOPE_PACKET)
		pthread_mutex_unlock(&packets_of(op)->changes);
}

int operation_admit(struct operation *op, const struct limit *limit)
{
	_cleanup_catalog_ struct catalog *catalog = NULL;
	int r;

	if (limit->scope != LIMIT_SCOPE_PACKET)
		return 0;
	catalog = service_catalog_get(op->service);
	r = packets_check(packets_of(op), catalog->limits, limit, op->error);
	if (r == DATAPATH_E_TOO_MANY)
		return ADMIN_E_TOO_MANY;
	return r == DATAPATH_E_OFF ? ADMIN_E_OFF : r;
}

int operation_settled(struct operation *op, const struct limit *limit, bool deleted)
{
	struct packets *packets = packets_of(op);

	if (limit->scope != LIMIT_SCOPE_PACKET || packets_off(packets))
		return 0;
	/* Room that was there at the check may be taken by other hands by now. */
	if (!atomic_load(&packets->fault) && (deleted || packets_hold(packets, limit->id)))
		return 0;
	return operation_fail(op, ADMIN_E_UNKNOWN, "", "is written, but not in force yet");
}

static int id_valid(const char *id)
{
	size_t len = strlen(id);

	return len > 0 && len < ID_SIZE && !strchr(id, '/');
}

/* The record that *record names; its bytes are in *value. ADMIN_E_NOT_FOUND if there is none. */
static int load_record(struct operation *op, struct buf *value, struct store_record *record)
{
	int r = record_fetch(op->service->store, record->key, value, &record->revision);

	if (r)
		return operation_outcome(op, r);
	if (record->revision == 0)
		return ADMIN_E_NOT_FOUND;
	record->value = value->data;
	record->size = value->len;
	return 0;
}

int operation_load_limit(struct operation *op, const char *id, struct limit *ret)
{
	struct record_name place = {.kind = RECORD_LIMIT, .id = id};
	char name[RECORD_NAME_SIZE];
	struct store_record record = {.key = name};
	_cleanup_buf_ struct buf value;
	int r;

	buf_init(&value);
	if (!id_valid(id))
		return ADMIN_E_NOT_FOUND;
	record_limit_name(op->who->tenant, id, name);
	r = load_record(op, &value, &record);
	if (r)
		return r;
	r = record_limit_load(&record, &place, op->error, ret);
	return r > 0 ? -EBADMSG : r;
}

int operation_load_key(struct operation *op, const char *id, struct api_key *ret)
{
	struct record_name place = {.kind = RECORD_API_KEY, .id = id};
	char name[RECORD_NAME_SIZE];
	struct store_record record = {.key = name};
	_cleanup_buf_ struct buf value;
	int r;

	buf_init(&value);
	if (!id_valid(id))
		return ADMIN_E_NOT_FOUND;
	memcpy(place.tenant, op->who->tenant, sizeof(place.tenant));
	record_api_key_name(op->who->tenant, id, name);
	r = load_record(op, &value, &record);
	if (r)
		return r;
	r = record_api_key_load(&record, &place, op->error, ret);
	return r > 0 ? -EBADMSG : r;
}

int operation_load_claim(struct operation *op, const struct limit *limit, struct claim *ret)
{
	struct store_record record = {.key = ret->name};
	_cleanup_buf_ struct buf value;
	int r;

	buf_init(&value);
	r = record_subject_name(op->who->tenant, limit, ret->name);
	if (r)
		return r;
	ret->limit_id[0] = '\0';
	r = load_record(op, &value, &record);
	ret->revision = record.revision;
	if (r)
		return r == ADMIN_E_NOT_FOUND ? 0 : r;
	r = record_subject_load(&record, op->error, ret->limit_id);
	return r > 0 ? -EBADMSG : r;
}

int operation_claim(struct operation *op, const struct limit *limit, struct claim *ret,
		    char existing_id[ID_SIZE])
{
	char name[RECORD_NAME_SIZE];
	_cleanup_buf_ struct buf value;
	uint64_t revision;
	int r;

	buf_init(&value);
	r = operation_load_claim(op, limit, ret);
	if (r || ret->revision == 0 || strcmp(ret->limit_id, limit->id) == 0)
		return r;
	record_limit_name(op->who->tenant, ret->limit_id, name);
	r = record_fetch(op->service->store, name, &value, &revision);
	if (r)
		return operation_outcome(op, r);
	if (revision == 0)
		return 0;
	memcpy(existing_id, ret->limit_id, ID_SIZE);
	/* So that whoever looks the id up next finds it; if not, the answer is still right. */
	(void)reconcile_wait(&op->service->reconcile, revision, op->service->apply_wait_ms);
	if (limit->scope == LIMIT_SCOPE_PACKET)
		return operation_fail(op, ADMIN_E_EXISTS, "match", "match, per, unit and interval");
	return operation_fail(op, ADMIN_E_EXISTS, "key", "key, algorithm and interval");
}
