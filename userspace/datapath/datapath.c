/* Puts sets of packet limits in force, in an order that a kill at any point leaves consistent. */
/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "datapath/slots_priv.h"

int datapath_init(struct datapath *datapath, const struct datapath_ops *ops)
{
	*datapath = (struct datapath){.ops = ops, .now_ns = monotonic_ns};
	return -pthread_mutex_init(&datapath->lock, NULL);
}

void datapath_done(struct datapath *datapath)
{
	pthread_mutex_destroy(&datapath->lock);
}

static void free_tables(struct sluice_tables **tables)
{
	free(*tables);
}

static int refuse_off(const struct datapath *datapath, size_t n, struct field_error *error)
{
	if (n == 0)
		return 0;
	field_error_set(error, "", "packets cannot be limited here: %s", datapath->off);
	return DATAPATH_E_OFF;
}

static int check_set(const struct datapath_limit *limits, size_t n, struct field_error *error)
{
	if (n > SLUICE_RULES_MAX) {
		field_error_set(error, "", "%zu packet limits are more than %d", n,
				SLUICE_RULES_MAX);
		return DATAPATH_E_TOO_MANY;
	}
	for (size_t i = 1; i < n; i++)
		for (size_t j = 0; j < i; j++)
			if (strcmp(limits[i].limit->id, limits[j].limit->id) == 0)
				return -EINVAL;
	return 0;
}

static int check_overlap(const struct sluice_tables *tables, struct field_error *error)
{
	int most = tables_overlap(tables, SLUICE_MATCH_MAX);

	if (most <= SLUICE_MATCH_MAX)
		return most < 0 ? most : 0;
	field_error_set(error, "match", "%d packet limits may match one packet, at most %d can",
			most, SLUICE_MATCH_MAX);
	return DATAPATH_E_TOO_MANY;
}

/* Everything that can be refused is refused here, before anything changes. *ret is the caller's. */
static int prepare(const struct datapath *datapath, const struct datapath_limit *limits, size_t n,
		   struct field_error *error, struct slots_plan *plan, struct sluice_tables **ret)
{
	int r = check_set(limits, n, error);

	if (r == 0)
		r = slots_plan(datapath, limits, n, error, plan);
	if (r)
		return r;
	*ret = calloc(1, sizeof(**ret));
	if (!*ret)
		return -ENOMEM;
	r = tables_build(plan->slot, datapath->seed, limits, n, error, *ret);
	return r == 0 ? check_overlap(*ret, error) : r;
}

int datapath_check(struct datapath *datapath, const struct datapath_limit *limits, size_t n,
		   struct field_error *error)
{
	_cleanup_(free_tables) struct sluice_tables *tables = NULL;
	struct slots_plan plan;

	if (datapath->off[0] != '\0')
		return refuse_off(datapath, n, error);
	return prepare(datapath, limits, n, error, &plan, &tables);
}

static void drop_slots(struct datapath *datapath, uint64_t slots)
{
	pthread_mutex_lock(&datapath->lock);
	for (size_t i = 0; i < SLUICE_RULES_MAX; i++) {
		if (!(slots >> i & 1))
			continue;
		slots_drop(&datapath->slots[i]);
		datapath->ticks[i] = 0;
	}
	pthread_mutex_unlock(&datapath->lock);
}

/* Nothing in force refers to fresh slots yet, nor to their lines. */
static int take_fresh(struct datapath *datapath, const struct slots_plan *plan)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < SLUICE_RULES_MAX; i++) {
		const struct sluice_slot *slot = &plan->slot[i];

		if (!(plan->fresh >> i & 1))
			continue;
		memset(&datapath->lines[slot->line_first], 0,
		       slot->line_count * sizeof(datapath->lines[0]));
		r = datapath->ops->clear_counts(datapath, (uint32_t)i);
		if (r)
			break;
		pthread_mutex_lock(&datapath->lock);
		slots_take(&datapath->slots[i], slot);
		pthread_mutex_unlock(&datapath->lock);
	}
	return r;
}

