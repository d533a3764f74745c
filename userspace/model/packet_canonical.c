/* Brings matches that mean the same into one form, to compare them and to index them. */
/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>

#include "model/packet_priv.h"

static int compare_prefixes(const void *a, const void *b)
{
	const struct packet_prefix *left = a, *right = b;
	int order;

	if (left->family != right->family)
		return left->family - right->family;
	order = memcmp(left->bytes, right->bytes, sizeof(left->bytes));
	return order ? order : left->length - right->length;
}

/* Whether `wide` holds all of `narrow`. */
static bool contains(const struct packet_prefix *wide, const struct packet_prefix *narrow)
{
	struct packet_prefix cut = *narrow;

	if (wide->family != narrow->family || wide->length > narrow->length)
		return false;
	cut.length = wide->length;
	packet_prefix_trim(&cut);
	return memcmp(cut.bytes, wide->bytes, sizeof(cut.bytes)) == 0;
}

/* Whether the two, none of which holds the other, are halves of one prefix, which *ret then is. */
static bool join(const struct packet_prefix *a, const struct packet_prefix *b,
		 struct packet_prefix *ret)
{
	struct packet_prefix whole = *a;

	if (a->family != b->family || a->length != b->length)
		return false;
	whole.length--;
	packet_prefix_trim(&whole);
	if (!contains(&whole, b))
		return false;
	*ret = whole;
	return true;
}

/* Of a sorted list: drops what is in another, joins halves. Returns what is left. */
static uint32_t merge_prefixes(struct packet_prefix *list, uint32_t n)
{
	uint32_t kept = 0;

	for (uint32_t i = 0; i < n; i++) {
		/* Sorted, a prefix comes right after one that holds it. */
		if (kept && contains(&list[kept - 1], &list[i]))
			continue;
		list[kept++] = list[i];
		while (kept > 1 && join(&list[kept - 2], &list[kept - 1], &list[kept - 2]))
			kept--;
	}
	return kept;
}

/* The addresses of one member, in families that the match takes; any address is a length of 0. */
static uint32_t simplify_prefixes(const struct packet_match *match,
				  const struct packet_prefix *list, uint32_t n,
				  struct packet_prefix *ret)
{
	uint32_t kept = 0;

	for (unsigned int family = 4; family <= 6; family += 2) {
		if (!packet_match_takes(match, family))
			continue;
		if (n == 0)
			ret[kept++] = (struct packet_prefix){.family = (uint8_t)family};
		for (uint32_t i = 0; i < n; i++)
			if (list[i].family == family)
				ret[kept++] = list[i];
	}
	qsort(ret, kept, sizeof(*ret), compare_prefixes);
	return merge_prefixes(ret, kept);
}

static int compare_ports(const void *a, const void *b)
{
	const struct packet_ports *left = a, *right = b;

	return left->first != right->first ? left->first - right->first : left->last - right->last;
}

static uint32_t merge_ports(struct packet_ports *list, uint32_t n)
{
	uint32_t kept = 0;

	qsort(list, n, sizeof(*list), compare_ports);
	for (uint32_t i = 0; i < n; i++) {
		struct packet_ports *last = kept ? &list[kept - 1] : NULL;

		if (!last || list[i].first > last->last + 1)
			list[kept++] = list[i];
		else if (list[i].last > last->last)
			last->last = list[i].last;
	}
	return kept;
}

static int compare_protos(const void *a, const void *b)
{
	return *(const uint8_t *)a - *(const uint8_t *)b;
}

/* Without a protocol, a port stands for every protocol that has ports. */
static uint32_t simplify_protos(const struct packet_match *match, uint8_t *ret)
{
	uint32_t n = match->n_proto;

	memcpy(ret, match->proto, n);
	for (unsigned int proto = 0; proto <= UINT8_MAX && match->n_dst_port && !match->n_proto;
	     proto++)
		if (packet_proto_has_ports((uint8_t)proto))
			ret[n++] = (uint8_t)proto;
	qsort(ret, n, sizeof(*ret), compare_protos);
	return n;
}

static void simplify(const struct packet_match *match, struct packet_match *ret)
{
	memset(ret, 0, sizeof(*ret));
	ret->n_dst = simplify_prefixes(match, match->dst, match->n_dst, ret->dst);
	ret->n_src = simplify_prefixes(match, match->src, match->n_src, ret->src);
	ret->n_proto = simplify_protos(match, ret->proto);
	memcpy(ret->dst_port, match->dst_port, sizeof(ret->dst_port));
	ret->n_dst_port = merge_ports(ret->dst_port, match->n_dst_port);
	ret->per = match->per;
	if (match->per == SLUICE_PER_ALL)
		return;
	ret->per_length4 = packet_match_takes(match, 4) ? match->per_length4 : 0;
	ret->per_length6 = packet_match_takes(match, 6) ? match->per_length6 : 0;
}

/* Of simplified matches. */
static bool is_equal(const struct packet_match *a, const struct packet_match *b)
{
	return a->n_dst == b->n_dst && a->n_src == b->n_src && a->n_proto == b->n_proto &&
	       a->n_dst_port == b->n_dst_port && a->per == b->per &&
	       a->per_length4 == b->per_length4 && a->per_length6 == b->per_length6 &&
	       memcmp(a->dst, b->dst, a->n_dst * sizeof(a->dst[0])) == 0 &&
	       memcmp(a->src, b->src, a->n_src * sizeof(a->src[0])) == 0 &&
	       memcmp(a->proto, b->proto, a->n_proto) == 0 &&
	       memcmp(a->dst_port, b->dst_port, a->n_dst_port * sizeof(a->dst_port[0])) == 0;
}

bool packet_match_same(const struct packet_match *a, const struct packet_match *b)
{
	struct packet_match simple_a, simple_b;

	simplify(a, &simple_a);
	simplify(b, &simple_b);
	return is_equal(&simple_a, &simple_b);
}

static void format_prefixes(const struct packet_prefix *list, uint32_t n, struct buf *buf)
{
	char text[PACKET_PREFIX_TEXT_SIZE];

	for (uint32_t i = 0; i < n; i++) {
		packet_prefix_format(&list[i], text);
		buf_printf(buf, "%s%s", i ? "," : "", text);
	}
}

void packet_match_format(const struct packet_match *match, struct buf *buf)
{
	struct packet_match simple;

	simplify(match, &simple);
	buf_printf(buf, "per=%d/%u/%u;dst=", (int)simple.per, simple.per_length4,
		   simple.per_length6);
	format_prefixes(simple.dst, simple.n_dst, buf);
	buf_put_str(buf, ";src=");
	format_prefixes(simple.src, simple.n_src, buf);
	buf_put_str(buf, ";proto=");
	for (uint32_t i = 0; i < simple.n_proto; i++)
		buf_printf(buf, "%s%u", i ? "," : "", simple.proto[i]);
	buf_put_str(buf, ";dst_port=");
	for (uint32_t i = 0; i < simple.n_dst_port; i++)
		buf_printf(buf, "%s%u-%u", i ? "," : "", simple.dst_port[i].first,
			   simple.dst_port[i].last);
}
