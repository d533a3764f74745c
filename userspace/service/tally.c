/* Pages of counters, a page for 64 tenants. */
/* SPDX-License-Identifier: MIT */
#include <errno.h>

#include "service/tally.h"

_Static_assert(TALLY_CELLS * sizeof(uint64_t) == 64, "a tenant is one cache line");

int tally_init(struct tally *tally)
{
	for (size_t i = 0; i < TALLY_PAGES; i++)
		atomic_init(&tally->pages[i], NULL);
	return tally_make_page(tally, 0) ? 0 : -ENOMEM;
}

void tally_done(struct tally *tally)
{
	for (size_t i = 0; i < TALLY_PAGES; i++)
		counters_free(atomic_load(&tally->pages[i]));
}

struct counters *tally_make_page(struct tally *tally, uint32_t tenant)
{
	struct counters *page, *there = NULL;

	if (tenant / TALLY_PAGE >= TALLY_PAGES ||
	    counters_new((size_t)TALLY_PAGE * TALLY_CELLS, &page))
		return NULL;
	if (atomic_compare_exchange_strong(&tally->pages[tenant / TALLY_PAGE], &there, page))
		return page;
	counters_free(page);
	return there;
}

uint64_t tally_read(const struct tally *tally, uint32_t tenant, size_t cell)
{
	const struct counters *page = NULL;

	if (tenant / TALLY_PAGE < TALLY_PAGES)
		page = atomic_load(&tally->pages[tenant / TALLY_PAGE]);
	return page ? counters_read(page, (size_t)tenant % TALLY_PAGE * TALLY_CELLS + cell) : 0;
}

uint64_t tally_sum(const struct tally *tally, size_t cell)
{
	uint32_t tenants = tally_tenants(tally);
	uint64_t sum = 0;

	for (uint32_t i = 0; i < tenants; i++)
		sum += tally_read(tally, i, cell);
	return sum;
}

uint32_t tally_tenants(const struct tally *tally)
{
	uint32_t pages = TALLY_PAGES;

	while (pages > 0 && !atomic_load(&tally->pages[pages - 1]))
		pages--;
	return pages * TALLY_PAGE;
}
