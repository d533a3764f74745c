/* Writes a match as it is read: in the user's order, one value plain, several as a list. */
/* SPDX-License-Identifier: MIT */
#include <stdio.h>

#include "model/limit_priv.h"
#include "model/packet_priv.h"

static void write_prefixes(const char *name, const struct packet_prefix *list, uint32_t n,
			   struct json_writer *writer)
{
	char text[PACKET_PREFIX_TEXT_SIZE];

	if (n == 0)
		return;
	json_name(writer, name);
	if (n > 1)
		json_begin_array(writer);
	for (uint32_t i = 0; i < n; i++) {
		packet_prefix_format(&list[i], text);
		json_put_str(writer, text);
	}
	if (n > 1)
		json_end_array(writer);
}

static void write_protos(const struct packet_match *match, struct json_writer *writer)
{
	if (match->n_proto == 0)
		return;
	json_name(writer, "proto");
	if (match->n_proto > 1)
		json_begin_array(writer);
	for (uint32_t i = 0; i < match->n_proto; i++) {
		const char *name = packet_proto_name(match->proto[i]);

		if (name)
			json_put_str(writer, name);
		else
			json_put_u64(writer, match->proto[i]);
	}
	if (match->n_proto > 1)
		json_end_array(writer);
}

static void write_range(const struct packet_ports *ports, struct json_writer *writer)
{
	char text[sizeof("65535-65535")];

	if (ports->first == ports->last) {
		json_put_u64(writer, ports->first);
		return;
	}
	snprintf(text, sizeof(text), "%u-%u", ports->first, ports->last);
	json_put_str(writer, text);
}

static void write_ports(const struct packet_match *match, struct json_writer *writer)
{
	if (match->n_dst_port == 0)
		return;
	json_name(writer, "dst_port");
	if (match->n_dst_port > 1)
		json_begin_array(writer);
	for (uint32_t i = 0; i < match->n_dst_port; i++)
		write_range(&match->dst_port[i], writer);
	if (match->n_dst_port > 1)
		json_end_array(writer);
}

void limit_write_match(const struct limit_field *field, const struct limit *limit,
		       struct json_writer *writer)
{
	const struct packet_match *match = limit->match;

	(void)field;
	json_begin_object(writer);
	write_prefixes("dst", match->dst, match->n_dst, writer);
	write_prefixes("src", match->src, match->n_src, writer);
	write_protos(match, writer);
	write_ports(match, writer);
	json_end_object(writer);
}
