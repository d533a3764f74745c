/* What this host remembers of who changed what, and of how much was asked: appended, searched, pruned. */
/* SPDX-License-Identifier: MIT */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "base/field_error.h"

/*
 * Any thread may call; calls take turns and block on disk. Each returns 0, -errno or a LEDGER_E_*,
 * and unless it is 0 *error is a sentence for the operator. What returned 0 is on disk; what did not
 * is as if it had not been called, or is all there: calling again with the same is right either way.
 *
 * The file (ledger_new_file) is an SQLite database in WAL mode. `<path>-lock` is locked by the one
 * process that writes; it keeps no reader away. Another process of a user who may write the directory
 * can open the database at any time and copy it by SQLite's means (a backup, VACUUM INTO); copying
 * the file alone misses what is still in `<path>-wal`. Entries wait in the store until they are here
 * (service/audit_priv.h), so who backs up both copies the store first: then no entry is in neither copy,
 * and one in both is taken once.
 */
#define LEDGER_E_NEWER   1 /* written by a newer version: left alone */
#define LEDGER_E_REFUSED 2 /* another process has it, or it takes no writes now */
#define LEDGER_E_DAMAGED 3 /* to be opened again, which puts it aside */
#define LEDGER_E_CLOSED  4 /* it is not open */

enum {
	LEDGER_CHANGE_MAX = 65536, /* bytes */
	LEDGER_HOUR_MS = 3600000,
};

struct ledger;

/*
 * Opens it unless it is open, which takes as long as reading all of it: the pages are checked. A file
 * that is damaged, or no ledger at all, is renamed to `<path>.refused-N`, and a new one is begun;
 * *aside says so, else it is empty.
 */
int ledger_open(struct ledger *ledger, struct field_error *error, struct field_error *aside);
/* NULL is fine. */
void ledger_free(struct ledger *ledger);

/* Audit. */

/* Texts are borrowed, and "" where there is nothing to say. */
struct ledger_entry {
	const char *id;   /* starts with "aud_"; ids sort as their times do */
	uint64_t time_ms; /* unix time */
	const char *tenant;
	const char *actor;      /* id of the API key, or what else made the change */
	const char *actor_name; /* at that time */
	const char *peer;       /* address it came from */
	const char *request_id;
	const char *action; /* "limit.update" */
	const char *object; /* id of what was changed */
	uint64_t revision;  /* of the store */
	const char *change; /* JSON, 1 to LEDGER_CHANGE_MAX bytes */
	size_t change_len;
};

/* All of them or none. Those whose id is there already stay as they are. */
int ledger_add_entries(struct ledger *ledger, const struct ledger_entry *entries, size_t n,
		       struct field_error *error);

/* Which entries: of a tenant, and as all members that are not NULL or 0 say. */
struct ledger_search {
	const char *tenant;
	const char *before; /* ids below this one, which need not exist (any more) */
	const char *object;
	const char *actor;
	uint64_t since_ms;
};

/* Borrowed during the call, which must not call the ledger. Non-zero ends the visit. */
typedef int ledger_entry_fn(const struct ledger_entry *entry, void *data);
/* Newest first. That `visit` ended it is no failure. */
int ledger_each_entry(struct ledger *ledger, const struct ledger_search *search,
		      ledger_entry_fn *visit, void *data, struct field_error *error);

/* Usage. */

/* What one tenant asked in one period; sums end at INT64_MAX. */
struct ledger_usage {
	const char *tenant;
	uint64_t start_ms; /* unix time, a multiple of the period */
	uint64_t allowed;  /* checks */
	uint64_t denied;
	uint64_t tokens;   /* consumed */
	uint64_t refunded; /* tokens given back */
};

/*
 * What came on top since the last one. `run` names the process (at most 31 bytes), `number` grows
 * with each within it: one that was added already is not added again.
 */
struct ledger_addition {
	const char *run;
	uint64_t number;                 /* from 1 */
	const struct ledger_usage *rows; /* of hours */
	size_t n;
};
int ledger_add_usage(struct ledger *ledger, const struct ledger_addition *addition,
		     struct field_error *error);

/* Periods of a tenant that begin in from_ms <= t < to_ms. */
struct ledger_span {
	const char *tenant;
	uint64_t from_ms;
	uint64_t to_ms;
	uint64_t period_ms; /* a multiple of LEDGER_HOUR_MS; counted from the unix epoch */
};
typedef int ledger_usage_fn(const struct ledger_usage *usage, void *data);
/* Oldest first, those in which something was asked. As ledger_each_entry(). */
int ledger_each_usage(struct ledger *ledger, const struct ledger_span *span, ledger_usage_fn *visit,
		      void *data, struct field_error *error);

/*
 * Forgets up to `most` of the oldest entries before audit_ms and hours that ended before usage_ms;
 * *ret_n is how many, 0 once there are none left.
 */
int ledger_prune(struct ledger *ledger, uint64_t audit_ms, uint64_t usage_ms, size_t most,
		 struct field_error *error, size_t *ret_n);

static inline void ledger_freep(struct ledger **ledger)
{
	ledger_free(*ledger);
}
#define _cleanup_ledger_ _cleanup_(ledger_freep)
