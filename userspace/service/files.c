/* Puts the limits that stand in files in place of those that did so far. */
/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <string.h>

#include "service/audit_priv.h"
#include "service/files_priv.h"
#include "service/service_priv.h"

enum {
	CHANGE_OPERATIONS = 7, /* of one change, at most */
	BATCH_MAX = STORE_OPERATIONS_MAX / CHANGE_OPERATIONS,
};

/* The texts of one change that a transaction borrows. */
struct written {
	char name[RECORD_NAME_SIZE];
	struct buf limit;
	struct buf claim;
	struct audit_note note;
};

/* A transaction that fills up with changes. */
struct batch {
	struct operation *op;
	struct written written[BATCH_MAX];
	size_t n;
	struct store_compare compares[3 * BATCH_MAX];
	struct store_put puts[3 * BATCH_MAX];
	const char *deletes[2 * BATCH_MAX];
	struct store_txn txn;
};

static void empty_batch(struct batch *batch)
{
	for (size_t i = 0; i < batch->n; i++) {
		buf_done(&batch->written[i].limit);
		buf_done(&batch->written[i].claim);
		audit_done(&batch->written[i].note);
	}
	batch->n = 0;
	batch->txn = (struct store_txn){
		.compares = batch->compares, .puts = batch->puts, .deletes = batch->deletes};
}

static int commit_batch(struct batch *batch)
{
	uint64_t revision;
	int r = 0;

	if (batch->n > 0)
		r = operation_commit(batch->op, &batch->txn, &revision);
	empty_batch(batch);
	return r;
}

static void compare(struct batch *batch, const char *name, uint64_t revision)
{
	batch->compares[batch->txn.n_compares++] = (struct store_compare){name, revision};
}

static void put(struct batch *batch, const char *name, const struct buf *value)
{
	batch->puts[batch->txn.n_puts++] = (struct store_put){name, value->data, value->len};
}

static void remove_record(struct batch *batch, const char *name)
{
	batch->deletes[batch->txn.n_deletes++] = name;
}

/* Only a claim of its own is given up, and none that another change takes over. */
static void give_up_claim(struct batch *batch, const struct file_change *change)
{
	if (change->claim_taken || strcmp(change->former_claim.limit_id, change->former->id) != 0)
		return;
	compare(batch, change->former_claim.name, change->former_claim.revision);
	remove_record(batch, change->former_claim.name);
}

static int add_note(struct batch *batch, const struct file_change *change, struct audit_note *note)
{
	const struct limit *next = change->goes ? NULL : &change->next;
	const char *action = change->goes   ? "limit.delete" :
			     change->former ? "limit.update" :
					      "limit.create";
	int r = audit_limit(batch->op, action, change->former, next, note);

	if (!r)
		audit_put(note, batch->puts, &batch->txn.n_puts);
	return r;
}

static int add_change(struct batch *batch, const struct file_change *change)
{
	struct written *written = &batch->written[batch->n++];
	const struct limit *limit = change->goes ? change->former : &change->next;

	buf_init(&written->limit);
	buf_init(&written->claim);
	audit_init(&written->note);
	record_limit_name(batch->op->who->tenant, limit->id, written->name);
	compare(batch, written->name, change->former ? change->former->revision : 0);
	if (change->former && (change->goes || change->moves))
		give_up_claim(batch, change);
	if (change->goes) {
		remove_record(batch, written->name);
		return add_note(batch, change, &written->note);
	}
	limit_save(limit, &written->limit);
	record_subject_save(limit->id, &written->claim);
	if (written->limit.failed || written->claim.failed)
		return -ENOMEM;
	put(batch, written->name, &written->limit);
	if (change->moves) {
		compare(batch, change->claim.name, change->claim.revision);
		put(batch, change->claim.name, &written->claim);
	}
	return add_note(batch, change, &written->note);
}

/* What goes comes first: the others may need its room. */
static int write_changes(struct batch *batch, const struct file_plan *plan, bool going)
{
	int r = 0;

	for (size_t i = 0; i < plan->n && !r; i++) {
		const struct file_change *change = &plan->changes[i];

		if (change->same || change->goes != going)
			continue;
		if (batch->n == BATCH_MAX)
			r = commit_batch(batch);
		if (!r)
			r = add_change(batch, change);
	}
	return r;
}

static int write_plan(const struct file_plan *plan)
{
	struct batch batch = {.op = plan->op};
	int r;

	empty_batch(&batch);
	r = write_changes(&batch, plan, true);
	if (!r)
		r = write_changes(&batch, plan, false);
	if (!r)
		r = commit_batch(&batch);
	empty_batch(&batch);
	return r;
}

static int check_settled(const struct file_plan *plan)
{
	int r = 0;

	for (size_t i = 0; i < plan->n_wanted && !r; i++)
		if (!plan->changes[i].same)
			r = operation_settled(plan->op, &plan->changes[i].next, false);
	return r;
}

static struct admin_files_result count_changes(const struct file_plan *plan)
{
	struct admin_files_result result = {.at = plan->at};

	for (size_t i = 0; i < plan->n; i++) {
		const struct file_change *change = &plan->changes[i];

		result.removed += change->goes;
		result.made += !change->former;
		result.changed += change->former && !change->goes && !change->same;
	}
	return result;
}

static int try_apply(struct operation *op, const struct limit *limits, size_t n,
		     struct admin_files_result *ret)
{
	struct file_plan plan;
	int r;

	r = file_plan_make(&plan, op, limits, n);
	if (!r)
		r = write_plan(&plan);
	if (!r)
		r = check_settled(&plan);
	*ret = count_changes(&plan);
	file_plan_done(&plan);
	return r;
}

int admin_files_apply(struct service *service, const struct limit *limits, size_t n,
		      struct field_error *error, struct admin_files_result *ret)
{
	const struct principal who = {.key_id = "file", .tenant = SERVICE_TENANT_DEFAULT};
	const struct actor actor = {.who = &who};
	struct operation op = operation_of(service, &actor, error);
	int r = ADMIN_E_AGAIN;

	pthread_mutex_lock(&service->reconcile.packets.changes);
	for (int i = 0; i < ADMIN_TRIES && r == ADMIN_E_AGAIN; i++)
		r = try_apply(&op, limits, n, ret);
	pthread_mutex_unlock(&service->reconcile.packets.changes);
	return r == ADMIN_E_AGAIN ? operation_give_up(&op) : r;
}
