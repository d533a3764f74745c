/* What is written down of a change, in the very transaction that makes it. */
/* SPDX-License-Identifier: MIT */
#pragma once

#include "journal/ledger.h"
#include "json/json.h"
#include "json/writer.h"
#include "service/operation_priv.h"

/*
 * A note is a record "audit/<id>" of the store: a change and its note are written together or not at
 * all, by one sync, and no kill comes between them. The scribe carries notes into the ledger and
 * removes them from the store; a note that is in both is taken once, by its id.
 */
#define AUDIT_ROOT "audit/"

/* The record is damaged or of a newer version. */
#define AUDIT_E_UNREADABLE 1

struct audit_note {
	char name[RECORD_NAME_SIZE];
	struct buf value; /* empty: nothing is to be written */
	size_t change_at; /* in value */
	struct json_writer writer;
};

void audit_init(struct audit_note *note);
void audit_done(struct audit_note *note);
#define _cleanup_note_ _cleanup_(audit_done)

/* Begins a note with all but the change; the caller then writes one JSON value with note->writer. */
void audit_head(struct audit_note *note, const struct ledger_entry *head);
/* A change that is too large is left out, saying so. 0 or -ENOMEM. */
int audit_end(struct audit_note *note);

/* As audit_head(), of the operation's actor; false when no note is to be written. */
bool audit_begin(struct operation *op, const char *action, const char *object,
		 struct audit_note *note);
/* A whole note on a limit that is made (before NULL), changed or deleted (after NULL). 0 or -ENOMEM. */
int audit_limit(struct operation *op, const char *action, const struct limit *before,
		const struct limit *after, struct audit_note *note);

/* The same of an API key. */
int audit_key(struct operation *op, const char *action, const struct api_key *before,
	      const struct api_key *after, struct audit_note *note);

/* Adds the note, if it is one, to a transaction whose puts have room. */
void audit_put(const struct audit_note *note, struct store_put *puts, size_t *n_puts);
/* How many notes are in it. */
size_t audit_count(const struct store_txn *txn);

/* A note read back. */
struct audit_loaded {
	struct ledger_entry entry; /* borrows from below */
	char id[ID_SIZE];
	struct json_document *document;
	struct buf change;
};
/* 0, AUDIT_E_UNREADABLE or -ENOMEM; not to be undone unless it is 0. */
int audit_load(const struct store_record *record, struct audit_loaded *ret);
void audit_unload(struct audit_loaded *loaded);
