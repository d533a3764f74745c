/* Creates, changes, confirms and deletes limits; a conflict with another writer is tried anew. */
/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <string.h>

#include "base/random.h"
#include "service/admin.h"
#include "service/audit_priv.h"
#include "service/service_priv.h"

static int outcome_of_model(int r)
{
	if (r == MODEL_E_UNSUPPORTED)
		return ADMIN_E_UNSUPPORTED;
	return r > 0 ? ADMIN_E_INVALID : r;
}

static int check_room(struct operation *op)
{
	_cleanup_catalog_ struct catalog *catalog = service_catalog_get(op->service);

	if (catalog_count(catalog, op->who->tenant_number) < ADMIN_LIMITS_MAX)
		return 0;
	field_error_set(op->error, "", "there are %d limits, the most a tenant may have",
			ADMIN_LIMITS_MAX);
	return ADMIN_E_TOO_MANY;
}

static int prepare_limit(struct operation *op, const struct json *body, struct limit *limit)
{
	int r;

	r = check_room(op);
	if (r)
		return r;
	r = limit_parse(body, op->error, limit);
	if (r)
		return outcome_of_model(r);
	limit_date(limit, clock_utc_ms(op->service->clock));
	id_make("lim", limit->created_at_ms, limit->id);
	return 0;
}

/* The records of a limit: itself, the claim on its subject, and the note on the change. */
struct write {
	char name[RECORD_NAME_SIZE];
	struct buf limit;
	struct buf claim;
	struct audit_note note;
};

static void done_write(struct write *write)
{
	audit_done(&write->note);
	buf_done(&write->limit);
	buf_done(&write->claim);
}

static int init_write(struct write *write, struct operation *op, const struct limit *limit)
{
	record_limit_name(op->who->tenant, limit->id, write->name);
	buf_init(&write->limit);
	buf_init(&write->claim);
	audit_init(&write->note);
	limit_save(limit, &write->limit);
	record_subject_save(limit->id, &write->claim);
	return write->limit.failed || write->claim.failed ? -ENOMEM : 0;
}

static int write_new(struct operation *op, const struct limit *limit, char existing_id[ID_SIZE],
		     uint64_t *ret_revision)
{
	_cleanup_(done_write) struct write write = {0};
	struct store_compare compares[2];
	struct store_put puts[3];
	struct store_txn txn = {.compares = compares, .n_compares = 2, .puts = puts, .n_puts = 2};
	struct claim claim;
	int r;

	r = init_write(&write, op, limit);
	if (r)
		return r;
	r = operation_claim(op, limit, &claim, existing_id);
	if (!r)
		r = operation_admit(op, limit);
	if (!r)
		r = audit_limit(op, "limit.create", NULL, limit, &write.note);
	if (r)
		return r;
	compares[0] = (struct store_compare){write.name, 0};
	compares[1] = (struct store_compare){claim.name, claim.revision};
	puts[0] = (struct store_put){write.name, write.limit.data, write.limit.len};
	puts[1] = (struct store_put){claim.name, write.claim.data, write.claim.len};
	audit_put(&write.note, puts, &txn.n_puts);
	return operation_commit(op, &txn, ret_revision);
}

static int try_create(struct operation *op, const struct limit *limit, char existing_id[ID_SIZE],
		      uint64_t *ret_revision)
{
	int r;

	operation_lock(op, limit);
	r = write_new(op, limit, existing_id, ret_revision);
	if (!r)
		r = operation_settled(op, limit, false);
	operation_unlock(op, limit);
	return r;
}

int admin_limit_create(struct service *service, const struct actor *actor, const struct json *body,
		       struct field_error *error, struct admin_result *ret)
{
	struct operation op = operation_of(service, actor, error);
	_cleanup_limit_ struct limit limit;
	int r;

	limit_init(&limit);
	r = prepare_limit(&op, body, &limit);
	if (r)
		return r;
	r = ADMIN_E_AGAIN;
	for (int i = 0; i < ADMIN_TRIES && r == ADMIN_E_AGAIN; i++)
		r = try_create(&op, &limit, ret->existing_id, &limit.revision);
	if (r)
		return r == ADMIN_E_AGAIN ? operation_give_up(&op) : r;
	ret->limit = limit;
	limit_init(&limit);
	return 0;
}

