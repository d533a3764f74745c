/* Carries what tenants asked into the ledger: what came on top, hour by hour, each once. */
/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "service/service_priv.h"

enum {
	/* An hour each while nothing can be written; later ones are counted into the last. */
	BATCHES_MAX = 1000,
};

/*
 * What came on top since the batch before. It stays as it is until the ledger has it: whether a
 * failed try had been written after all, only the same batch under the same number can tell.
 */
struct usage_batch {
	struct usage_batch *next;
	uint64_t number;
	size_t n;
	struct usage_row {
		char tenant[TENANT_ID_SIZE];
		uint64_t more[SCRIBE_MARKS];
	} * rows;
	uint64_t hour_ms;
};

static const size_t cells[SCRIBE_MARKS] = {METRICS_CHECK_ALLOWED, METRICS_CHECK_DENIED,
					   TALLY_TOKENS, TALLY_REFUNDED};

static void free_batch(struct usage_batch *batch)
{
	free(batch->rows);
	free(batch);
}

void scribe_free_usage(struct scribe *scribe)
{
	while (scribe->first) {
		struct usage_batch *next = scribe->first->next;

		free_batch(scribe->first);
		scribe->first = next;
	}
	free(scribe->marks);
}

static int grow_marks(struct scribe *scribe, uint32_t n)
{
	uint64_t(*marks)[SCRIBE_MARKS];

	if (n <= scribe->n_marks)
		return 0;
	marks = reallocarray(scribe->marks, n, sizeof(*marks));
	if (!marks)
		return -ENOMEM;
	memset(marks + scribe->n_marks, 0, (n - scribe->n_marks) * sizeof(*marks));
	scribe->marks = marks;
	scribe->n_marks = n;
	return 0;
}

/* True if the tenant has asked anything since; a row is then filled. */
static bool fill_row(struct scribe *scribe, uint32_t tenant, struct usage_row *row)
{
	const struct tally *tally = &scribe->service->tally;
	uint64_t *marks = scribe->marks[tenant], any = 0;

	for (int i = 0; i < SCRIBE_MARKS; i++) {
		row->more[i] = tally_read(tally, tenant, cells[i]) - marks[i];
		any |= row->more[i];
	}
	/* Of a tenant that is not known yet, what it asked waits. */
	if (any == 0 || reconcile_tenant(&scribe->service->reconcile, tenant, row->tenant))
		return false;
	for (int i = 0; i < SCRIBE_MARKS; i++)
		marks[i] += row->more[i];
	return true;
}

static void append_batch(struct scribe *scribe, struct usage_batch *batch)
{
	batch->number = ++scribe->number;
	batch->hour_ms = scribe->hour_ms;
	if (scribe->last)
		scribe->last->next = batch;
	else
		scribe->first = batch;
	scribe->last = batch;
	scribe->n_batches++;
}

static int make_batch(struct scribe *scribe)
{
	uint32_t tenants = tally_tenants(&scribe->service->tally);
	struct usage_batch *batch = calloc(1, sizeof(*batch));

	if (!batch)
		return -ENOMEM;
	batch->rows = calloc(tenants, sizeof(*batch->rows));
	if (!batch->rows || grow_marks(scribe, tenants)) {
		free_batch(batch);
		return -ENOMEM;
	}
	for (uint32_t tenant = 0; tenant < tenants; tenant++)
		batch->n += fill_row(scribe, tenant, &batch->rows[batch->n]);
	if (batch->n > 0)
		append_batch(scribe, batch);
	else
		free_batch(batch);
	return 0;
}

/* While batches wait, one for each hour is enough. */
static int collect(struct scribe *scribe)
{
	uint64_t now_ms = clock_utc_ms(scribe->service->clock);
	uint64_t hour_ms = now_ms - now_ms % LEDGER_HOUR_MS;
	int r;

	if (scribe->first && (hour_ms == scribe->hour_ms || scribe->n_batches == BATCHES_MAX))
		return 0;
	r = make_batch(scribe);
	if (!r)
		scribe->hour_ms = hour_ms;
	return r;
}

static int add_batch(struct scribe *scribe, const struct usage_batch *batch,
		     struct field_error *error)
{
	struct ledger_addition addition = {
		.run = scribe->run, .number = batch->number, .n = batch->n};
	struct ledger_usage *rows = calloc(batch->n, sizeof(*rows));
	int r;

	if (!rows)
		return -ENOMEM;
	for (size_t i = 0; i < batch->n; i++) {
		const uint64_t *more = batch->rows[i].more;

		rows[i] = (struct ledger_usage){
			batch->rows[i].tenant, batch->hour_ms, more[0], more[1], more[2], more[3]};
	}
	addition.rows = rows;
	r = ledger_add_usage(scribe->ledger, &addition, error);
	free(rows);
	return r;
}

static int add_batches(struct scribe *scribe, struct field_error *error)
{
	int r = 0;

	while (!r && scribe->first) {
		struct usage_batch *batch = scribe->first;

		r = add_batch(scribe, batch, error);
		if (r)
			return r;
		scribe->first = batch->next;
		if (!scribe->first)
			scribe->last = NULL;
		scribe->n_batches--;
		free_batch(batch);
	}
	return r;
}

/* Also when nothing can be added: the hour may have ended. */
int scribe_carry_usage(struct scribe *scribe, struct field_error *error)
{
	int r = add_batches(scribe, error), r2 = collect(scribe);

	if (r || r2)
		return r ? r : r2;
	return add_batches(scribe, error);
}
