/* Makes the datapath's set out of a table of limits, and what fits of it when not all does. */
/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "service/packets_priv.h"

#define NS_PER_MS 1000000ULL

static const char no_datapath[] = "this service was started without a packet path";

/* The limits of packets, as the datapath takes them. */
struct packet_set {
	const struct packets *packets;
	const struct limit *instead; /* of the one with its id; NULL: none */
	struct datapath_limit *at;
	size_t n;
	size_t room;
};

void packets_init(struct packets *packets, struct datapath *datapath, const struct clock *clock)
{
	*packets = (struct packets){.datapath = datapath, .clock = clock};
	pthread_mutex_init(&packets->changes, NULL);
	pthread_mutex_init(&packets->calls, NULL);
}

void packets_done(struct packets *packets)
{
	pthread_mutex_destroy(&packets->calls);
	pthread_mutex_destroy(&packets->changes);
}

const char *packets_off(const struct packets *packets)
{
	return packets->datapath ? datapath_off(packets->datapath) : no_datapath;
}

static void done_set(struct packet_set *set)
{
	free(set->at);
}

/* When the NIC lets go of a limit that nobody confirmed: never 0, which would mean never. */
static uint64_t until_ns(const struct limit *limit, const struct clock *clock)
{
	uint64_t utc_ns;

	if (limit->confirm_by_ms == 0)
		return 0;
	if (__builtin_mul_overflow(limit_due_ms(limit, clock_utc_ms(clock)), NS_PER_MS, &utc_ns))
		return UINT64_MAX;
	return utc_ns > clock->utc_offset_ns ? utc_ns - clock->utc_offset_ns : 1;
}

static int reserve(struct packet_set *set)
{
	size_t room = set->room ? 2 * set->room : SLUICE_RULES_MAX;
	struct datapath_limit *at;

	if (set->n < set->room)
		return 0;
	at = reallocarray(set->at, room, sizeof(*at));
	if (!at)
		return -ENOMEM;
	set->at = at;
	set->room = room;
	return 0;
}

static int add_limit(struct packet_set *set, const struct limit *limit)
{
	const struct clock *clock = set->packets->clock;
	struct datapath_limit *at;

	if (reserve(set))
		return -ENOMEM;
	at = &set->at[set->n];
	*at = (struct datapath_limit){.limit = limit, .until_ns = until_ns(limit, clock)};
	/* What was parsed or taken over compiles. */
	if (limit_compile(limit, clock->utc_offset_ns, NULL, &at->params) == 0)
		set->n++;
	return 0;
}

static int visit_entry(const struct limit_entry *entry, void *data)
{
	struct packet_set *set = data;

	if (entry->limit.scope != LIMIT_SCOPE_PACKET)
		return 0;
	if (set->instead && strcmp(set->instead->id, entry->limit.id) == 0)
		return 0;
	return add_limit(set, &entry->limit);
}

int packets_check(struct packets *packets, const struct limit_table *table,
		  const struct limit *limit, struct field_error *error)
{
	_cleanup_(done_set) struct packet_set set = {.packets = packets, .instead = limit};
	const char *off = packets_off(packets);
	int r;

	if (off) {
		field_error_set(error, "", "%s", off);
		return DATAPATH_E_OFF;
	}
	r = limit_table_visit(table, visit_entry, &set);
	if (!r)
		r = add_limit(&set, limit);
	if (r)
		return r;
	pthread_mutex_lock(&packets->calls);
	r = datapath_check(packets->datapath, set.at, set.n, error);
	pthread_mutex_unlock(&packets->calls);
	return r;
}

/* A set without the limits of a tenant's files. */
struct other_set {
	struct packet_set set; /* first */
	uint32_t tenant_number;
};

static int visit_other(const struct limit_entry *entry, void *data)
{
	const struct other_set *other = data;

	if (entry->tenant_number == other->tenant_number &&
	    strcmp(entry->limit.origin, LIMIT_ORIGIN_FILE) == 0)
		return 0;
	return visit_entry(entry, data);
}

