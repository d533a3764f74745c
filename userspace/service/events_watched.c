/* One tenant that somebody listens to: what its limits counted, and their busiest keys. */
/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "service/service_priv.h"

#define NS_PER_S 1e9

/* What is left of the figures of keys after each count: half of what they tell is of the last 2 s. */
#define FADE 0.7

enum { PAGE = 128 };

struct watched *watched_new(uint32_t tenant_number)
{
	struct watched *watched = calloc(1, sizeof(*watched));

	if (watched)
		watched->tenant_number = tenant_number;
	return watched;
}

void watched_free(struct watched *watched)
{
	for (size_t i = 0; i < watched->n_follows; i++)
		free(watched->follows[i].heavy);
	free(watched->rows.at);
	free(watched->former.at);
	free(watched);
}

/* NULL: no memory. */
static struct watched_row *add_row(struct watched_rows *rows)
{
	struct watched_row *at;
	size_t size = rows->size * 2 + PAGE;

	if (rows->n == rows->size) {
		at = reallocarray(rows->at, size, sizeof(*at));
		if (!at)
			return NULL;
		rows->at = at;
		rows->size = size;
	}
	return &rows->at[rows->n++];
}

static void derive_flow(struct watched_row *row, const struct limit_stats *before, double seconds)
{
	const struct limit_stats *now = &row->counted;

	row->flow = (struct events_flow){
		.allowed_per_s = watched_rate(now->allowed, before->allowed, seconds),
		.denied_per_s = watched_rate(now->denied, before->denied, seconds),
		.allowed_bytes_per_s =
			watched_rate(now->allowed_bytes, before->allowed_bytes, seconds),
		.denied_bytes_per_s =
			watched_rate(now->denied_bytes, before->denied_bytes, seconds),
	};
}

/* A limit that is not in force counts nothing. */
static int count_limit(struct watched *watched, struct service *service, const struct limit *limit)
{
	struct watched_row *row = add_row(&watched->rows);

	if (!row)
		return -ENOMEM;
	*row = (struct watched_row){.limit = limit};
	memcpy(row->id, limit->id, sizeof(row->id));
	if (service_limit_stats(service, limit, &row->counted))
		row->counted = (struct limit_stats){0};
	return 0;
}

static int count_limits(struct watched *watched, struct service *service,
			const struct catalog *catalog)
{
	const struct limit *page[PAGE];
	const char *after = NULL;
	size_t n;

	do {
		n = catalog_page(catalog, watched->tenant_number, after, page, PAGE);
		for (size_t i = 0; i < n; i++)
			if (count_limit(watched, service, page[i]))
				return -ENOMEM;
		if (n > 0)
			after = page[n - 1]->id;
	} while (n == PAGE);
	return 0;
}

/* Both are sorted by id. What is new has counted since it was made, which was meanwhile. */
static void derive_flows(struct watched *watched, double seconds)
{
	static const struct limit_stats none;
	const struct watched_rows *former = &watched->former;
	size_t at = 0;

	for (size_t i = 0; i < watched->rows.n; i++) {
		struct watched_row *row = &watched->rows.at[i];
		int order = 1;

		while (at < former->n && (order = strcmp(former->at[at].id, row->id)) < 0)
			at++;
		derive_flow(row, at < former->n && order == 0 ? &former->at[at].counted : &none,
			    seconds);
	}
}

static void count_checks(struct watched *watched, const struct tally *tally)
{
	uint64_t now[METRICS_N_CHECKS];

	for (size_t i = 0; i < METRICS_N_CHECKS; i++) {
		now[i] = tally_read(tally, watched->tenant_number, i);
		if (watched->seconds > 0)
			watched->checks_per_s[i] =
				watched_rate(now[i], watched->checks[i], watched->seconds);
	}
	memcpy(watched->checks, now, sizeof(now));
}

static double total_of(const struct watched_row *row)
{
	return row->flow.allowed_per_s + row->flow.denied_per_s;
}

/* Equal ones stay in the order of their ids. */
static void choose_busiest(struct watched *watched)
{
	size_t n = 0;

	for (size_t i = 0; i < watched->rows.n; i++) {
		struct watched_row *row = &watched->rows.at[i];
		size_t at = n;

		while (at > 0 && total_of(watched->busiest[at - 1]) < total_of(row))
			at--;
		if (at == EVENTS_LIMITS_MAX)
			continue;
		n += n < EVENTS_LIMITS_MAX;
		memmove(&watched->busiest[at + 1], &watched->busiest[at],
			(n - at - 1) * sizeof(watched->busiest[0]));
		watched->busiest[at] = row;
	}
	for (size_t i = 0; i < n; i++)
		watched->busiest[i]->busy = true;
	watched->n_busiest = n;
}

static void add_flow(struct events_flow *sum, const struct events_flow *flow)
{
	sum->allowed_per_s += flow->allowed_per_s;
	sum->denied_per_s += flow->denied_per_s;
	sum->allowed_bytes_per_s += flow->allowed_bytes_per_s;
	sum->denied_bytes_per_s += flow->denied_bytes_per_s;
}

static void sum_up(struct watched *watched, double seconds)
{
	watched->others = (struct events_flow){0};
	for (size_t i = 0; i < watched->rows.n; i++)
		if (!watched->rows.at[i].busy)
			add_flow(&watched->others, &watched->rows.at[i].flow);
	watched->sampled_1_of =
		watched->samples ? (double)watched->weight / (double)watched->samples : 1;
	watched->samples = 0;
	watched->weight = 0;
	for (size_t i = 0; i < watched->n_follows; i++)
		watched->follows[i].seconds += seconds;
}

