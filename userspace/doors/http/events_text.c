/* Events as server-sent events (text/event-stream, WHATWG HTML 9.2), each with JSON as its data. */
/* SPDX-License-Identifier: MIT */
#include "base/utc.h"
#include "doors/http/events_text.h"
#include "httpd/httpd.h"
#include "json/writer.h"

/* The largest limit there is, and what follows. */
enum { LIMIT_TEXT_MAX = 48 * 1024 };
_Static_assert((int)EVENTS_TEXT_LIMITS_MAX + (int)LIMIT_TEXT_MAX < (int)HTTPD_STREAM_MAX,
	       "an event of rates fits a stream");

/* JSON has no line ends, so one line of data is all. */
static void begin_event(const char *name, struct buf *out, struct json_writer *writer)
{
	buf_put_str(out, "event: ");
	buf_put_str(out, name);
	buf_put_str(out, "\ndata: ");
	json_writer_init(writer, out);
	json_begin_object(writer);
}

static void end_event(struct buf *out, struct json_writer *writer)
{
	json_end_object(writer);
	buf_put_str(out, "\n\n");
}

static void put_time(struct json_writer *writer, uint64_t time_ms)
{
	char text[UTC_TEXT_SIZE];

	utc_format(time_ms, text);
	json_name(writer, "time");
	json_put_str(writer, text);
}

static void put_rate(struct json_writer *writer, const char *name, double value)
{
	json_name(writer, name);
	json_put_decimal(writer, value);
}

static void put_flow(struct json_writer *writer, const struct events_flow *flow, bool bytes)
{
	put_rate(writer, "allowed_per_s", flow->allowed_per_s);
	put_rate(writer, "denied_per_s", flow->denied_per_s);
	if (!bytes)
		return;
	put_rate(writer, "allowed_bytes_per_s", flow->allowed_bytes_per_s);
	put_rate(writer, "denied_bytes_per_s", flow->denied_bytes_per_s);
}

static void put_checks(struct json_writer *writer, const double *checks_per_s)
{
	json_name(writer, "checks");
	json_begin_object(writer);
#define PUT_CHECK(name, label) put_rate(writer, label "_per_s", checks_per_s[METRICS_CHECK_##name]);
	METRICS_CHECKS(PUT_CHECK)
#undef PUT_CHECK
	json_end_object(writer);
}

static void put_host(struct json_writer *writer, const struct events_host *host)
{
	json_name(writer, "keys_live");
	json_put_u64(writer, host->keys_live);
	json_name(writer, "packets");
	if (!host->packets_on) {
		json_put_null(writer);
		return;
	}
	json_begin_object(writer);
#define PUT_REASON(name, help) put_rate(writer, #name "_per_s", host->packets.name);
	SLUICE_REASONS(PUT_REASON)
#undef PUT_REASON
	json_end_object(writer);
}

static void put_keys(struct json_writer *writer, const struct events_limit *limit)
{
	json_name(writer, "keys");
	json_begin_array(writer);
	for (size_t i = 0; i < limit->n_keys && writer->buf->len < EVENTS_TEXT_KEYS_MAX; i++) {
		const struct events_key *key = &limit->keys[i];

		json_begin_object(writer);
		json_name(writer, "key");
		json_put_string(writer, key->text, key->len);
		put_rate(writer, "allowed_per_s", key->allowed_per_s);
		put_rate(writer, "denied_per_s", key->denied_per_s);
		json_end_object(writer);
	}
	json_end_array(writer);
}

static void put_limit(struct json_writer *writer, const struct events_limit *told)
{
	bool packet = told->limit->scope == LIMIT_SCOPE_PACKET;

	json_begin_object(writer);
	limit_write_brief(told->limit, writer);
	put_flow(writer, &told->flow, packet);
	if (!packet)
		put_keys(writer, told);
	json_end_object(writer);
}

static void add_flow(struct events_flow *sum, const struct events_flow *flow)
{
	sum->allowed_per_s += flow->allowed_per_s;
	sum->denied_per_s += flow->denied_per_s;
}

void events_put_rates(const struct events_rates *rates, struct buf *out)
{
	struct events_flow others = rates->others;
	struct json_writer writer;
	size_t n = 0, begun = out->len;

	begin_event("rates", out, &writer);
	put_time(&writer, rates->time_ms);
	put_rate(&writer, "seconds", rates->seconds);
	put_rate(&writer, "sampled_1_of", rates->sampled_1_of);
	put_checks(&writer, rates->checks_per_s);
	if (rates->host)
		put_host(&writer, rates->host);
	json_name(&writer, "limits");
	json_begin_array(&writer);
	for (; n < rates->n_limits && out->len - begun < EVENTS_TEXT_LIMITS_MAX; n++)
		put_limit(&writer, &rates->limits[n]);
	json_end_array(&writer);
	for (size_t i = n; i < rates->n_limits; i++)
		add_flow(&others, &rates->limits[i].flow);
	json_name(&writer, "others");
	json_begin_object(&writer);
	json_name(&writer, "limits");
	json_put_u64(&writer, rates->n_others + rates->n_limits - n);
	put_flow(&writer, &others, false);
	json_end_object(&writer);
	end_event(out, &writer);
}

void events_put_decision(const struct events_decision *decision, struct buf *out)
{
	struct json_writer writer;

	begin_event("decision", out, &writer);
	put_time(&writer, decision->time_ms);
	json_name(&writer, "key");
	json_put_string(&writer, decision->key, decision->key_len);
	json_name(&writer, "cost");
	json_put_s64(&writer, decision->cost);
	json_name(&writer, "allowed");
	json_put_bool(&writer, decision->allowed);
	json_name(&writer, "limit");
	if (*decision->limit)
		json_put_str(&writer, decision->limit);
	else
		json_put_null(&writer);
	/* The only door whose checks come here. */
	json_name(&writer, "door");
	json_put_str(&writer, "http");
	json_name(&writer, "weight");
	json_put_u64(&writer, decision->weight);
	end_event(out, &writer);
}

void events_put_lost(uint64_t n, struct buf *out)
{
	struct json_writer writer;

	begin_event("lost", out, &writer);
	json_name(&writer, "events");
	json_put_u64(&writer, n);
	end_event(out, &writer);
}
