/* The one table of metrics: name, type, labels, help, and how each is written. */
/* SPDX-License-Identifier: MIT */
#include "metrics/metrics.h"

#define AT(member) offsetof(struct metrics_facts, member)
#define COUNTER    "counter"
#define GAUGE      "gauge"

static void put_figure(const struct metric *metric, const struct metrics_facts *facts,
		       struct exposition *out)
{
	const uint64_t *figure = (const uint64_t *)((const char *)facts + metric->at);

	exposition_u64(out, metric->name, NULL, 0, *figure);
}

static void put_build_info(const struct metric *metric, const struct metrics_facts *facts,
			   struct exposition *out)
{
	const struct exposition_label label = {"version", facts->version};

	exposition_u64(out, metric->name, &label, 1, 1);
}

static void put_start_time(const struct metric *metric, const struct metrics_facts *facts,
			   struct exposition *out)
{
	exposition_u64(out, metric->name, NULL, 0, facts->started_ms / 1000);
}

static void put_tls_expires(const struct metric *metric, const struct metrics_facts *facts,
			    struct exposition *out)
{
	if (facts->tls_expires)
		exposition_u64(out, metric->name, NULL, 0, facts->tls_expires);
}

static void put_cpu_seconds(const struct metric *metric, const struct metrics_facts *facts,
			    struct exposition *out)
{
	exposition_double(out, metric->name, NULL, 0, facts->process.cpu_seconds);
}

static void put_checks(const struct metric *metric, const struct metrics_facts *facts,
		       struct exposition *out)
{
	static const char *const outcomes[METRICS_N_CHECKS] = {
#define CHECK_LABEL(name, label) [METRICS_CHECK_##name] = (label),
		METRICS_CHECKS(CHECK_LABEL)
#undef CHECK_LABEL
	};

	for (size_t i = 0; i < METRICS_N_CHECKS; i++) {
		const struct exposition_label label = {"outcome", outcomes[i]};

		exposition_u64(out, metric->name, &label, 1, facts->checks[i]);
	}
}

static void put_routes(const struct metric *metric, const struct metrics_facts *facts,
		       struct exposition *out)
{
	static const char *const classes[METRICS_N_CLASSES] = {"2xx", "4xx", "5xx"};

	for (size_t i = 0; i < facts->n_routes * METRICS_N_CLASSES; i++) {
		const struct metrics_route *route = &facts->routes[i / METRICS_N_CLASSES];
		const struct exposition_label labels[] = {
			{"method", route->method},
			{"path", route->path},
			{"status", classes[i % METRICS_N_CLASSES]},
		};

		exposition_u64(out, metric->name, labels, 3, route->answers[i % METRICS_N_CLASSES]);
	}
}

static void put_check_times(const struct metric *metric, const struct metrics_facts *facts,
			    struct exposition *out)
{
	const struct exposition_label http = {"door", "http"}, xdp = {"door", "xdp"};

	times_write(&facts->http_checks, metric->name, &http, out);
	if (facts->reasons_read)
		times_write(&facts->packet_times, metric->name, &xdp, out);
}

static void put_interfaces(const struct metric *metric, const struct metrics_facts *facts,
			   struct exposition *out)
{
	for (size_t i = 0; i < facts->n_interfaces; i++) {
		const struct datapath_interface *interface = &facts->interfaces[i];
		const struct exposition_label labels[] = {
			{"interface", interface->name},
			{"mode", datapath_mode_name(interface->mode)},
		};

		exposition_u64(out, metric->name, labels, 2, 1);
	}
}

static void put_limit_info(const struct metric *metric, const struct metrics_facts *facts,
			   struct exposition *out)
{
	static const char *const modes[] = {
		[ENGINE_ENFORCE] = "enforce",
		[ENGINE_SHADOW] = "shadow",
		[ENGINE_OFF] = "off",
	};

	for (size_t i = 0; i < facts->n_packet_limits; i++) {
		const struct metrics_packet_limit *limit = &facts->packet_limits[i];
		const struct exposition_label labels[] = {
			{"id", limit->id},
			{"name", limit->name},
			{"mode", modes[limit->mode]},
		};

		exposition_u64(out, metric->name, labels, 3, 1);
	}
}

static void put_verdict(const struct metric *metric, const struct metrics_packet_limit *limit,
			const char *verdict, uint64_t figure, struct exposition *out)
{
	const struct exposition_label labels[] = {
		{"id", limit->id},
		{"name", limit->name},
		{"verdict", verdict},
	};

	exposition_u64(out, metric->name, labels, 3, figure);
}

