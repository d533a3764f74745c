/* Carries limits of packets into the datapath, and knows what of them is in force. */
/* SPDX-License-Identifier: MIT */
#pragma once

#include <pthread.h>
#include <stdatomic.h>

#include "datapath/datapath.h"
#include "service/limit_table_priv.h"

/*
 * What is wanted are all packet limits of the catalog; the datapath takes them as one set. Refused
 * can only be what other hands wrote, or what a former start held with more room: then those changed
 * last are left out, as few as must be, so that the others hold and what was deleted is gone.
 */
struct packets {
	struct datapath *datapath; /* borrowed; NULL: packets are off */
	const struct clock *clock; /* borrowed */

	/* Held by this process from the check of a change until it is in force, so that no two
	 * changes rely on the same room. Taken before `calls`. */
	pthread_mutex_t changes;
	/* Guards the datapath's calls that come from one thread at a time; a publisher holds it
	 * until the catalog it applied is the published one. */
	pthread_mutex_t calls;

	atomic_size_t wanted;   /* limits */
	atomic_size_t in_force; /* of those */
	atomic_bool fault;      /* the set in force is a former one: to be tried again */
};

/* What came of packets_apply(): the first limit that was left out, if any, and why. */
struct packets_refusal {
	uint32_t tenant_number;
	char id[ID_SIZE]; /* "": none */
	struct field_error why;
};

void packets_init(struct packets *packets, struct datapath *datapath, const struct clock *clock);
void packets_done(struct packets *packets);

/* NULL, or why packets are not limited. */
const char *packets_off(const struct packets *packets);

/*
 * Whether the table's limits could be in force with `limit` among them, in place of the one with its
 * id. The caller holds `changes`. 0, DATAPATH_E_TOO_MANY, DATAPATH_E_OFF, -ENOMEM.
 */
int packets_check(struct packets *packets, const struct limit_table *table,
		  const struct limit *limit, struct field_error *error);

/*
 * Whether the table's limits but for those of this tenant that stand in files could be in force with
 * those of `limits` that are for packets. True as long as packets are off. Otherwise the same.
 */
int packets_check_files(struct packets *packets, const struct limit_table *table,
			uint32_t tenant_number, const struct limit *const *limits, size_t n,
			struct field_error *error);

/*
 * Puts the table's limits in force as far as they can be; what failed shows in *packets and
 * *ret_refusal. The caller holds `calls`.
 */
void packets_apply(struct packets *packets, const struct limit_table *table,
		   struct packets_refusal *ret_refusal);

/* Whether the limit is among those in force, or has its place there while its mode is off. */
bool packets_hold(struct packets *packets, const char *id);

/* Forgets what a limit's keys consumed. 0, DATAPATH_E_NOT_FOUND, DATAPATH_E_OFF. */
int packets_reset(struct packets *packets, const char *id, struct field_error *error);
