/* What admin calls say, as an answer. */
/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <string.h>

#include "base/log.h"
#include "doors/http/etag.h"
#include "doors/http/outcome.h"
#include "doors/http/problem.h"
#include "service/admin.h"

static void answer_trouble(int err, const struct field_error *error, struct reply *reply)
{
	switch (err) {
	case ADMIN_E_UNKNOWN:
		log_event(LOG_LEVEL_WARNING,
			  "a change may or may not hold: read it before "
			  "trying again",
			  LOG_STR("why", error->message), LOG_STR("request_id", reply->request_id));
		problem_set(reply, 503, NULL, "the change %s: read it before trying again",
			    error->message);
		break;
	case ADMIN_E_STORE:
		log_event(LOG_LEVEL_WARNING, "a change was refused: the store takes no writes",
			  LOG_STR("why", error->message), LOG_STR("request_id", reply->request_id));
		problem_set(reply, 503, NULL, "nothing was changed: %s", error->message);
		break;
	case ADMIN_E_OFF:
		problem_set(reply, 503, NULL, "nothing was changed: packets are not limited: %s",
			    error->message);
		break;
	default:
		log_event(LOG_LEVEL_ERROR, "a change failed", LOG_STR("why", strerror(-err)),
			  LOG_STR("request_id", reply->request_id));
		problem_fault(reply, err);
		break;
	}
}

void outcome_answer(int err, const char *noun, const char *existing_id,
		    const struct field_error *error, struct reply *reply)
{
	switch (err) {
	case ADMIN_E_INVALID:
		problem_invalid(reply, error);
		break;
	case ADMIN_E_FORBIDDEN:
		problem_set(reply, 403, error->field, "%s", error->message);
		break;
	case ADMIN_E_NOT_FOUND:
		problem_set(reply, 404, NULL, "there is no such %s", noun);
		break;
	case ADMIN_E_EXISTS:
		problem_exists(reply, error, existing_id);
		break;
	case ADMIN_E_TOO_MANY:
	case ADMIN_E_CONFIRMED:
	case ADMIN_E_FILE:
	case ADMIN_E_LOCKOUT:
		problem_set(reply, 409, error->field, "%s", error->message);
		break;
	case ADMIN_E_REVISION:
		problem_set(reply, 412, NULL, "the %s has changed: its ETag is another now", noun);
		break;
	case ADMIN_E_UNSUPPORTED:
		problem_set(reply, 422, error->field, "%s", error->message);
		break;
	default:
		answer_trouble(err, error, reply);
		break;
	}
}

int outcome_if_match(const struct request *request, const char *noun, uint64_t current,
		     struct reply *reply, uint64_t *ret)
{
	const struct httpd_text *text = &request->headers.if_match;
	int err;

	*ret = 0;
	if (!text->text)
		return 0;
	if (current == 0) {
		outcome_answer(ADMIN_E_NOT_FOUND, noun, NULL, NULL, reply);
		return -ENOENT;
	}
	err = etag_match(text->text, text->len, current, ret);
	if (err == ETAG_E_INVALID)
		problem_set(reply, 400, "If-Match", "must be * or ETags in double quotes");
	else if (err)
		outcome_answer(ADMIN_E_REVISION, noun, NULL, NULL, reply);
	return err;
}
