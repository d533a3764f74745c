/* Sets of packet limits for tests: from JSON as a user writes it, or random. */
/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "unit/datapath/limit_set.h"
#include "unit/model/limit_text.h"

struct limit_set *limit_set_new(void)
{
	struct limit_set *set = calloc(1, sizeof(*set));

	assert_non_null(set);
	return set;
}

void limit_set_clear(struct limit_set *set)
{
	for (size_t i = 0; i < set->n; i++)
		limit_done(&set->own[i]);
	set->n = 0;
}

void limit_set_free(struct limit_set *set)
{
	if (!set)
		return;
	limit_set_clear(set);
	free(set);
}

static void compile(struct limit_set *set, size_t i)
{
	set->limit[i].limit = &set->own[i];
	assert_int_equal(limit_compile(&set->own[i], 0, NULL, &set->limit[i].params), 0);
}

struct datapath_limit *limit_set_add(struct limit_set *set, const char *id, const char *members)
{
	size_t i = set->n++;
	char text[1024];

	assert_true(i < LIMIT_SET_MAX);
	snprintf(text, sizeof(text), "{\"scope\":\"packet\",%s}", members);
	limit_must_parse(text, &set->own[i]);
	snprintf(set->own[i].id, sizeof(set->own[i].id), "%s", id);
	set->limit[i] = (struct datapath_limit){0};
	compile(set, i);
	return &set->limit[i];
}

static size_t place_of(const struct limit_set *set, const char *id)
{
	size_t i = 0;

	while (i < set->n && strcmp(set->own[i].id, id) != 0)
		i++;
	assert_true(i < set->n);
	return i;
}

void limit_set_change(struct limit_set *set, const char *id, const char *members)
{
	struct limit *own = &set->own[place_of(set, id)];
	struct field_error error;
	struct limit changed;
	char text[1024];

	snprintf(text, sizeof(text), "{%s}", members);
	assert_int_equal(limit_update_from_text(text, own, &error, &changed), 0);
	limit_done(own);
	*own = changed;
	compile(set, place_of(set, id));
}

void limit_set_remove(struct limit_set *set, const char *id)
{
	size_t i = place_of(set, id), rest = --set->n - i;

	limit_done(&set->own[i]);
	memmove(&set->own[i], &set->own[i + 1], rest * sizeof(set->own[0]));
	memmove(&set->limit[i], &set->limit[i + 1], rest * sizeof(set->limit[0]));
	for (; i < set->n; i++)
		set->limit[i].limit = &set->own[i];
}

/* Three networks that differ early, two values for most bytes after: prefixes nest and meet. */
void limit_set_random_address(struct algo_random *random, unsigned int family, uint8_t *ret)
{
	static const uint8_t first[] = {10, 192, 203};

	for (unsigned int i = 0; i < 16; i++)
		ret[i] = (uint8_t)(algo_random_below(random, 2) * 0xff);
	ret[0] = family == 4 ? first[algo_random_below(random, 3)] : 0x20;
	ret[family == 4 ? 3 : 15] = (uint8_t)algo_random_below(random, 4);
	if (algo_random_below(random, 8) == 0)
		ret[algo_random_below(random, 16)] = (uint8_t)algo_random_next(random);
}

uint16_t limit_set_random_port(struct algo_random *random)
{
	static const uint16_t edges[] = {0, 1, 53, 80, 443, 1023, 1024, 8080, 65534, 65535};

	if (algo_random_below(random, 8) == 0)
		return (uint16_t)algo_random_next(random);
	return edges[algo_random_below(random, sizeof(edges) / sizeof(edges[0]))];
}

uint8_t limit_set_random_proto(struct algo_random *random)
{
	static const uint8_t protos[] = {1, 6, 17, 33, 47, 58, 132, 136, 255};

	if (algo_random_below(random, 16) == 0)
		return (uint8_t)algo_random_next(random);
	return protos[algo_random_below(random, sizeof(protos))];
}

static struct packet_prefix random_prefix(struct algo_random *random, unsigned int families)
{
	unsigned int family =
		families == 10 ? 4 + 2 * (unsigned int)algo_random_below(random, 2) : families;
	unsigned int bits = family == 4 ? 32 : 128;
	struct packet_prefix prefix = {.family = (uint8_t)family};

	prefix.length = (uint8_t)algo_random_below(random, bits + 1);
	if (algo_random_below(random, 3) == 0)
		prefix.length = (uint8_t)bits;
	limit_set_random_address(random, family, prefix.bytes);
	if (family == 4)
		memset(prefix.bytes + 4, 0, 12);
	for (unsigned int bit = prefix.length; bit < bits; bit++)
		prefix.bytes[bit / 8] &= (uint8_t) ~(0x80U >> bit % 8);
	return prefix;
}

static uint32_t random_count(struct algo_random *random, unsigned int crowd)
{
	if (algo_random_below(random, 100) < crowd)
		return 0;
	return (uint32_t)algo_random_between(random, 1, algo_random_between(random, 1, 12));
}

/* families: 4, 6, or 10 for both. */
static void random_match(struct algo_random *random, unsigned int crowd, struct packet_match *ret)
{
	static const unsigned int choices[] = {4, 6, 10};
	unsigned int families = choices[algo_random_below(random, 3)];

	packet_match_init(ret);
	ret->n_dst = random_count(random, crowd);
	ret->n_src = random_count(random, crowd);
	ret->n_proto = random_count(random, crowd);
	ret->n_dst_port = random_count(random, crowd);
	for (uint32_t i = 0; i < PACKET_LIST_MAX; i++) {
		uint16_t port = limit_set_random_port(random),
			 other = limit_set_random_port(random);

		ret->dst[i] = random_prefix(random, families);
		ret->src[i] = random_prefix(random, families);
		ret->proto[i] = limit_set_random_proto(random);
		if (algo_random_below(random, 2))
			other = port;
		ret->dst_port[i].first = port < other ? port : other;
		ret->dst_port[i].last = port < other ? other : port;
	}
	ret->per = (enum sluice_per)algo_random_below(random, 3);
	ret->per_length4 = (uint8_t)algo_random_below(random, 33);
	ret->per_length6 = (uint8_t)algo_random_below(random, 129);
}

void limit_set_add_random(struct limit_set *set, struct algo_random *random, size_t n,
			  unsigned int crowd)
{
	char id[ID_SIZE], members[128];

	while (n--) {
		struct limit *limit;

		snprintf(id, sizeof(id), "lim_%016llx",
			 (unsigned long long)algo_random_next(random));
		snprintf(members, sizeof(members), "\"limit\":%llu,\"interval\":\"1h\"",
			 (unsigned long long)algo_random_between(random, 1, 9));
		limit_set_add(set, id, members);
		limit = &set->own[set->n - 1];
		random_match(random, crowd, limit->match);
		if (algo_random_below(random, 3) == 0)
			limit->mode = algo_random_below(random, 4) ? ENGINE_SHADOW : ENGINE_OFF;
	}
}