/*
 * What changed limits owe is cut to their new burst only once that is in force: before, it would
 * let the old limit be exceeded. A kill between the two leaves the old params in the slot, and
 * whoever adopts it cuts then.
 */
static void settle(struct datapath *datapath, const struct datapath_limit *limit)
{
	struct sluice_slot *slot = slots_find(datapath->slots, limit->limit->id);

	if (memcmp(&slot->params, &limit->params, sizeof(slot->params)) != 0)
		slots_cap(datapath, slot, limit->params.tolerance);
	pthread_mutex_lock(&datapath->lock);
	slot->params = limit->params;
	datapath->ticks[slot - datapath->slots] = datapath_ticks(limit);
	pthread_mutex_unlock(&datapath->lock);
}

/* Puts in force those of the limits that have slots already, so that stale ones are free. */
static int publish_kept(struct datapath *datapath, const struct datapath_limit *limits, size_t n)
{
	_cleanup_(free_tables) struct sluice_tables *tables = calloc(1, sizeof(*tables));
	struct datapath_limit kept[SLUICE_RULES_MAX];
	size_t n_kept = 0;
	int r;

	if (!tables)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++)
		if (slots_find(datapath->slots, limits[i].limit->id))
			kept[n_kept++] = limits[i];
	/* A part of what fits fits. */
	r = tables_build(datapath->slots, datapath->seed, kept, n_kept, NULL, tables);
	return r == 0 ? datapath->ops->publish(datapath, tables) : r;
}

int datapath_apply(struct datapath *datapath, const struct datapath_limit *limits, size_t n,
		   struct field_error *error)
{
	_cleanup_(free_tables) struct sluice_tables *tables = NULL;
	struct slots_plan plan;
	int r;

	if (datapath->off[0] != '\0')
		return refuse_off(datapath, n, error);
	r = prepare(datapath, limits, n, error, &plan, &tables);
	if (r == 0 && plan.leave_first)
		r = publish_kept(datapath, limits, n);
	if (r)
		return r;
	if (plan.leave_first)
		drop_slots(datapath, plan.stale);
	r = take_fresh(datapath, &plan);
	if (r == 0)
		r = datapath->ops->publish(datapath, tables);
	if (r) {
		drop_slots(datapath, plan.fresh);
		return r;
	}
	for (size_t i = 0; i < n; i++)
		settle(datapath, &limits[i]);
	if (!plan.leave_first)
		drop_slots(datapath, plan.stale);
	return 0;
}

int datapath_counts(struct datapath *datapath, const char *id, struct sluice_counts *ret)
{
	const struct sluice_slot *slot;
	int r = DATAPATH_E_NOT_FOUND;

	pthread_mutex_lock(&datapath->lock);
	slot = slots_find(datapath->slots, id);
	if (slot)
		r = datapath->ops->counts(datapath, (uint32_t)(slot - datapath->slots), ret);
	pthread_mutex_unlock(&datapath->lock);
	return r;
}

int datapath_reasons(struct datapath *datapath, struct sluice_reasons *ret)
{
	return datapath->ops->reasons(datapath, ret);
}

int datapath_times(struct datapath *datapath, struct sluice_times *ret)
{
	return datapath->ops->times(datapath, ret);
}

void datapath_tend(struct datapath *datapath)
{
	datapath->ops->tend(datapath);
}

size_t datapath_interfaces(struct datapath *datapath, struct datapath_interface *ret, size_t n)
{
	return datapath->ops->interfaces(datapath, ret, n);
}

const char *datapath_mode_name(enum datapath_mode mode)
{
	static const char *const names[] = {
		[DATAPATH_NONE] = "none",
		[DATAPATH_NATIVE] = "native",
		[DATAPATH_GENERIC] = "generic",
	};

	return names[mode];
}

const char *datapath_off(const struct datapath *datapath)
{
	return datapath->off[0] != '\0' ? datapath->off : NULL;
}

void datapath_close(struct datapath *datapath, bool detach)
{
	if (datapath)
		datapath->ops->close(datapath, detach);
}
