/* Makes, changes and revokes API keys, so that nobody gains a right or locks everybody out. */
/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <string.h>

#include "base/random.h"
#include "base/utc.h"
#include "service/admin_keys.h"
#include "service/audit_priv.h"
#include "service/service_priv.h"

/*
 * One try of a change, and what it rests on: the caller's own key, the key to be changed, and a key
 * that goes on letting people in. All are compared when the change is written, so two callers at
 * once cannot do together what neither may do alone.
 */
struct key_change {
	struct operation *op;
	struct api_key caller; /* rights and expiry of the caller, as the store has them now */
	struct api_key base;   /* as it is; nothing of a key that is made */
	struct api_key next;   /* as it is to be; the rights of one that is revoked do not matter */
	char names[3][RECORD_NAME_SIZE];
	struct store_compare compares[3];
	size_t n_compares;
};

static void rest_on(struct key_change *change, const char *id, uint64_t revision)
{
	char *name = change->names[change->n_compares];

	record_api_key_name(change->op->who->tenant, id, name);
	change->compares[change->n_compares++] = (struct store_compare){name, revision};
}

/* Callers inside the service have no key. */
static int begin_change(struct key_change *change, struct operation *op)
{
	const struct principal *who = op->who;
	int r;

	*change = (struct key_change){
		.op = op,
		.caller = {.rights = who->rights, .expires_at_ms = who->expires_at_ms},
	};
	if (!*who->key_id)
		return 0;
	r = operation_load_key(op, who->key_id, &change->caller);
	if (r == ADMIN_E_NOT_FOUND)
		return operation_fail(op, ADMIN_E_FORBIDDEN, "",
				      "the API key that asks has been revoked");
	if (r == 0)
		rest_on(change, who->key_id, change->caller.revision);
	return r;
}

static int load_target(struct key_change *change, const struct admin_target *target)
{
	int r;

	r = operation_load_key(change->op, target->id, &change->base);
	if (r)
		return r;
	if (target->revision && change->base.revision != target->revision)
		return ADMIN_E_REVISION;
	rest_on(change, target->id, change->base.revision);
	return 0;
}

static int forbid_right(const struct key_change *change, const char *field, uint32_t missing,
			const char *what)
{
	field_error_set(change->op->error, field, "this API key lacks the right %s, %s",
			auth_right_name(missing & -missing), what);
	return ADMIN_E_FORBIDDEN;
}

/* Also who revokes: a key that may only make keys would otherwise take everybody else's. */
static int check_reach(const struct key_change *change)
{
	uint32_t had = change->base.rights & ~change->caller.rights;
	uint32_t wanted = change->next.rights & ~change->caller.rights;

	if (had)
		return forbid_right(change, "", had, "which the key to be changed has");
	if (wanted)
		return forbid_right(change, "rights", wanted, "and so cannot grant it");
	return 0;
}

/* What expires cannot go on in a key of its making. */
static int check_expiry(const struct key_change *change)
{
	uint64_t end_ms = change->caller.expires_at_ms, next_ms = change->next.expires_at_ms;
	char text[UTC_TEXT_SIZE];

	if (end_ms == 0 || (next_ms != 0 && next_ms <= end_ms) ||
	    (change->base.revision && next_ms == change->base.expires_at_ms))
		return 0;
	utc_format(end_ms, text);
	field_error_set(change->op->error, "expires_in",
			"must end before %s, when this API key expires", text);
	return ADMIN_E_FORBIDDEN;
}

static bool lets_in_for_ever(const struct api_key *key)
{
	return key->rights == AUTH_ALL && key->expires_at_ms == 0;
}

/* Looks for a key that lets in for ever, other than the one that is changed. */
struct search {
	const struct key_change *change;
	struct api_key found; /* no id: none */
};

/* What cannot be read lets nobody in. */
static int look_at(const struct store_record *record, void *data)
{
	struct search *search = data;
	struct record_name name;
	struct field_error error;
	struct api_key key;
	int r;

	if (record_name_parse(record->key, &name) || strcmp(name.id, search->change->base.id) == 0)
		return 0;
	r = record_api_key_load(record, &name, &error, &key);
	if (r == 0 && lets_in_for_ever(&key))
		search->found = key;
	return r < 0 ? r : 0;
}

static int keep_way_in(struct key_change *change)
{
	struct search search = {.change = change};
	char prefix[RECORD_NAME_SIZE];
	uint64_t revision;
	int r;

	if (!lets_in_for_ever(&change->base) || lets_in_for_ever(&change->next))
		return 0;
	record_api_key_name(change->op->who->tenant, "", prefix);
	r = store_range(change->op->service->store, prefix, look_at, &search, &revision);
	if (r)
		return operation_outcome(change->op, r);
	if (!*search.found.id)
		return operation_fail(change->op, ADMIN_E_LOCKOUT, "",
				      "this is the last API key that has every right and does not "
				      "expire: make another one first");
	rest_on(change, search.found.id, search.found.revision);
	return 0;
}

