/* Everything that is measured: the facts, and the one table that says how they are told. */
/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>

#include <sluice/counts.h>

#include "datapath/datapath.h"
#include "engine/engine.h"
#include "metrics/exposition.h"
#include "metrics/times.h"
#include "model/limit.h"

/* What became of a check that the service was asked: member, value of the label. */
#define METRICS_CHECKS(X)                                                    \
	X(ALLOWED, "allowed")   /* consumed (or gave back) what was asked */ \
	X(DENIED, "denied")     /* some enforcing limit refused */           \
	X(PEEKED, "peeked")     /* only looked, whatever the answer */       \
	X(INVALID, "invalid")   /* the key cannot be one */                  \
	X(KEYS_MAX, "keys_max") /* a new key, and no more may live */        \
	X(FAILED, "failed")     /* for want of memory */

enum metrics_check {
#define METRICS_CHECK_MEMBER(name, label) METRICS_CHECK_##name,
	METRICS_CHECKS(METRICS_CHECK_MEMBER)
#undef METRICS_CHECK_MEMBER
		METRICS_N_CHECKS,
};

/* Classes of answers over HTTP. */
enum { METRICS_2XX, METRICS_4XX, METRICS_5XX, METRICS_N_CLASSES };

/* One row of the door's route table; the last is for what no row answered: "other". */
struct metrics_route {
	const char *method;
	const char *path;
	uint64_t answers[METRICS_N_CLASSES];
};

enum { METRICS_ROUTES_MAX = 64 };

struct metrics_packet_limit {
	char id[ID_SIZE];
	char name[LIMIT_NAME_MAX + 1];
	enum engine_mode mode;
	struct sluice_counts counts;
	double full; /* as datapath_capacity.full */
};

struct metrics_process {
	double cpu_seconds;
	uint64_t resident_bytes;
	uint64_t open_fds;
	uint64_t max_fds;
};

/* All that a scrape reads, at one time. Large: on the heap. */
struct metrics_facts {
	const char *version;
	uint64_t started_ms; /* unix time */
	struct metrics_process process;

	/* Of the service. */
	uint64_t ready;    /* 0 or 1 */
	uint64_t revision; /* of the store: that of the last change in force */
	uint64_t refusals;
	uint64_t taken_back;
	uint64_t audit_written;
	uint64_t audit_waiting;
	uint64_t audit_lost;
	uint64_t store_failing; /* 0 or 1, and so the next */
	uint64_t ledger_failing;
	uint64_t limits;
	uint64_t checks[METRICS_N_CHECKS];
	struct engine_usage engine;
	uint64_t keys_max;

	/* Of packets. All but packets_on is 0 or empty while they are off. */
	uint64_t packets_on; /* 0 or 1 */
	uint64_t packet_limits_wanted;
	uint64_t packet_limits_in_force;
	bool reasons_read; /* else the counters could not be read: no such series */
	struct sluice_reasons reasons;
	struct sluice_times packet_times;
	struct datapath_interface interfaces[DATAPATH_INTERFACES_MAX];
	size_t n_interfaces;
	struct metrics_packet_limit packet_limits[SLUICE_RULES_MAX];
	size_t n_packet_limits;

	/* Of the HTTP door. */
	struct metrics_route routes[METRICS_ROUTES_MAX];
	size_t n_routes;
	struct sluice_times http_checks;
	uint64_t connections;
	uint64_t connections_max;
	uint64_t http_bytes; /* held for requests and answers */
	uint64_t http_bytes_max;
	uint64_t displaced; /* connections that gave way */
	uint64_t streams;   /* of events */
	uint64_t streams_max;
	uint64_t events_sent;
	uint64_t events_lost;
	uint64_t samples_lost; /* of checks that somebody watched */
	uint64_t tls_expires;  /* unix seconds; 0: no TLS, and no such series */
	uint64_t tls_refused;  /* 0 or 1 */
};

/* One metric: its lines, its documentation and where its figures come from. */
struct metric {
	const char *name;
	const char *type;
	const char *labels; /* names, for the documentation; "": none */
	const char *help;
	void (*put)(const struct metric *metric, const struct metrics_facts *facts,
		    struct exposition *out);
	size_t at;    /* in metrics_facts, where one figure is all there is */
	bool packets; /* left out while packets are off: a counter must not seem to start anew */
};

/* The table, in the order of the exposition. */
const struct metric *metrics_table(size_t *ret_n);

/* Writes every metric. Errors stick in the buf. */
void metrics_write(const struct metrics_facts *facts, struct buf *buf);

/* What the kernel says of this process; what it does not say is 0. Reads files of /proc. */
void metrics_process_read(struct metrics_process *ret);
