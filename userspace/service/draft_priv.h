/* The next state of the service while records are being taken over into it. */
/* SPDX-License-Identifier: MIT */
#pragma once

#include "service/limit_table_priv.h"
#include "service/reconcile_priv.h"

/*
 * Nothing outside sees a draft until draft_publish(). A record that is refused leaves it as it was,
 * so the others of the same revision still count. Tenants are the exception: they are only ever
 * added, and go straight to the reconciler.
 */
struct draft {
	struct reconcile *reconcile;
	struct limit_table *limits;
	struct keyring_entry *keys; /* NULL: unchanged; what they borrow is the former catalog's */
	size_t n_keys;
	bool packets_changed;
	struct engine_change *changes;
	struct limit_entry **entries; /* what changes[i].limit borrows from */
	size_t n_changes;
	size_t room; /* of changes and entries */
};

/* Starts from the published state, or from nothing. 0 or -ENOMEM. */
int draft_init(struct draft *draft, struct reconcile *reconcile);
void draft_done(struct draft *draft);
#define _cleanup_draft_ _cleanup_(draft_done)

/* 0, RECORD_E_INVALID with *error naming the record, -ENOMEM. */
int draft_take(struct draft *draft, const struct store_record *record, struct field_error *error);

/* Whether there is anything to publish. */
bool draft_changed(const struct draft *draft);
/* Puts it in force: packets, then the engine, then the catalog. 0 or -ENOMEM, and then changes
 * nothing. What the datapath refuses of packet limits is noted and holds up nothing else. */
int draft_publish(struct draft *draft, uint64_t revision);

/* draft_keys.c. 0 or -ENOMEM; removing a key that is not there changes nothing. */
int draft_remove_key(struct draft *draft, const char *tenant, const char *id);
/* Also RECORD_E_INVALID: another key has the same token. entry->use is not looked at. */
int draft_put_key(struct draft *draft, const struct keyring_entry *entry,
		  struct field_error *error);
