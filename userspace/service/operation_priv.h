/* What every admin call is made of: read a record, claim a subject, commit and wait. */
/* SPDX-License-Identifier: MIT */
#pragma once

#include "service/admin.h"
#include "service/records_priv.h"

/* A compared revision has moved: look again. Never leaves this folder. */
#define ADMIN_E_AGAIN 100

/* One call under way. */
struct operation {
	struct service *service;
	const struct actor *actor;
	const struct principal *who; /* of the actor */
	struct field_error *error;
	size_t unnoted; /* changes of the transaction under way that bring no note */
};

static inline struct operation operation_of(struct service *service, const struct actor *actor,
					    struct field_error *error)
{
	return (struct operation){service, actor, actor->who, error, 0};
}

/*
 * Which limit counts a subject, as the index records it: this is what makes two equal limits
 * impossible however many create them at once. revision 0: nobody does.
 */
struct claim {
	char name[RECORD_NAME_SIZE];
	char limit_id[ID_SIZE]; /* "" if nobody */
	uint64_t revision;
};

/* Sets *error and returns outcome. */
int operation_fail(struct operation *op, int outcome, const char *field, const char *message);

/* What an outcome of the store means to the caller: ADMIN_E_* or -errno, with *error set. */
int operation_outcome(struct operation *op, int r);

/* All below return ADMIN_E_* or -errno; -EBADMSG: the record is damaged, and *error says how. */

/* Always from the store: the catalog of this host may lag behind another's change. */
int operation_load_limit(struct operation *op, const char *id, struct limit *ret);
int operation_load_claim(struct operation *op, const struct limit *limit, struct claim *ret);

/* Whether `limit` may count its subject: 0, or ADMIN_E_EXISTS with the id of the one that does. A
 * claim whose limit is gone (removed by other hands) is free to be taken over. */
int operation_claim(struct operation *op, const struct limit *limit, struct claim *ret,
		    char existing_id[ID_SIZE]);

/*
 * What a change of a packet limit adds; of any other scope these do nothing. Between lock and unlock
 * lies all from operation_admit(), which says whether `limit` (new, or as it is to be) could be in
 * force, to the end of the commit: so no two changes of this process rely on the same room.
 */
void operation_lock(struct operation *op, const struct limit *limit);
void operation_unlock(struct operation *op, const struct limit *limit);
int operation_admit(struct operation *op, const struct limit *limit);
/* After the commit: whether the limit is in force as it is now, or, deleted, no longer is. */
int operation_settled(struct operation *op, const struct limit *limit, bool deleted);

/* The same for an API key. */
int operation_load_key(struct operation *op, const char *id, struct api_key *ret);

enum { ADMIN_TRIES = 32 };
/* Others came before in all of them. */
int operation_give_up(struct operation *op);

/*
 * Writes and waits until it is in force. Each change brings its note (audit_priv.h) in the same
 * transaction. ADMIN_E_AGAIN if a compared revision has moved.
 */
int operation_commit(struct operation *op, const struct store_txn *txn, uint64_t *ret_revision);
