/* A limit: the rule a user creates, validated once, here. */
/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/field_error.h"
#include "base/random.h"
#include "engine/engine.h"
#include "json/json.h"
#include "model/packet_match.h"

/* The input is wrong; *error names the field. */
#define MODEL_E_INVALID 1
/* The input is understood, but this cannot be done; *error names the field. */
#define MODEL_E_UNSUPPORTED 2

enum {
	LIMIT_NAME_MAX = 128,     /* bytes */
	LIMIT_RECORD_MAX = 65536, /* bytes of a record's JSON */
	LIMIT_FRAME_BYTES = 1514, /* a full-size packet, which every burst of bytes must hold */
};

#define LIMIT_ORIGIN_FILE "file" /* it stands in a file of limits, and is changed there only */

#define LIMIT_NEVER_FULL UINT64_MAX /* limit_capacity.spoofed_pps */

enum limit_scope { LIMIT_SCOPE_REQUEST, LIMIT_SCOPE_PACKET };
enum limit_unit { LIMIT_REQUESTS, LIMIT_PACKETS, LIMIT_BYTES, LIMIT_CONNECTIONS };
enum limit_strategy { LIMIT_LOCAL, LIMIT_SHARED, LIMIT_LEASED, LIMIT_STRICT };
enum limit_on_failure { LIMIT_LOCAL_SHARE, LIMIT_OPEN, LIMIT_CLOSED };

/*
 * Unit connections and strategies other than local are refused for now with a message that says so:
 * what they need comes with later parts.
 */
struct limit {
	char id[ID_SIZE];
	enum limit_scope scope;
	char *key; /* scope request: owned; exact or pattern, 1..ENGINE_KEY_MAX bytes; else NULL */
	size_t key_len;
	struct packet_match *match; /* scope packet: owned; else NULL */
	uint64_t limit;
	uint64_t burst; /* as given or defaulted to limit */
	uint64_t interval_ns;
	enum sluice_algorithm algorithm;
	enum limit_unit unit;
	enum engine_mode mode;
	enum limit_strategy strategy;
	enum limit_on_failure on_failure;
	char name[LIMIT_NAME_MAX + 1]; /* "" if none */
	char origin[16];               /* "api", or LIMIT_ORIGIN_FILE */
	uint64_t revision;             /* store revision of the last change */
	uint64_t created_at_ms;        /* unix time */
	uint64_t updated_at_ms;
	uint64_t confirm_ms;    /* "confirm" as sent, until limit_date(); 0: not given */
	uint64_t confirm_by_ms; /* unix time at which it is taken back; 0: it stays */
	bool burst_given; /* burst was written by the user, so a changed limit leaves it alone */
};

/* What was counted since the limit was made: requests or packets; bytes for scope packet only. */
struct limit_stats {
	uint64_t allowed;
	uint64_t denied;
	uint64_t allowed_bytes;
	uint64_t denied_bytes;
};

/* What the memory of a limit of packets holds; members as in "capacity". */
struct limit_capacity {
	uint64_t keys;        /* buckets */
	uint64_t spoofed_pps; /* rate of never-seen keys that puts half of them in debt, above which
			       * ever more inherit debt; LIMIT_NEVER_FULL: none does */
	double full;          /* share in which newcomers inherit debt: 0..1 */
};

void limit_init(struct limit *limit);
void limit_done(struct limit *limit);
/* -ENOMEM leaves *ret untouched. */
int limit_copy(const struct limit *from, struct limit *ret);
#define _cleanup_limit_ _cleanup_(limit_done)

/*
 * Reads what a user sent to create a limit (all defaults filled in). Members that the service sets
 * (id, origin, revision, created_at, updated_at, confirm_by, stats, capacity) are refused as
 * read-only; what is read compiles. *ret is written on success only, here and below.
 * 0, MODEL_E_INVALID, MODEL_E_UNSUPPORTED (packets by an algorithm other than token_bucket),
 * -ENOMEM.
 */
int limit_parse(const struct json *object, struct field_error *error, struct limit *ret);

/*
 * Reads what a user sent to change `base`: members that are absent keep their value; id, scope,
 * key, per and unit cannot change (MODEL_E_INVALID says: make a new limit); the other read-only
 * members are ignored. match is replaced as a whole. A burst that was never given follows the limit, also when the update sends the shown one
 * back together with the id, as who edits the answer of a GET does; null makes it follow again.
 * Revision and times are base's: the caller sets them. Outcomes as limit_parse().
 */
int limit_parse_update(const struct json *object, const struct limit *base,
		       struct field_error *error, struct limit *ret);

/* Dates a limit that was just parsed: created, updated, and taken back if it is to be confirmed. */
void limit_date(struct limit *limit, uint64_t now_ms);

/*
 * The unix time at which an unconfirmed limit is taken back; UINT64_MAX: it stays. At once (0) where
 * the clock was set back since the limit was made, by more than there was to confirm it: what was
 * to hold for a minute would hold for as long as that.
 */
uint64_t limit_due_ms(const struct limit *limit, uint64_t now_ms);

/* The record as the store keeps it; limit_load() reads what limit_save() wrote, also of older
 * schemas, and refuses newer ones (MODEL_E_INVALID, field "schema"). Outcomes as limit_parse(). */
void limit_save(const struct limit *limit, struct buf *buf);
int limit_load(const char *text, size_t len, struct field_error *error, struct limit *ret);

/* A limit as the API shows it; stats and capacity may be NULL. The limit was parsed or loaded. */
void limit_write(const struct limit *limit, const struct limit_stats *stats,
		 const struct limit_capacity *capacity, struct buf *buf);

/*
 * What changed from one form of a limit to the other, as {"before":{...},"after":{...}} with the
 * fields that differ, but for revision and updated_at. NULL: it was not there, is not there any more;
 * then the other one is whole, without its revision.
 */
struct json_writer;
void limit_write_change(const struct limit *before, const struct limit *after,
			struct json_writer *writer);

/* Within an object: what tells it from others, and its numbers. */
void limit_write_brief(const struct limit *limit, struct json_writer *writer);

/* The integers the engine runs on. 0 or MODEL_E_INVALID naming limit, burst or interval. */
int limit_compile(const struct limit *limit, uint64_t utc_offset_ns, struct field_error *error,
		  struct sluice_params *ret);

/*
 * Two limits that count the same thing: equal scope, algorithm and interval, and an equal key; or
 * for packets an equal unit, and match and per that mean the same, however they are written.
 */
bool limit_same_subject(const struct limit *a, const struct limit *b);
/* Text that is equal exactly for limits with the same subject, for an index of them. */
void limit_subject(const struct limit *limit, struct buf *buf);
