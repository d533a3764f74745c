/* What admin calls say, as an answer. */
/* SPDX-License-Identifier: MIT */
#pragma once

#include "doors/http/reply.h"
#include "doors/http/request.h"

/* ADMIN_E_* or -errno as a problem; noun is "limit" or the like. existing_id is read on
 * ADMIN_E_EXISTS only. */
void outcome_answer(int err, const char *noun, const char *existing_id,
		    const struct field_error *error, struct reply *reply);

/*
 * The revision that If-Match asks for, 0: any. Of several the one that is `current` is taken, so
 * that the admin call compares it once more; 0: there is nothing by that id. Non-zero when *reply
 * is a problem.
 */
int outcome_if_match(const struct request *request, const char *noun, uint64_t current,
		     struct reply *reply, uint64_t *ret);
