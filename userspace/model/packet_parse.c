/* Reads a match: which packets, by lists of addresses, protocols and ports. */
/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <string.h>

#include "model/limit_priv.h"
#include "model/packet_priv.h"

/* A value on its way into a match, and what to call it. */
struct place {
	const char *name; /* "match.dst" or "match.dst[3]" */
	struct field_error *error;
	struct packet_match *match;
};

struct member {
	const char *name;
	int (*parse)(const struct place *place, const struct json *value);
};

static int refuse_type(const struct place *place, const char *wanted, const struct json *value)
{
	return limit_refuse(place->error, place->name, "must be %s, not %s", wanted,
			    json_type_name(json_type_of(value)));
}

static int refuse_repeated(const struct place *place)
{
	return limit_refuse(place->error, place->name, "is there twice: leave one out");
}

static int parse_prefix(const struct place *place, const struct json *value,
			struct packet_prefix *list, uint32_t *n)
{
	struct packet_prefix *prefix = &list[*n];
	int r;

	if (json_type_of(value) != JSON_STRING)
		return refuse_type(place, "an address or a prefix such as \"192.0.2.0/24\"", value);
	r = packet_prefix_parse(json_string(value, NULL), place->name, place->error, prefix);
	if (r != 0)
		return r;
	for (uint32_t i = 0; i < *n; i++)
		if (memcmp(&list[i], prefix, sizeof(*prefix)) == 0)
			return refuse_repeated(place);
	++*n;
	return 0;
}

static int parse_dst(const struct place *place, const struct json *value)
{
	return parse_prefix(place, value, place->match->dst, &place->match->n_dst);
}

static int parse_src(const struct place *place, const struct json *value)
{
	return parse_prefix(place, value, place->match->src, &place->match->n_src);
}

/* -1 if it is no protocol. */
static int read_proto(const struct json *value)
{
	int64_t number;

	if (json_type_of(value) == JSON_STRING)
		return packet_proto_find(json_string(value, NULL));
	number = json_integer(value);
	return number >= 0 && number <= UINT8_MAX ? (int)number : -1;
}

static int refuse_proto(const struct place *place, const struct json *value)
{
	const char *meant = NULL;

	if (json_type_of(value) == JSON_STRING)
		meant = packet_proto_suggest(json_string(value, NULL));
	if (meant)
		return limit_refuse(place->error, place->name,
				    "is no protocol known by name; did you mean \"%s\"?", meant);
	return limit_refuse(place->error, place->name,
			    "must be a protocol such as \"tcp\", \"udp\", \"icmp\" or \"icmpv6\", "
			    "or a number from 0 to 255");
}

static int parse_proto(const struct place *place, const struct json *value)
{
	struct packet_match *match = place->match;
	int proto;

	if (json_type_of(value) != JSON_STRING && json_type_of(value) != JSON_INTEGER)
		return refuse_type(place, "a protocol such as \"udp\" or 17", value);
	proto = read_proto(value);
	if (proto < 0)
		return refuse_proto(place, value);
	if (memchr(match->proto, proto, match->n_proto))
		return refuse_repeated(place);
	match->proto[match->n_proto++] = (uint8_t)proto;
	return 0;
}

static bool read_range(const char *text, unsigned int *ret_first, unsigned int *ret_last)
{
	const char *dash = strchr(text, '-');

	return dash && packet_number_parse(text, (size_t)(dash - text), UINT16_MAX, ret_first) &&
	       packet_number_parse(dash + 1, strlen(dash + 1), UINT16_MAX, ret_last);
}

static bool read_ports(const struct json *value, unsigned int *ret_first, unsigned int *ret_last)
{
	int64_t port;

	if (json_type_of(value) == JSON_STRING)
		return read_range(json_string(value, NULL), ret_first, ret_last);
	port = json_integer(value);
	if (port < 0 || port > UINT16_MAX)
		return false;
	*ret_first = *ret_last = (unsigned int)port;
	return true;
}

static int parse_ports(const struct place *place, const struct json *value)
{
	struct packet_match *match = place->match;
	unsigned int first, last;

	if (json_type_of(value) != JSON_STRING && json_type_of(value) != JSON_INTEGER)
		return refuse_type(place, "a port such as 53 or a range such as \"1000-2000\"",
				   value);
	if (!read_ports(value, &first, &last))
		return limit_refuse(place->error, place->name,
				    "must be a number from 0 to 65535 such as 53, "
				    "or a range such as \"1000-2000\"");
	if (first > last)
		return limit_refuse(place->error, place->name,
				    "runs backwards: did you mean \"%u-%u\"?", last, first);
	for (uint32_t i = 0; i < match->n_dst_port; i++)
		if (match->dst_port[i].first == first && match->dst_port[i].last == last)
			return refuse_repeated(place);
	match->dst_port[match->n_dst_port++] =
		(struct packet_ports){.first = (uint16_t)first, .last = (uint16_t)last};
	return 0;
}

