/* Changes of configuration: validated, written durably, visible to checks when the call returns. */
/* SPDX-License-Identifier: MIT */
#pragma once

#include "service/service.h"

/*
 * All calls block on the store: never on a polling thread. Each returns 0, -errno, or:
 */
enum {
	ADMIN_E_INVALID = 1,   /* *error names the field */
	ADMIN_E_NOT_FOUND = 2, /* no such limit or API key of this tenant */
	ADMIN_E_EXISTS = 3,    /* a limit of the same subject exists: admin_result.existing_id;
				* *error says what is the same */
	ADMIN_E_REVISION = 4,  /* its revision is not the expected one */
	ADMIN_E_UNKNOWN = 5,   /* it may or may not have happened, or is not in force yet; *error
				* says which: to be read before it is tried again */
	ADMIN_E_STORE = 6,    /* the store takes no writes now; nothing happened; *error says why */
	ADMIN_E_TOO_MANY = 7, /* as many limits as there may be, or no room for one of packets;
			       * *error says of what */
	ADMIN_E_OFF = 8,      /* packets are not limited here; *error says why */
	ADMIN_E_UNSUPPORTED = 9, /* understood, but impossible; *error names the field */
	ADMIN_E_CONFIRMED = 10,  /* the limit waits for no confirmation */
	ADMIN_E_FILE = 11,       /* the limit stands in a file: it is changed there only */
	ADMIN_E_FORBIDDEN = 12,  /* beyond what the caller's own key may do; *error says what */
	ADMIN_E_LOCKOUT = 13,    /* it could leave nobody who can get in; *error says what to do */
};

enum {
	ADMIN_LIMITS_MAX = 100000, /* per tenant */
};

/* Who asks for a change, and from where. Borrowed during the call. */
struct actor {
	const struct principal *who;
	const char *peer;       /* an address without a port; NULL: not known */
	const char *request_id; /* NULL: not known */
};

/* Which limit or API key to change, and at which revision. */
struct admin_target {
	const char *id;
	uint64_t revision; /* ADMIN_E_REVISION unless it has this one; 0: any */
};

struct admin_result {
	struct limit limit; /* create, update: as stored; caller calls limit_done */
	char existing_id[ID_SIZE];
};

int admin_limit_create(struct service *service, const struct actor *actor, const struct json *body,
		       struct field_error *error, struct admin_result *ret);
int admin_limit_update(struct service *service, const struct actor *actor,
		       const struct admin_target *target, const struct json *body,
		       struct field_error *error, struct admin_result *ret);
int admin_limit_delete(struct service *service, const struct actor *actor,
		       const struct admin_target *target, struct field_error *error);
/* The same, for want of confirmation. */
int admin_limit_expire(struct service *service, const struct actor *actor,
		       const struct admin_target *target, struct field_error *error);
/* The limit stays. ADMIN_E_NOT_FOUND once its time is over. */
int admin_limit_confirm(struct service *service, const struct actor *actor, const char *id,
			struct field_error *error, struct admin_result *ret);
/* key NULL: all keys of the limit. Limits of packets are reset as a whole only. */
int admin_limit_reset(struct service *service, const struct actor *actor, const char *id,
		      const char *key, size_t key_len, struct field_error *error);

struct admin_files_result {
	size_t made, changed, removed;
	size_t at; /* on failure: the limit at fault, or n when it is none alone */
};
/*
 * Makes these (as limit_parse() gives them) the limits of the default tenant that stand in files,
 * in place of all that did so far. No two of them have one subject, or one name but "". A limit goes
 * on, with what its keys consumed, when one of them has its name and still counts the same keys, or
 * else its subject; what is as it was is not written.
 *
 * Checked as a whole before anything is written: ADMIN_E_EXISTS when a limit made over the API
 * counts the same, ADMIN_E_TOO_MANY. Up to about 20 changes are one transaction; should the store
 * fail between two, what is missing is made up for by the next call. One call at a time.
 */
int admin_files_apply(struct service *service, const struct limit *limits, size_t n,
		      struct field_error *error, struct admin_files_result *ret);

/* First boot: makes tenant, first user and API keys if the store has none. */
struct admin_bootstrap {
	const char *email;
	const char *password;
	const char *admin_token; /* every right */
	const char *check_token; /* AUTH_CHECK only */
};
/* 0, or ADMIN_E_INVALID with *error naming the environment variable at fault. */
int admin_bootstrap_validate(const struct admin_bootstrap *first, struct field_error *error);
/* *ret_done says whether this was the first boot. Runs on the store alone, before service_new. */
int admin_bootstrap(struct store *store, const struct clock *clock,
		    const struct admin_bootstrap *first, struct field_error *error, bool *ret_done);
/*
 * Which of what is given (NULL: nothing is) is nobody's in this store: names of environment variables,
 * with commas between. A password takes tens of milliseconds and 64 MiB. 0 or -errno.
 */
int admin_bootstrap_unknown(struct store *store, const struct admin_bootstrap *given,
			    struct buf *names);

/*
 * One more API key with every right, for whoever lost all others. On the store alone, while no service
 * has it. 0, -errno, ADMIN_E_NOT_FOUND (there was no first boot yet) or ADMIN_E_STORE with *error.
 */
int admin_recover(struct store *store, const struct clock *clock, const char *token,
		  struct field_error *error, char ret_id[ID_SIZE]);