int packets_check_files(struct packets *packets, const struct limit_table *table,
			uint32_t tenant_number, const struct limit *const *limits, size_t n,
			struct field_error *error)
{
	struct other_set other = {.set = {.packets = packets}, .tenant_number = tenant_number};
	int r = 0;

	if (packets_off(packets))
		return 0;
	r = limit_table_visit(table, visit_other, &other);
	for (size_t i = 0; i < n && !r; i++)
		if (limits[i]->scope == LIMIT_SCOPE_PACKET)
			r = add_limit(&other.set, limits[i]);
	if (!r) {
		pthread_mutex_lock(&packets->calls);
		r = datapath_check(packets->datapath, other.set.at, other.set.n, error);
		pthread_mutex_unlock(&packets->calls);
	}
	done_set(&other.set);
	return r;
}

static int compare_change(const void *a, const void *b)
{
	uint64_t first = ((const struct datapath_limit *)a)->limit->revision;
	uint64_t second = ((const struct datapath_limit *)b)->limit->revision;

	return (first > second) - (first < second);
}

/* Leaves out what was changed last until the rest is taken; *error says why of the first. */
static int apply_what_fits(struct packets *packets, struct packet_set *set,
			   struct field_error *error)
{
	size_t fits = 0, fails = set->n, middle;
	struct field_error why;
	int r;

	qsort(set->at, set->n, sizeof(*set->at), compare_change);
	while (fails - fits > 1) {
		middle = fits + (fails - fits) / 2;
		r = datapath_check(packets->datapath, set->at, middle, &why);
		if (r && r != DATAPATH_E_TOO_MANY)
			return r;
		if (r == 0) {
			fits = middle;
			continue;
		}
		fails = middle;
		*error = why;
	}
	set->n = fits;
	r = datapath_apply(packets->datapath, set->at, fits, &why);
	return r > 0 ? -EBUSY : r;
}

static int apply_set(struct packets *packets, struct packet_set *set, struct field_error *error)
{
	const char *off = packets_off(packets);
	int r;

	if (off) {
		field_error_set(error, "", "%s", off);
		return DATAPATH_E_OFF;
	}
	r = datapath_apply(packets->datapath, set->at, set->n, error);
	return r == DATAPATH_E_TOO_MANY ? apply_what_fits(packets, set, error) : r;
}

/* Every limit of a table lies in its entry. */
static void note_left_out(const struct limit *limit, struct packets_refusal *ret)
{
	const struct limit_entry *entry =
		(const struct limit_entry *)((const char *)limit -
					     offsetof(struct limit_entry, limit));

	ret->tenant_number = entry->tenant_number;
	memcpy(ret->id, limit->id, ID_SIZE);
}

void packets_apply(struct packets *packets, const struct limit_table *table,
		   struct packets_refusal *ret_refusal)
{
	_cleanup_(done_set) struct packet_set set = {.packets = packets};
	struct packets_refusal refusal = {.id = ""};
	size_t wanted;
	int r;

	r = limit_table_visit(table, visit_entry, &set);
	wanted = set.n;
	if (r == 0)
		r = apply_set(packets, &set, &refusal.why);
	if (r == DATAPATH_E_OFF)
		set.n = 0;
	atomic_store(&packets->wanted, wanted);
	atomic_store(&packets->fault, r < 0);
	if (r >= 0)
		atomic_store(&packets->in_force, set.n);
	if (r >= 0 && set.n < wanted)
		note_left_out(set.at[set.n].limit, &refusal);
	*ret_refusal = refusal;
}

bool packets_hold(struct packets *packets, const char *id)
{
	struct sluice_counts counts;

	return datapath_counts(packets->datapath, id, &counts) == 0;
}

int packets_reset(struct packets *packets, const char *id, struct field_error *error)
{
	const char *off = packets_off(packets);
	int r;

	if (off) {
		field_error_set(error, "", "%s", off);
		return DATAPATH_E_OFF;
	}
	pthread_mutex_lock(&packets->calls);
	r = datapath_reset(packets->datapath, id);
	pthread_mutex_unlock(&packets->calls);
	return r;
}
