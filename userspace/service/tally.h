/* What every tenant asked, counted on the path of every check. */
/* SPDX-License-Identifier: MIT */
#pragma once

#include "metrics/counters.h"
#include "metrics/metrics.h"

/* Cells of a tenant: one cache line of each thread. */
enum {
	TALLY_TOKENS =
		METRICS_N_CHECKS, /* consumed; the outcomes of enum metrics_check come first */
	TALLY_REFUNDED,           /* tokens given back */
	TALLY_CELLS,
	TALLY_PAGE = 64, /* tenants */
	TALLY_PAGES = 1024,
};

/* Tenants of numbers beyond TALLY_PAGES * TALLY_PAGE are not counted. Cells only grow. */
struct tally {
	struct counters *_Atomic pages[TALLY_PAGES]; /* NULL: nobody of that page has asked yet */
};

/* Tenants of the first page never wait for memory. 0 or -ENOMEM. */
int tally_init(struct tally *tally);
void tally_done(struct tally *tally);

/* Makes the page; NULL: none is to be had, and this once is not counted. */
struct counters *tally_make_page(struct tally *tally, uint32_t tenant);

/* One check, and the tokens that it consumed (below 0: gave back). */
static inline void tally_add(struct tally *tally, uint32_t tenant, enum metrics_check outcome,
			     int64_t tokens)
{
	size_t first = (size_t)tenant % TALLY_PAGE * TALLY_CELLS;
	struct counters *page = NULL;

	if (tenant / TALLY_PAGE < TALLY_PAGES)
		page = atomic_load_explicit(&tally->pages[tenant / TALLY_PAGE],
					    memory_order_acquire);
	if (!page)
		page = tally_make_page(tally, tenant);
	if (!page)
		return;
	counters_add(page, first + outcome, 1);
	if (tokens > 0)
		counters_add(page, first + TALLY_TOKENS, (uint64_t)tokens);
	else if (tokens < 0)
		counters_add(page, first + TALLY_REFUNDED, -(uint64_t)tokens);
}

/* Any thread. */
uint64_t tally_read(const struct tally *tally, uint32_t tenant, size_t cell);
/* Of all tenants. */
uint64_t tally_sum(const struct tally *tally, size_t cell);
/* Nobody of this number or above has asked yet. */
uint32_t tally_tenants(const struct tally *tally);
