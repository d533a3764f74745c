/* Making, changing and revoking API keys; admin.h says what all such calls have in common. */
/* SPDX-License-Identifier: MIT */
#pragma once

#include "service/admin.h"

enum {
	ADMIN_KEYS_MAX = 1000, /* per tenant */
};

struct admin_key_result {
	struct api_key key;          /* as stored */
	char token[AUTH_TOKEN_SIZE]; /* of a key that was made: shown once, and kept nowhere */
};

/*
 * A key reaches no further than itself: whoever makes, changes or revokes one has every right that
 * it has and is to have, and one that expires makes none that outlasts it (ADMIN_E_FORBIDDEN). No
 * key revokes itself, and the last one that has every right and does not expire stays what it is
 * (ADMIN_E_LOCKOUT).
 *
 * All of this holds when the change is written: a caller whose own key was revoked meanwhile changes
 * nothing any more. A key is revoked for every request that begins after the call.
 */
int admin_key_create(struct service *service, const struct actor *actor, const struct json *body,
		     struct field_error *error, struct admin_key_result *ret);
int admin_key_update(struct service *service, const struct actor *actor,
		     const struct admin_target *target, const struct json *body,
		     struct field_error *error, struct admin_key_result *ret);
int admin_key_delete(struct service *service, const struct actor *actor,
		     const struct admin_target *target, struct field_error *error);