static const struct member members[] = {
	{"dst", parse_dst},
	{"src", parse_src},
	{"proto", parse_proto},
	{"dst_port", parse_ports},
};

enum {
	MEMBERS = sizeof(members) / sizeof(members[0]),
};

static int parse_list(const struct member *member, const struct json *list, struct place *place)
{
	size_t n = json_array_len(list);
	char name[FIELD_NAME_SIZE];
	int r = 0;

	if (n == 0)
		return limit_refuse(place->error, place->name,
				    "must not be empty: leave it out, and any will match");
	if (n > PACKET_LIST_MAX)
		return limit_refuse(place->error, place->name,
				    "must hold at most %d values, not %zu", PACKET_LIST_MAX, n);
	for (size_t i = 0; i < n && r == 0; i++) {
		snprintf(name, sizeof(name), "match.%s[%zu]", member->name, i);
		place->name = name;
		r = member->parse(place, json_array_at(list, i));
	}
	return r;
}

static int refuse_unknown(const char *name, struct field_error *error)
{
	char field[2 * FIELD_NAME_SIZE];

	if (!name[0])
		return limit_refuse(error, "match", "has a member without a name");
	snprintf(field, sizeof(field), "match.%s", name);
	for (size_t i = 0; i < MEMBERS; i++)
		if (limit_is_one_slip_away(name, members[i].name))
			return limit_refuse(error, field,
					    "is not a field of match; did you mean \"%s\"?",
					    members[i].name);
	return limit_refuse(error, field,
			    "is not a field of match: those are dst, src, proto and dst_port");
}

struct reading {
	struct field_error *error;
	struct packet_match *match;
};

static int read_member(const char *name, const struct json *value, void *data)
{
	const struct reading *reading = data;
	char field[FIELD_NAME_SIZE];
	struct place place = {.name = field, .error = reading->error, .match = reading->match};

	for (size_t i = 0; i < MEMBERS; i++) {
		if (strcmp(members[i].name, name) != 0)
			continue;
		snprintf(field, sizeof(field), "match.%s", name);
		if (json_type_of(value) == JSON_ARRAY)
			return parse_list(&members[i], value, &place);
		return members[i].parse(&place, value);
	}
	return refuse_unknown(name, reading->error);
}

static int check_families(const struct packet_match *match, struct field_error *error)
{
	if (packet_match_takes(match, 4) || packet_match_takes(match, 6))
		return 0;
	return limit_refuse(error, "match.src", "is %s only and dst %s only: no packet could match",
			    match->src[0].family == 4 ? "IPv4" : "IPv6",
			    match->dst[0].family == 4 ? "IPv4" : "IPv6");
}

static int check_proto(const struct packet_match *match, uint8_t proto, struct field_error *error)
{
	const char *name = packet_proto_name(proto);

	if (match->n_dst_port && !packet_proto_has_ports(proto))
		return limit_refuse(error, "match.dst_port",
				    "could not match protocol %u%s%s%s, which has no ports", proto,
				    name ? " (" : "", name ? name : "", name ? ")" : "");
	if (!packet_match_takes(match, 4) && packet_proto_is_extension(proto))
		return limit_refuse(error, "match.proto",
				    "could not match %u, an extension header of IPv6: packets are "
				    "matched by what comes after those",
				    proto);
	return 0;
}

/* Members that are right each, but exclude each other. */
static int check_match(const struct packet_match *match, struct field_error *error)
{
	int r = check_families(match, error);

	for (uint32_t i = 0; i < match->n_proto && r == 0; i++)
		r = check_proto(match, match->proto[i], error);
	return r;
}

int limit_parse_match(const struct limit_field *field, const struct json *value,
		      struct field_error *error, struct limit *limit)
{
	struct packet_match *match = limit->match;
	struct reading reading = {.error = error, .match = match};
	int r;

	(void)field;
	memset(match, 0, offsetof(struct packet_match, per));
	r = json_each(value, read_member, &reading);
	return r == 0 ? check_match(match, error) : r;
}