static void put_limit_packets(const struct metric *metric, const struct metrics_facts *facts,
			      struct exposition *out)
{
	for (size_t i = 0; i < facts->n_packet_limits; i++) {
		const struct metrics_packet_limit *limit = &facts->packet_limits[i];

		put_verdict(metric, limit, "allowed", limit->counts.allowed_packets, out);
		put_verdict(metric, limit, "denied", limit->counts.denied_packets, out);
	}
}

static void put_limit_bytes(const struct metric *metric, const struct metrics_facts *facts,
			    struct exposition *out)
{
	for (size_t i = 0; i < facts->n_packet_limits; i++) {
		const struct metrics_packet_limit *limit = &facts->packet_limits[i];

		put_verdict(metric, limit, "allowed", limit->counts.allowed_bytes, out);
		put_verdict(metric, limit, "denied", limit->counts.denied_bytes, out);
	}
}

static void put_limit_full(const struct metric *metric, const struct metrics_facts *facts,
			   struct exposition *out)
{
	for (size_t i = 0; i < facts->n_packet_limits; i++) {
		const struct metrics_packet_limit *limit = &facts->packet_limits[i];
		const struct exposition_label labels[] = {{"id", limit->id}, {"name", limit->name}};

		exposition_double(out, metric->name, labels, 2, limit->full);
	}
}