/* Writes `next`, and gives it its revision. */
static int write_key(struct key_change *change, const char *action, const struct api_key *former)
{
	_cleanup_note_ struct audit_note note;
	char name[RECORD_NAME_SIZE];
	_cleanup_buf_ struct buf value;
	struct store_put puts[2] = {{.key = name}};
	struct store_txn txn = {
		.compares = change->compares,
		.n_compares = change->n_compares,
		.puts = puts,
		.n_puts = 1,
	};
	int r;

	buf_init(&value);
	audit_init(&note);
	record_api_key_name(change->op->who->tenant, change->next.id, name);
	api_key_save(&change->next, &value);
	if (value.failed)
		return -ENOMEM;
	r = audit_key(change->op, action, former, &change->next, &note);
	if (r)
		return r;
	puts[0].value = value.data;
	puts[0].size = value.len;
	audit_put(&note, puts, &txn.n_puts);
	return operation_commit(change->op, &txn, &change->next.revision);
}

static int check_room(struct operation *op)
{
	_cleanup_catalog_ struct catalog *catalog = service_catalog_get(op->service);
	size_t n;

	catalog_keys(catalog, op->who->tenant, NULL, &n);
	if (n < ADMIN_KEYS_MAX)
		return 0;
	field_error_set(op->error, "",
			"there are %d API keys, the most a tenant may have: revoke some first",
			ADMIN_KEYS_MAX);
	return ADMIN_E_TOO_MANY;
}

static int parse_new(struct operation *op, const struct json *body, struct admin_key_result *ret)
{
	struct api_key *key = &ret->key;
	int r;

	*key = (struct api_key){0};
	r = check_room(op);
	if (r)
		return r;
	if (api_key_parse(body, clock_utc_ms(op->service->clock), op->error, key))
		return ADMIN_E_INVALID;
	memcpy(key->tenant, op->who->tenant, sizeof(key->tenant));
	id_make("key", key->created_at_ms, key->id);
	auth_token_make(ret->token);
	auth_digest(ret->token, strlen(ret->token), key->digest);
	return 0;
}

static int try_create(struct operation *op, struct api_key *key)
{
	struct key_change change;
	int r;

	r = begin_change(&change, op);
	change.next = *key;
	if (!r)
		r = check_reach(&change);
	if (!r)
		r = check_expiry(&change);
	if (r)
		return r;
	rest_on(&change, key->id, 0);
	r = write_key(&change, "key.create", NULL);
	key->revision = change.next.revision;
	return r;
}

int admin_key_create(struct service *service, const struct actor *actor, const struct json *body,
		     struct field_error *error, struct admin_key_result *ret)
{
	struct operation op = operation_of(service, actor, error);
	int r;

	r = parse_new(&op, body, ret);
	if (r)
		return r;
	r = ADMIN_E_AGAIN;
	for (int i = 0; i < ADMIN_TRIES && r == ADMIN_E_AGAIN; i++)
		r = try_create(&op, &ret->key);
	return r == ADMIN_E_AGAIN ? operation_give_up(&op) : r;
}

static int try_update(struct operation *op, const struct admin_target *target,
		      const struct json *body, struct api_key *ret)
{
	struct key_change change;
	int r;

	r = begin_change(&change, op);
	if (!r)
		r = load_target(&change, target);
	if (r)
		return r;
	change.next = change.base;
	if (api_key_parse_update(body, clock_utc_ms(op->service->clock), op->error, &change.next))
		return ADMIN_E_INVALID;
	r = check_reach(&change);
	if (!r)
		r = check_expiry(&change);
	if (!r)
		r = keep_way_in(&change);
	if (!r)
		r = write_key(&change, "key.update", &change.base);
	if (!r)
		*ret = change.next;
	return r;
}

int admin_key_update(struct service *service, const struct actor *actor,
		     const struct admin_target *target, const struct json *body,
		     struct field_error *error, struct admin_key_result *ret)
{
	struct operation op = operation_of(service, actor, error);
	int r = ADMIN_E_AGAIN;

	for (int i = 0; i < ADMIN_TRIES && r == ADMIN_E_AGAIN; i++)
		r = try_update(&op, target, body, &ret->key);
	return r == ADMIN_E_AGAIN ? operation_give_up(&op) : r;
}

static int try_delete(struct operation *op, const struct admin_target *target)
{
	_cleanup_note_ struct audit_note note;
	struct key_change change;
	char name[RECORD_NAME_SIZE];
	const char *deletes[] = {name};
	struct store_put put;
	struct store_txn txn = {
		.compares = change.compares, .puts = &put, .deletes = deletes, .n_deletes = 1};
	uint64_t revision;
	int r;

	audit_init(&note);
	r = begin_change(&change, op);
	if (!r)
		r = load_target(&change, target);
	if (!r)
		r = check_reach(&change);
	if (!r && strcmp(target->id, op->who->key_id) == 0)
		r = operation_fail(op, ADMIN_E_LOCKOUT, "",
				   "an API key cannot revoke itself: ask with another one");
	if (!r)
		r = keep_way_in(&change);
	if (!r)
		r = audit_key(op, "key.revoke", &change.base, NULL, &note);
	if (r)
		return r;
	audit_put(&note, &put, &txn.n_puts);
	record_api_key_name(op->who->tenant, target->id, name);
	txn.n_compares = change.n_compares;
	return operation_commit(op, &txn, &revision);
}

int admin_key_delete(struct service *service, const struct actor *actor,
		     const struct admin_target *target, struct field_error *error)
{
	struct operation op = operation_of(service, actor, error);
	int r = ADMIN_E_AGAIN;

	for (int i = 0; i < ADMIN_TRIES && r == ADMIN_E_AGAIN; i++)
		r = try_delete(&op, target);
	return r == ADMIN_E_AGAIN ? operation_give_up(&op) : r;
}
