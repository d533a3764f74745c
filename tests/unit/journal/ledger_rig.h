/* What the ledger's tests share: entries made of a number, and answers as one line of text. */
/* SPDX-License-Identifier: MIT */
#pragma once

#include "journal/backends.h"

struct ledger_list {
	char text[512];
};

/* Opens `directory`/ledger.db and asserts that nothing was put aside. */
struct ledger *ledger_rig_open(const char *directory);

/* Id aud_NNNN, of second NNNN. */
struct ledger_rig_entry {
	unsigned int number;
	const char *object;
	const char *actor;
	const char *tenant; /* NULL: "default" */
};
/* 0, or what ledger_add_entries() says. */
int ledger_rig_try(struct ledger *ledger, const struct ledger_rig_entry *entry);

/* Assert success. */
void ledger_rig_put(struct ledger *ledger, const struct ledger_rig_entry *entry);
void ledger_rig_add(struct ledger *ledger, const struct ledger_entry *entries, size_t n);
/* The numbers of what is found, with blanks between. */
const char *ledger_rig_ids(struct ledger *ledger, const struct ledger_search *search,
			   struct ledger_list *list);
/* Compares all members of the one entry that is found. */
void ledger_rig_expect(struct ledger *ledger, const struct ledger_search *search,
		       const struct ledger_entry *expected);
/* Adds to one hour of "default": denied, tokens and refunded are 2, 3 and 4 times `allowed`. */
void ledger_rig_count(struct ledger *ledger, const char *run, uint64_t number, uint64_t hour,
		      uint64_t allowed);
/* "hour:allowed" for each period; asserts the others to be its multiples. */
const char *ledger_rig_usage(struct ledger *ledger, const struct ledger_span *span,
			     struct ledger_list *list);
/* Of all days. */
uint64_t ledger_rig_allowed(struct ledger *ledger, const char *tenant);
