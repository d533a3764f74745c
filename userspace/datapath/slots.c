/* Finds, plans, takes and drops the slots that say whose which lines and counters are. */
/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <string.h>

#include "datapath/slots_priv.h"

enum {
	LEAST_LINES = 64, /* of a limit with a bucket for each address */
};

_Static_assert((int)SLUICE_SLOT_ID_SIZE == (int)ID_SIZE,
	       "a slot holds the id of any limit, NUL included");

struct sluice_slot *slots_find(const struct sluice_slot *slots, const char *id)
{
	for (size_t i = 0; i < SLUICE_RULES_MAX; i++)
		if (slots[i].id[0] != '\0' && strncmp(slots[i].id, id, sizeof(slots[i].id)) == 0)
			return (struct sluice_slot *)&slots[i];
	return NULL;
}

/* The id says that the slot is taken, so it comes last and its first byte last of all. */
void slots_take(struct sluice_slot *slot, const struct sluice_slot *as)
{
	slot->line_first = as->line_first;
	slot->line_count = as->line_count;
	slot->params = as->params;
	memcpy(slot->id + 1, as->id + 1, sizeof(slot->id) - 1);
	__atomic_store_n(&slot->id[0], as->id[0], __ATOMIC_RELEASE);
}

void slots_drop(struct sluice_slot *slot)
{
	__atomic_store_n(&slot->id[0], '\0', __ATOMIC_RELEASE);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	memset(slot, 0, sizeof(*slot));
}

void slots_cap(const struct datapath *datapath, const struct sluice_slot *slot, uint64_t tolerance)
{
	uint64_t most = (datapath->now_ns() << SLUICE_TICK_SHIFT) + tolerance;
	struct sluice_line *line = &datapath->lines[slot->line_first];

	for (size_t i = 0; i < (size_t)slot->line_count * SLUICE_LINE_SLOTS; i++) {
		__u64 *word = &line[i / SLUICE_LINE_SLOTS].word[i % SLUICE_LINE_SLOTS];
		__u64 seen = __atomic_load_n(word, __ATOMIC_RELAXED);

		/* A lost race loads the newer word. */
		while (seen > most &&
		       !__atomic_compare_exchange_n(word, &seen, most, false, __ATOMIC_SEQ_CST,
						    __ATOMIC_RELAXED))
			;
	}
}

/* The first free slot, or SLUICE_RULES_MAX; and how many are free. */
static size_t find_free(const struct sluice_slot *slots, uint32_t *ret_n)
{
	size_t first = SLUICE_RULES_MAX;

	*ret_n = 0;
	for (size_t i = SLUICE_RULES_MAX; i-- > 0;) {
		if (slots[i].id[0] != '\0')
			continue;
		first = i;
		++*ret_n;
	}
	return first;
}

/*
 * 0, or -ENOSPC for want of a slot or of lines. Each slot that stays free keeps the least number of
 * lines, so that with 64 times that in all every limit finds some.
 */
static int place(struct slots_plan *plan, uint32_t n_lines, const struct datapath_limit *limit)
{
	uint32_t n_free, first, count, want, least;
	size_t i = find_free(plan->slot, &n_free);
	struct sluice_slot *slot = &plan->slot[i];
	int r;

	if (i == SLUICE_RULES_MAX)
		return -ENOSPC;
	want = region_want(limit, region_free(plan->slot, n_lines), LEAST_LINES * (n_free - 1));
	least = want < LEAST_LINES ? want : LEAST_LINES;
	r = region_find(plan->slot, n_lines, want, least, &first, &count);
	if (r)
		return r;
	memcpy(slot->id, limit->limit->id, sizeof(slot->id));
	slot->line_first = first;
	slot->line_count = count;
	slot->params = limit->params;
	plan->fresh |= 1ULL << i;
	return 0;
}

/* 0, or -ENOSPC and then *ret_refused is the limit that found no room. */
static int place_all(struct slots_plan *plan, uint32_t n_lines, const struct datapath_limit *limits,
		     size_t n, const struct limit **ret_refused)
{
	for (size_t i = 0; i < n; i++) {
		if (slots_find(plan->slot, limits[i].limit->id))
			continue;
		if (place(plan, n_lines, &limits[i])) {
			*ret_refused = limits[i].limit;
			return -ENOSPC;
		}
	}
	return 0;
}

static bool is_among(const struct datapath_limit *limits, size_t n, const char *id)
{
	for (size_t i = 0; i < n; i++)
		if (strncmp(limits[i].limit->id, id, SLUICE_SLOT_ID_SIZE) == 0)
			return true;
	return false;
}

/* Starts over without the slots of limits that go. */
static void leave_first(const struct datapath *datapath, struct slots_plan *plan)
{
	memcpy(plan->slot, datapath->slots, sizeof(plan->slot));
	plan->fresh = 0;
	plan->leave_first = true;
	for (size_t i = 0; i < SLUICE_RULES_MAX; i++)
		if (plan->stale >> i & 1)
			plan->slot[i] = (struct sluice_slot){0};
}

int slots_plan(const struct datapath *datapath, const struct datapath_limit *limits, size_t n,
	       struct field_error *error, struct slots_plan *ret)
{
	const struct limit *refused = NULL;
	int r;

	*ret = (struct slots_plan){0};
	memcpy(ret->slot, datapath->slots, sizeof(ret->slot));
	for (size_t i = 0; i < SLUICE_RULES_MAX; i++)
		if (ret->slot[i].id[0] != '\0' && !is_among(limits, n, ret->slot[i].id))
			ret->stale |= 1ULL << i;
	r = place_all(ret, datapath->n_lines, limits, n, &refused);
	if (r && ret->stale) {
		leave_first(datapath, ret);
		r = place_all(ret, datapath->n_lines, limits, n, &refused);
	}
	if (!r)
		return 0;
	field_error_set(error, "",
			"no memory for the buckets of limit %s: %u lines of 64 bytes are there, %u "
			"of them free; a larger --packet-memory holds more",
			refused->id, datapath->n_lines, region_free(ret->slot, datapath->n_lines));
	return DATAPATH_E_TOO_MANY;
}