/* What an update depends on and leads to. */
struct update {
	struct limit base;
	struct limit next;
	struct claim former; /* of base; only when the subject changes */
	struct claim claim;  /* of next; likewise */
	bool moves;
};

static void init_update(struct update *update)
{
	*update = (struct update){0};
	limit_init(&update->base);
	limit_init(&update->next);
}

static void done_update(struct update *update)
{
	limit_done(&update->base);
	limit_done(&update->next);
}

static int load_target(struct operation *op, const struct admin_target *target, struct limit *ret)
{
	int r;

	r = operation_load_limit(op, target->id, ret);
	if (r == 0 && strcmp(ret->origin, LIMIT_ORIGIN_FILE) == 0)
		return operation_fail(op, ADMIN_E_FILE, "",
				      "the limit stands in a file: change it there");
	if (r == 0 && target->revision && ret->revision != target->revision)
		return ADMIN_E_REVISION;
	return r;
}

static int prepare_update(struct operation *op, struct update *update, const struct json *body,
			  char existing_id[ID_SIZE])
{
	int r;

	r = limit_parse_update(body, &update->base, op->error, &update->next);
	if (r)
		return outcome_of_model(r);
	update->next.updated_at_ms = clock_utc_ms(op->service->clock);
	update->moves = !limit_same_subject(&update->base, &update->next);
	if (!update->moves)
		return 0;
	r = operation_load_claim(op, &update->base, &update->former);
	if (r)
		return r;
	return operation_claim(op, &update->next, &update->claim, existing_id);
}

static int write_update(struct operation *op, struct update *update, const char *action)
{
	_cleanup_(done_write) struct write write = {0};
	const char *former = update->former.name;
	const struct claim *claim = &update->claim;
	struct store_compare compares[2];
	struct store_put puts[3];
	struct store_txn txn = {.compares = compares, .n_compares = 1, .puts = puts, .n_puts = 1};
	int r;

	r = init_write(&write, op, &update->next);
	if (!r)
		r = audit_limit(op, action, &update->base, &update->next, &write.note);
	if (r)
		return r;
	compares[0] = (struct store_compare){write.name, update->base.revision};
	puts[0] = (struct store_put){write.name, write.limit.data, write.limit.len};
	if (update->moves) {
		compares[txn.n_compares++] = (struct store_compare){claim->name, claim->revision};
		puts[txn.n_puts++] =
			(struct store_put){claim->name, write.claim.data, write.claim.len};
		txn.deletes = &former;
		/* Only a claim of its own is given up. */
		txn.n_deletes = strcmp(update->former.limit_id, update->base.id) == 0;
	}
	audit_put(&write.note, puts, &txn.n_puts);
	return operation_commit(op, &txn, &update->next.revision);
}

static int carry_out(struct operation *op, struct update *update, struct admin_result *ret)
{
	int r;

	operation_lock(op, &update->base);
	r = operation_admit(op, &update->next);
	if (!r)
		r = write_update(op, update, "limit.update");
	if (!r)
		r = operation_settled(op, &update->next, false);
	operation_unlock(op, &update->base);
	if (r)
		return r;
	ret->limit = update->next;
	limit_init(&update->next);
	return 0;
}

static int try_update(struct operation *op, const struct admin_target *target,
		      const struct json *body, struct admin_result *ret)
{
	_cleanup_(done_update) struct update update;
	int r;

	init_update(&update);
	r = load_target(op, target, &update.base);
	if (!r)
		r = prepare_update(op, &update, body, ret->existing_id);
	return r ? r : carry_out(op, &update, ret);
}

/* After a conflict the limit is read again: an expected revision then fails by itself. */
int admin_limit_update(struct service *service, const struct actor *actor,
		       const struct admin_target *target, const struct json *body,
		       struct field_error *error, struct admin_result *ret)
{
	struct operation op = operation_of(service, actor, error);
	int r = ADMIN_E_AGAIN;

