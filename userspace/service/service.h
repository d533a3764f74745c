/* The service: one object that every door asks and that every change goes through. */
/* SPDX-License-Identifier: MIT */
#pragma once

#include "auth/auth.h"
#include "base/clock.h"
#include "base/snapshot.h"
#include "datapath/datapath.h"
#include "engine/engine.h"
#include "journal/journal.h"
#include "journal/ledger.h"
#include "metrics/metrics.h"
#include "model/limit.h"
#include "store/store.h"

/*
 * Records of the store live under "tenants/<tenant>/": "limits/<id>", "limit_subjects/<digest>"
 * (the id of the limit that counts this subject), "api_keys/<id>", "users/<id>";
 * "tenants/<tenant>" itself holds {"schema":1,"number":N}. One tenant, "default", for now.
 * Beside them, for a while each, lie notes on changes (audit_priv.h) and resets (resets_priv.h).
 *
 * Three parts: check.h answers checks, admin.h applies validated changes to the store, and
 * reconcile (internal) carries the store's changes into the engine and the catalog by watch. A
 * change is visible to checks when the admin call that made it returns.
 */
#define SERVICE_TENANT_DEFAULT "default"

struct service;

struct service_config {
	struct store *store;       /* borrowed */
	const struct clock *clock; /* borrowed */
	uint64_t tenant_keys_max;
	uint32_t apply_wait_ms;        /* how long admin calls wait for their change; 0: 5 s */
	struct datapath *datapath;     /* borrowed; NULL: limits of packets are refused */
	bool packets_needed;           /* not ready while the datapath is off */
	struct journal *journal;       /* borrowed; NULL: a restart forgets what keys consumed */
	const char *journal_off;       /* why there is none; NULL: none is wanted */
	uint32_t snapshot_interval_ms; /* 0: 10 s */
	struct ledger *ledger;  /* borrowed, not open; NULL: changes and usage are not noted */
	uint64_t audit_keep_ms; /* 0: 90 days */
	uint64_t usage_keep_ms; /* 0: 400 days */
};

/*
 * Loads everything from the store, takes the journal's snapshot over, starts reconciling, sweeping
 * and writing snapshots. What the journal cannot give or take stops nothing: service_snapshots()
 * tells. 0, -errno, or a positive STORE_E_* / MODEL_E_INVALID outcome with *error saying which record
 * is at fault.
 */
int service_new(const struct service_config *config, struct field_error *error,
		struct service **ret);
/* Stops its threads, having written a last snapshot and the ledger. No door may call it any more. */
void service_free(struct service *service);
/* Writes the last snapshot and the ledger already: what is asked from now on is in neither. */
void service_save(struct service *service);

/* Other values than those of the config, at once and from any thread; keys that live stay. */
void service_set_keys_max(struct service *service, uint64_t keys_max);
void service_set_snapshot_interval(struct service *service, uint32_t interval_ms);
void service_set_keep(struct service *service, uint64_t audit_ms, uint64_t usage_ms);

/* An immutable view of all that is configured. Rebuilt by sharing what did not change. */
struct limit_table;
struct catalog {
	struct snapshot snapshot; /* first */
	uint64_t revision;        /* of the store: that of the last change in here */
	size_t n_limits;          /* of all tenants */
	struct limit_table *limits;
	struct keyring *keyring;
};
struct catalog *service_catalog_get(struct service *service);
/* For the path of every request: borrowed until this thread calls it again. NULL: no memory. */
const struct catalog *service_catalog_read(struct service *service);
void service_catalog_put(struct catalog *catalog);
static inline void service_catalog_putp(struct catalog **catalog)
{
	if (*catalog)
		service_catalog_put(*catalog);
}
#define _cleanup_catalog_ _cleanup_(service_catalog_putp)

/*
 * Who asks with this token, for every door, on the path of every request: 0, AUTH_E_UNKNOWN,
 * AUTH_E_EXPIRED or -ENOMEM. Notes that the key was used. *memo as in keyring_recall().
 */