int watched_count(struct watched *watched, struct service *service, const struct catalog *catalog,
		  uint64_t now_ns)
{
	bool first = watched->since_ns == 0;
	struct watched_rows swapped = watched->former;

	watched->former = watched->rows;
	watched->rows = swapped;
	watched->rows.n = 0;
	watched->n_busiest = 0;
	if (count_limits(watched, service, catalog)) {
		watched->rows.n = 0;
		watched->since_ns = 0;
		watched->seconds = 0;
		return -ENOMEM;
	}
	watched->seconds = first ? 0 : (double)(now_ns - watched->since_ns) / NS_PER_S;
	watched->since_ns = now_ns;
	watched->ticks = 0;
	count_checks(watched, &service->tally);
	derive_flows(watched, first ? 1 : watched->seconds);
	choose_busiest(watched);
	sum_up(watched, watched->seconds);
	return 0;
}

static int compare_id(const void *id, const void *follow)
{
	return strcmp(id, ((const struct watched_follow *)follow)->id);
}

static struct watched_follow *find_follow(const struct watched *watched, const char *id)
{
	return bsearch(id, watched->follows, watched->n_follows, sizeof(watched->follows[0]),
		       compare_id);
}

/* FNV-1a: nobody is harmed by equal hashes. */
static uint64_t hash_key(const char *key, size_t len)
{
	uint64_t hash = 14695981039346656037ULL;

	for (size_t i = 0; i < len; i++)
		hash = (hash ^ (unsigned char)key[i]) * 1099511628211ULL;
	return hash;
}

void watched_take(struct watched *watched, const struct sample *sample)
{
	const char *key = sample_key(sample);
	uint64_t hash = hash_key(key, sample->key_len);

	watched->samples++;
	watched->weight += sample->weight;
	/* Refunds are no checks to the limits' counters either. */
	for (uint8_t i = 0; i < sample->n_hits && sample->cost > 0; i++) {
		const struct sample_hit *hit = &sample->hits[i];
		const struct watched_follow *follow;

		if (!hit->refused && !sample->allowed)
			continue;
		follow = find_follow(watched, hit->id);
		if (follow)
			heavy_add(follow->heavy, key, sample->key_len, hash, sample->weight,
				  hit->refused);
	}
}

static bool is_among(const struct watched_follow *follows, size_t n, const char *id)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(follows[i].id, id) == 0)
			return true;
	return false;
}

/* Moves what is known of it, and fades that, or begins. */
static void follow(struct watched *watched, const char *id, struct watched_follow *to, size_t *n)
{
	struct watched_follow *known = find_follow(watched, id);

	if (*n == WATCHED_FOLLOWED_MAX || is_among(to, *n, id))
		return;
	to[*n].heavy = known ? known->heavy : calloc(1, sizeof(struct heavy));
	if (!to[*n].heavy)
		return;
	to[*n].seconds = known ? known->seconds * FADE : 0;
	heavy_fade(to[*n].heavy, FADE);
	if (known)
		known->heavy = NULL;
	memcpy(to[*n].id, id, ID_SIZE);
	++*n;
}

static int compare_follow(const void *a, const void *b)
{
	return compare_id(((const struct watched_follow *)a)->id, b);
}

void watched_follow(struct watched *watched, const char *const *others, size_t n)
{
	struct watched_follow follows[WATCHED_FOLLOWED_MAX];
	size_t count = 0;

	for (size_t i = 0; i < watched->n_busiest; i++)
		if (watched->busiest[i]->limit->scope == LIMIT_SCOPE_REQUEST)
			follow(watched, watched->busiest[i]->id, follows, &count);
	for (size_t i = 0; i < n; i++)
		follow(watched, others[i], follows, &count);
	for (size_t i = 0; i < watched->n_follows; i++)
		free(watched->follows[i].heavy);
	memcpy(watched->follows, follows, count * sizeof(follows[0]));
	watched->n_follows = count;
	qsort(watched->follows, count, sizeof(follows[0]), compare_follow);
}

static int compare_row(const void *id, const void *row)
{
	return strcmp(id, ((const struct watched_row *)row)->id);
}

const struct watched_row *watched_find(const struct watched *watched, const char *id)
{
	if (watched->rows.n == 0)
		return NULL;
	return bsearch(id, watched->rows.at, watched->rows.n, sizeof(watched->rows.at[0]),
		       compare_row);
}

void watched_tell(const struct watched *watched, const struct watched_row *row,
		  struct events_limit *ret)
{
	const struct watched_follow *known = find_follow(watched, row->id);
	const struct heavy_key *top[EVENTS_KEYS_MAX];

	*ret = (struct events_limit){.limit = row->limit, .flow = row->flow};
	if (!known || known->seconds <= 0)
		return;
	ret->n_keys = heavy_top(known->heavy, top, EVENTS_KEYS_MAX);
	for (size_t i = 0; i < ret->n_keys; i++)
		ret->keys[i] = (struct events_key){
			.text = top[i]->text,
			.len = top[i]->len,
			.allowed_per_s = top[i]->allowed / known->seconds,
			.denied_per_s = top[i]->denied / known->seconds,
		};
}