	for (int i = 0; i < ADMIN_TRIES && r == ADMIN_E_AGAIN; i++)
		r = try_update(&op, target, body, ret);
	return r == ADMIN_E_AGAIN ? operation_give_up(&op) : r;
}

static int prepare_confirmed(struct operation *op, struct update *update)
{
	uint64_t now_ms = clock_utc_ms(op->service->clock);
	int r;

	if (update->base.confirm_by_ms == 0)
		return operation_fail(op, ADMIN_E_CONFIRMED, "",
				      "the limit waits for no confirmation");
	/* The NIC has let go of it, and it is about to be deleted. */
	if (now_ms >= limit_due_ms(&update->base, now_ms))
		return ADMIN_E_NOT_FOUND;
	r = limit_copy(&update->base, &update->next);
	update->next.confirm_by_ms = 0;
	update->next.updated_at_ms = now_ms;
	return r;
}

static int try_confirm(struct operation *op, const struct admin_target *target,
		       struct admin_result *ret)
{
	_cleanup_(done_update) struct update update;
	int r;

	init_update(&update);
	r = load_target(op, target, &update.base);
	if (!r)
		r = prepare_confirmed(op, &update);
	if (!r)
		r = write_update(op, &update, "limit.confirm");
	if (!r)
		r = operation_settled(op, &update.next, false);
	if (r)
		return r;
	ret->limit = update.next;
	limit_init(&update.next);
	return 0;
}

int admin_limit_confirm(struct service *service, const struct actor *actor, const char *id,
			struct field_error *error, struct admin_result *ret)
{
	struct operation op = operation_of(service, actor, error);
	struct admin_target target = {.id = id};
	int r = ADMIN_E_AGAIN;

	for (int i = 0; i < ADMIN_TRIES && r == ADMIN_E_AGAIN; i++)
		r = try_confirm(&op, &target, ret);
	return r == ADMIN_E_AGAIN ? operation_give_up(&op) : r;
}

static int try_delete(struct operation *op, const struct admin_target *target, const char *action)
{
	_cleanup_note_ struct audit_note note;
	char name[RECORD_NAME_SIZE];
	_cleanup_limit_ struct limit limit;
	struct claim claim;
	const char *deletes[] = {name, claim.name};
	struct store_compare compare = {.key = name};
	struct store_put put;
	struct store_txn txn = {
		.compares = &compare, .n_compares = 1, .puts = &put, .deletes = deletes};
	uint64_t revision;
	int r;

	limit_init(&limit);
	audit_init(&note);
	r = load_target(op, target, &limit);
	if (!r)
		r = operation_load_claim(op, &limit, &claim);
	if (!r)
		r = audit_limit(op, action, &limit, NULL, &note);
	if (r)
		return r;
	audit_put(&note, &put, &txn.n_puts);
	record_limit_name(op->who->tenant, target->id, name);
	compare.revision = limit.revision;
	txn.n_deletes = strcmp(claim.limit_id, limit.id) == 0 ? 2 : 1;
	r = operation_commit(op, &txn, &revision);
	return r ? r : operation_settled(op, &limit, true);
}

static int delete_limit(struct operation *op, const struct admin_target *target, const char *action)
{
	int r = ADMIN_E_AGAIN;

	for (int i = 0; i < ADMIN_TRIES && r == ADMIN_E_AGAIN; i++)
		r = try_delete(op, target, action);
	return r == ADMIN_E_AGAIN ? operation_give_up(op) : r;
}

int admin_limit_delete(struct service *service, const struct actor *actor,
		       const struct admin_target *target, struct field_error *error)
{
	struct operation op = operation_of(service, actor, error);

	return delete_limit(&op, target, "limit.delete");
}

int admin_limit_expire(struct service *service, const struct actor *actor,
		       const struct admin_target *target, struct field_error *error)
{
	struct operation op = operation_of(service, actor, error);

	return delete_limit(&op, target, "limit.expire");
}