int service_identify(struct service *service, const char *token, size_t len,
		     struct keyring_memo *memo, struct principal *ret);

/* Limits are borrowed: they live as long as the catalog is held. */
/* NULL if the tenant has no such limit. */
const struct limit *catalog_find(const struct catalog *catalog, uint32_t tenant_number,
				 const char *id);
/* Fills ret with up to n limits of a tenant whose ids follow `after` (NULL: from the first), in
 * the order of ids, which is that of their making; returns how many. */
size_t catalog_page(const struct catalog *catalog, uint32_t tenant_number, const char *after,
		    const struct limit **ret, size_t n);
uint64_t catalog_count(const struct catalog *catalog, uint32_t tenant_number);

/* The API keys of a tenant, borrowed likewise, in the order of ids; NULL if there is no such key. */
const struct keyring_entry *catalog_find_key(const struct catalog *catalog, const char *tenant,
					     const char *id);
/* Those whose ids follow `after` (NULL: all), side by side; *ret_n is how many there are. */
const struct keyring_entry *catalog_keys(const struct catalog *catalog, const char *tenant,
					 const char *after, size_t *ret_n);

/* 0 or -ENOENT when the limit is not in force. */
int service_limit_stats(struct service *service, const struct limit *limit,
			struct limit_stats *ret);
/* The same for limits of packets, else -ENOENT. Takes some 100 us. */
int service_limit_capacity(struct service *service, const struct limit *limit,
			   struct limit_capacity *ret);

const struct clock *service_clock(struct service *service);

enum { SERVICE_REASON_SIZE = IF_NAMESIZE + DATAPATH_WHY_SIZE + 32 };
/* True when it is ready to answer and every named interface enforces, else *reason says what is
 * missing. */
bool service_ready(struct service *service, char reason[SERVICE_REASON_SIZE]);
void service_usage(struct service *service, struct engine_usage *ret);

/* How the limits of packets stand. */
struct service_packets {
	const char *off; /* NULL, or why none is in force */
	size_t wanted;   /* configured, those that are off included */
	size_t in_force; /* of those; the others had no room */
	struct datapath_interface interfaces[DATAPATH_INTERFACES_MAX];
	size_t n_interfaces;
};
void service_packets(struct service *service, struct service_packets *ret);
/* 0 or -errno. */
int service_packet_reasons(struct service *service, struct sluice_reasons *ret);

/*
 * Records that changed while the service ran and could not be taken over (damaged, of a newer
 * schema): each former state stays in force. count 0: none. Such a record at start is refused by
 * service_new instead, since then there is no former state.
 *
 * Limits of packets that the datapath has no room for, or refuses altogether, count too, also at
 * start: they are listed like any other, but not in force until there is room.
 */
struct service_refusals {
	uint64_t count;
	struct field_error last; /* field: the record's key */
};
void service_refusals(struct service *service, struct service_refusals *ret);

enum { SERVICE_SNAPSHOT_SIZE = 512 };
/* How what keys consumed is kept for the next start. Texts are empty when all is well. */
struct service_snapshots {
	bool kept;                           /* there is a journal */
	uint64_t keys;                       /* taken over at the start */
	uint64_t written;                    /* snapshots since the start */
	char lost[SERVICE_SNAPSHOT_SIZE];    /* why not all was taken over at the start */
	char failing[SERVICE_SNAPSHOT_SIZE]; /* why the last one could not be written */
};
void service_snapshots(struct service *service, struct service_snapshots *ret);

/* Why the last change could not be written; NULL: it could. What was in force goes on. */
const char *service_store_trouble(struct service *service);

/* Limits that were deleted for want of confirmation, since the start. */
struct service_taken_back {
	uint64_t count;
	char last_id[ID_SIZE];
};
void service_taken_back(struct service *service, struct service_taken_back *ret);

/* Fills the service's part of the facts and that of packets. Takes some ms with many limits: not for
 * a polling thread. */
void service_measure(struct service *service, struct metrics_facts *ret);