static const struct metric table[] = {
	{"sluice_build_info", GAUGE, "version", "always 1; the version that runs",
	 .put = put_build_info},
	{"process_start_time_seconds", GAUGE, "", "unix time of the start", .put = put_start_time},
	{"process_cpu_seconds_total", COUNTER, "", "CPU time used, of user and system",
	 .put = put_cpu_seconds},
	{"process_resident_memory_bytes", GAUGE, "", "memory that is in RAM", .put = put_figure,
	 .at = AT(process.resident_bytes)},
	{"process_open_fds", GAUGE, "", "descriptors that are open", .put = put_figure,
	 .at = AT(process.open_fds)},
	{"process_max_fds", GAUGE, "", "descriptors that may be open", .put = put_figure,
	 .at = AT(process.max_fds)},

	{"sluice_ready", GAUGE, "", "1 while /readyz would answer 200 (but for stopping), else 0",
	 .put = put_figure, .at = AT(ready)},
	{"sluice_config_revision", GAUGE, "",
	 "revision of the last change of configuration that is in force", .put = put_figure,
	 .at = AT(revision)},
	{"sluice_config_refusals_total", COUNTER, "",
	 "records of the configuration that could not be put in force; the log names them",
	 .put = put_figure, .at = AT(refusals)},
	{"sluice_limits_taken_back_total", COUNTER, "",
	 "limits deleted because nobody confirmed them in time", .put = put_figure,
	 .at = AT(taken_back)},
	{"sluice_audit_entries_total", COUNTER, "", "changes written into the audit",
	 .put = put_figure, .at = AT(audit_written)},
	{"sluice_audit_waiting", GAUGE, "",
	 "changes that wait in the store for the ledger to take their entries", .put = put_figure,
	 .at = AT(audit_waiting)},
	{"sluice_audit_lost_total", COUNTER, "",
	 "changes made without an entry in the audit: too many waited, or the disk was full",
	 .put = put_figure, .at = AT(audit_lost)},
	{"sluice_store_failing", GAUGE, "",
	 "1 while changes cannot be written and are refused; /readyz?verbose says why",
	 .put = put_figure, .at = AT(store_failing)},
	{"sluice_ledger_failing", GAUGE, "",
	 "1 while audit and usage cannot be written; /readyz?verbose says why", .put = put_figure,
	 .at = AT(ledger_failing)},
	{"sluice_limits", GAUGE, "", "limits configured, of requests and of packets",
	 .put = put_figure, .at = AT(limits)},

	{"sluice_checks_total", COUNTER, "outcome",
	 "checks that were asked, each of a batch by itself; allowed and denied are those that count",
	 .put = put_checks},
	{"sluice_check_duration_seconds", "histogram", "door, le",
	 "http: from a whole request to its written answer, of every 16th request with checks per "
	 "thread; a batch is one. xdp: a packet's way through the program, of some 20 a second",
	 .put = put_check_times},
	{"sluice_keys", GAUGE, "", "live keys", .put = put_figure, .at = AT(engine.keys)},
	{"sluice_keys_max", GAUGE, "",
	 "live keys there may be: checks of new ones beyond are answered 503", .put = put_figure,
	 .at = AT(keys_max)},
	{"sluice_buckets", GAUGE, "", "buckets of live keys, one for each limit of each key",
	 .put = put_figure, .at = AT(engine.words)},
	{"sluice_key_memory_bytes", GAUGE, "", "memory held for keys and their buckets",
	 .put = put_figure, .at = AT(engine.bytes)},

	{"sluice_http_requests_total", COUNTER, "method, path, status",
	 "requests answered, by row of the route table and class of status; \"other\" is no row",
	 .put = put_routes},
	{"sluice_http_connections", GAUGE, "", "connections open on the listener of the API",
	 .put = put_figure, .at = AT(connections)},
	{"sluice_http_connections_max", GAUGE, "",
	 "connections there may be: beyond, those that have waited longest make room",
	 .put = put_figure, .at = AT(connections_max)},
	{"sluice_http_memory_bytes", GAUGE, "",
	 "memory held for requests and answers that are on their way", .put = put_figure,
	 .at = AT(http_bytes)},
	{"sluice_http_memory_max_bytes", GAUGE, "",
	 "what there may be: beyond, the oldest half body or unread answer gives way",
	 .put = put_figure, .at = AT(http_bytes_max)},
	{"sluice_http_displaced_total", COUNTER, "",
	 "connections that gave way to others, since too many were open or held too much",
	 .put = put_figure, .at = AT(displaced)},
	{"sluice_tls_certificate_expires_seconds", GAUGE, "",
	 "unix time at which the certificate expires; no sample without TLS",
	 .put = put_tls_expires},
	{"sluice_tls_certificate_refused", GAUGE, "",
	 "1 while the files of certificate and key hold what cannot be used, and the former is in "
	 "force",
	 .put = put_figure, .at = AT(tls_refused)},

	{"sluice_event_streams", GAUGE, "", "streams of events open", .put = put_figure,
	 .at = AT(streams)},
	{"sluice_event_streams_max", GAUGE, "", "streams of events there may be", .put = put_figure,
	 .at = AT(streams_max)},
	{"sluice_events_sent_total", COUNTER, "", "events sent to streams", .put = put_figure,
	 .at = AT(events_sent)},
	{"sluice_events_lost_total", COUNTER, "",
	 "events that were not sent, since their clients were too slow to take them",
	 .put = put_figure, .at = AT(events_lost)},
	{"sluice_event_samples_lost_total", COUNTER, "",
	 "checks chosen for events that found no room: rates of keys are too low by these",
	 .put = put_figure, .at = AT(samples_lost)},

	{"sluice_packets_on", GAUGE, "", "1 while limits of packets can be in force, else 0",
	 .put = put_figure, .at = AT(packets_on)},
	{"sluice_packet_limits", GAUGE, "", "limits of packets configured, those that are off too",
	 .put = put_figure, .at = AT(packet_limits_wanted)},
	{"sluice_packet_limits_in_force", GAUGE, "",
	 "of those, the ones that are in force or hold their place while off", .put = put_figure,
	 .at = AT(packet_limits_in_force)},
	{"sluice_interface_info", GAUGE, "interface, mode",
	 "always 1; how a named interface enforces: native, generic or none",
	 .put = put_interfaces},
#define REASON(name, help)                                                              \
	{"sluice_packets_" #name "_total", COUNTER,        "", help, .put = put_figure, \
	 .at = AT(reasons.name),           .packets = true},
	SLUICE_REASONS(REASON)
#undef REASON
		{"sluice_packet_limit_info", GAUGE, "id, name, mode",
		 "always 1; the mode of a packet limit: shadow ones count as denied what they let pass",
		 .put = put_limit_info},
	{"sluice_packet_limit_packets_total", COUNTER, "id, name, verdict",
	 "packets that a packet limit allowed or denied", .put = put_limit_packets},
	{"sluice_packet_limit_bytes_total", COUNTER, "id, name, verdict",
	 "bytes of the packets that a packet limit allowed or denied", .put = put_limit_bytes},
	{"sluice_packet_limit_full_ratio", GAUGE, "id, name",
	 "share of a packet limit's memory in which newcomers inherit debt, 0 to 1",
	 .put = put_limit_full},
};

const struct metric *metrics_table(size_t *ret_n)
{
	*ret_n = sizeof(table) / sizeof(table[0]);
	return table;
}

void metrics_write(const struct metrics_facts *facts, struct buf *buf)
{
	struct exposition out = {.buf = buf};

	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		if (table[i].packets && !facts->reasons_read)
			continue;
		exposition_begin(&out, table[i].name, table[i].type, table[i].help);
		table[i].put(&table[i], facts, &out);
	}
}
