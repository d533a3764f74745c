/* Matches the limits of files with those of the former set, and checks the new set as a whole. */
/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "service/files_priv.h"
#include "service/service_priv.h"

/* The limits that stand in files by now. */
struct former_set {
	uint32_t tenant_number;
	const struct limit **at;
	bool *matched;
	size_t n;
	size_t room;
};

static void done_former(const struct former_set *former)
{
	free(former->at);
	free(former->matched);
}

static int collect_former(const struct limit_entry *entry, void *data)
{
	struct former_set *former = data;
	size_t room = former->room ? 2 * former->room : 64;
	const struct limit **at;

	if (entry->tenant_number != former->tenant_number ||
	    strcmp(entry->limit.origin, LIMIT_ORIGIN_FILE) != 0)
		return 0;
	if (former->n == former->room) {
		at = reallocarray(former->at, room, sizeof(*at));
		if (!at)
			return -ENOMEM;
		former->at = at;
		former->room = room;
	}
	former->at[former->n++] = &entry->limit;
	return 0;
}

/* Whether the engine or the NIC can go on with the buckets of a: what the API lets change, too. */
static bool can_become(const struct limit *a, const struct limit *b)
{
	if (a->scope != b->scope)
		return false;
	if (a->scope == LIMIT_SCOPE_REQUEST)
		return a->key_len == b->key_len && memcmp(a->key, b->key, a->key_len) == 0;
	return a->unit == b->unit && a->match->per == b->match->per &&
	       a->match->per_length4 == b->match->per_length4 &&
	       a->match->per_length6 == b->match->per_length6;
}

static const struct limit *match_name(struct former_set *former, const struct limit *wanted)
{
	for (size_t i = 0; i < former->n && *wanted->name; i++) {
		if (former->matched[i] || strcmp(former->at[i]->name, wanted->name) != 0 ||
		    !can_become(former->at[i], wanted))
			continue;
		former->matched[i] = true;
		return former->at[i];
	}
	return NULL;
}

static const struct limit *match_subject(struct former_set *former, const struct limit *wanted)
{
	for (size_t i = 0; i < former->n; i++) {
		if (former->matched[i] || !limit_same_subject(former->at[i], wanted))
			continue;
		former->matched[i] = true;
		return former->at[i];
	}
	return NULL;
}

/* Whether both are written alike. */
static int compare_saved(const struct limit *a, const struct limit *b, bool *ret_same)
{
	_cleanup_buf_ struct buf a_text, b_text;

	buf_init(&a_text);
	buf_init(&b_text);
	limit_save(a, &a_text);
	limit_save(b, &b_text);
	if (a_text.failed || b_text.failed)
		return -ENOMEM;
	*ret_same = a_text.len == b_text.len && memcmp(a_text.data, b_text.data, a_text.len) == 0;
	return 0;
}

static int fill_next(struct file_plan *plan, struct file_change *change, const struct limit *wanted)
{
	uint64_t now_ms = clock_utc_ms(plan->op->service->clock);
	struct limit *next = &change->next;
	int r;

	r = limit_copy(wanted, next);
	if (r)
		return r;
	strcpy(next->origin, LIMIT_ORIGIN_FILE);
	change->moves = !change->former || !limit_same_subject(change->former, next);
	if (!change->former) {
		limit_date(next, now_ms);
		id_make("lim", next->created_at_ms, next->id);
		return 0;
	}
	memcpy(next->id, change->former->id, ID_SIZE);
	next->revision = change->former->revision;
	next->created_at_ms = change->former->created_at_ms;
	next->updated_at_ms = change->former->updated_at_ms;
	r = compare_saved(change->former, next, &change->same);
	if (!change->same)
		next->updated_at_ms = now_ms;
	return r;
}

/* Names first, so that no limit takes the place of one that goes on under its name. */
static int fill_changes(struct file_plan *plan, struct former_set *former,
			const struct limit *wanted)
{
	int r = 0;

	for (size_t i = 0; i < plan->n_wanted; i++)
		plan->changes[i].former = match_name(former, &wanted[i]);
	for (size_t i = 0; i < plan->n_wanted; i++)
		if (!plan->changes[i].former)
			plan->changes[i].former = match_subject(former, &wanted[i]);
	for (size_t i = 0; i < plan->n_wanted && !r; i++)
		r = fill_next(plan, &plan->changes[i], &wanted[i]);
	for (size_t i = 0; i < former->n; i++)
		if (!former->matched[i])
			plan->changes[plan->n++] =
				(struct file_change){.former = former->at[i], .goes = true};
	return r;
}

