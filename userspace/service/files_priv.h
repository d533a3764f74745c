/* What has to be written so that a new set of limits stands in place of the former. */
/* SPDX-License-Identifier: MIT */
#pragma once

#include "service/operation_priv.h"

/* One limit, as it was and as it is to be. */
struct file_change {
	const struct limit *former; /* borrowed from the catalog; NULL: it is new */
	struct limit next;          /* unless it goes */
	bool goes;
	bool same;                 /* nothing to write */
	bool moves;                /* counts another subject than it did, or is new */
	struct claim former_claim; /* of what goes or moves */
	struct claim claim;        /* of what moves */
	bool claim_taken;          /* another change takes former_claim over */
};

/* Changes of the wanted limits in their order, then of those that go. */
struct file_plan {
	struct operation *op;
	struct catalog *catalog; /* what `former` borrows from */
	struct file_change *changes;
	size_t n;
	size_t n_wanted;
	size_t at; /* of a failure: the wanted limit at fault, or n_wanted */
};

/* Writes nothing. ADMIN_E_* or -errno, as admin_files_apply(). */
int file_plan_make(struct file_plan *plan, struct operation *op, const struct limit *wanted,
		   size_t n);
void file_plan_done(struct file_plan *plan);
