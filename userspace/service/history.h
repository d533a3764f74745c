/* What doors ask about the past: who changed what, and how much was asked. */
/* SPDX-License-Identifier: MIT */
#pragma once

#include "journal/ledger.h"
#include "service/service.h"

/* The ledger cannot be read; *error says why. */
#define HISTORY_E_OFF 1

/*
 * As ledger_each_entry() and ledger_each_usage(), of the caller's own tenant (which they fill in),
 * with all that was answered before. They block on disk: not for a polling thread. 0, HISTORY_E_OFF
 * or -ENOMEM.
 */
int service_each_change(struct service *service, const struct principal *who,
			struct ledger_search search, ledger_entry_fn *visit, void *data,
			struct field_error *error);
int service_each_usage(struct service *service, const struct principal *who,
		       struct ledger_span span, ledger_usage_fn *visit, void *data,
		       struct field_error *error);

enum { SERVICE_LEDGER_SIZE = 512 };
/* How the ledger stands. Texts are empty when all is well. */
struct service_ledger {
	bool kept;                       /* there is to be one */
	bool opened;                     /* or it was tried, at least once */
	uint64_t written;                /* entries since the start */
	uint64_t waiting;                /* in the store, for the ledger to take them */
	uint64_t lost;                   /* changes without an entry: too many waited */
	char aside[SERVICE_LEDGER_SIZE]; /* what was found damaged at the start, and where it is */
	char failing[SERVICE_LEDGER_SIZE]; /* why nothing is written now */
};
void service_ledger(struct service *service, struct service_ledger *ret);