static int match_former(struct file_plan *plan, struct former_set *former,
			const struct limit *wanted)
{
	former->matched = calloc(former->n + 1, sizeof(*former->matched));
	plan->changes = calloc(plan->n_wanted + former->n + 1, sizeof(*plan->changes));
	if (!former->matched || !plan->changes)
		return -ENOMEM;
	plan->n = plan->n_wanted;
	return fill_changes(plan, former, wanted);
}

static int make_changes(struct file_plan *plan, const struct limit *wanted)
{
	struct former_set former = {.tenant_number = plan->op->who->tenant_number};
	int r;

	r = limit_table_visit(plan->catalog->limits, collect_former, &former);
	if (!r)
		r = match_former(plan, &former, wanted);
	done_former(&former);
	return r;
}

/* The change that leaves a subject which this limit counts. */
static struct file_change *find_leaver(struct file_plan *plan, const char *id)
{
	for (size_t i = 0; i < plan->n; i++) {
		struct file_change *change = &plan->changes[i];

		if (change->former && (change->goes || change->moves) &&
		    strcmp(change->former->id, id) == 0)
			return change;
	}
	return NULL;
}

static int claim_subject(struct file_plan *plan, struct file_change *change)
{
	struct file_change *leaver;
	char existing_id[ID_SIZE];
	int r;

	r = operation_load_claim(plan->op, &change->next, &change->claim);
	if (r)
		return r;
	leaver = change->claim.revision ? find_leaver(plan, change->claim.limit_id) : NULL;
	if (leaver) {
		leaver->claim_taken = true;
		return 0;
	}
	r = operation_claim(plan->op, &change->next, &change->claim, existing_id);
	if (r == ADMIN_E_EXISTS)
		field_error_set(plan->op->error, plan->op->error->field,
				"is counted by %s, which was made over the API, too", existing_id);
	return r;
}

static int load_claims(struct file_plan *plan)
{
	int r = 0;

	for (size_t i = 0; i < plan->n && !r; i++) {
		struct file_change *change = &plan->changes[i];

		plan->at = i < plan->n_wanted ? i : plan->n_wanted;
		if (change->former && (change->goes || change->moves))
			r = operation_load_claim(plan->op, change->former, &change->former_claim);
		if (!r && change->moves && !change->goes)
			r = claim_subject(plan, change);
	}
	if (!r)
		plan->at = plan->n_wanted;
	return r;
}

static int check_room(struct file_plan *plan)
{
	const struct operation *op = plan->op;
	const struct limit **next;
	uint64_t others = catalog_count(plan->catalog, op->who->tenant_number);
	int r;

	for (size_t i = 0; i < plan->n; i++)
		others -= plan->changes[i].former != NULL;
	if (others + plan->n_wanted > ADMIN_LIMITS_MAX) {
		field_error_set(op->error, "", "there would be more than %d limits",
				ADMIN_LIMITS_MAX);
		return ADMIN_E_TOO_MANY;
	}
	next = calloc(plan->n_wanted + 1, sizeof(*next));
	if (!next)
		return -ENOMEM;
	for (size_t i = 0; i < plan->n_wanted; i++)
		next[i] = &plan->changes[i].next;
	r = packets_check_files(&op->service->reconcile.packets, plan->catalog->limits,
				op->who->tenant_number, next, plan->n_wanted, op->error);
	free(next);
	return r == DATAPATH_E_TOO_MANY ? ADMIN_E_TOO_MANY : r == DATAPATH_E_OFF ? 0 : r;
}

int file_plan_make(struct file_plan *plan, struct operation *op, const struct limit *wanted,
		   size_t n)
{
	int r;

	*plan = (struct file_plan){.op = op, .n_wanted = n, .at = n};
	plan->catalog = service_catalog_get(op->service);
	r = make_changes(plan, wanted);
	if (!r)
		r = load_claims(plan);
	return r ? r : check_room(plan);
}

void file_plan_done(struct file_plan *plan)
{
	for (size_t i = 0; i < plan->n; i++)
		limit_done(&plan->changes[i].next);
	free(plan->changes);
	service_catalog_put(plan->catalog);
}
