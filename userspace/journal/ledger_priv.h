/* What a backend of the ledger provides. */
/* SPDX-License-Identifier: MIT */
#pragma once

#include <pthread.h>
#include <stdbool.h>

#include "journal/ledger.h"

/* Of one hour. */
typedef int ledger_hour_fn(uint64_t hour, const struct ledger_usage *usage, void *data);

/* As the calls of ledger.h, one at a time and between open and close; a visit's result is returned. */
struct ledger_ops {
	int (*open)(struct ledger *ledger, struct field_error *error, struct field_error *aside);
	void (*close)(struct ledger *ledger);
	int (*add_entries)(struct ledger *ledger, const struct ledger_entry *entries, size_t n,
			   struct field_error *error);
	int (*each_entry)(struct ledger *ledger, const struct ledger_search *search,
			  ledger_entry_fn *visit, void *data, struct field_error *error);
	int (*add_usage)(struct ledger *ledger, const struct ledger_addition *addition,
			 struct field_error *error);
	int (*each_hour)(struct ledger *ledger, const struct ledger_span *span,
			 ledger_hour_fn *visit, void *data, struct field_error *error);
	int (*prune)(struct ledger *ledger, uint64_t audit_ms, uint64_t usage_ms, size_t most,
		     struct field_error *error, size_t *ret_n);
	void (*free)(struct ledger *ledger);
};

/* First member of every backend. */
struct ledger {
	const struct ledger_ops *ops;
	pthread_mutex_t lock; /* guards all else, the backend's included */
	bool open;
};

void ledger_init(struct ledger *ledger, const struct ledger_ops *ops);
/* What was asked, each sum up to INT64_MAX, which is as far as SQLite counts. */
void ledger_add_sums(struct ledger_usage *to, const struct ledger_usage *more);
