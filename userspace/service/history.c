/* Reads the ledger for doors. */
/* SPDX-License-Identifier: MIT */
#include <errno.h>

#include "service/history.h"
#include "service/service_priv.h"

/* What was answered before is to be seen; what cannot be carried now shows as waiting. */
static int prepare(struct service *service, struct field_error *error)
{
	struct field_error ignored;

	if (!scribe_is_ready(&service->scribe, error))
		return HISTORY_E_OFF;
	(void)scribe_catch_up(&service->scribe, &ignored);
	return 0;
}

static int outcome_of(int r)
{
	return r == 0 || r == -ENOMEM ? r : HISTORY_E_OFF;
}

int service_each_change(struct service *service, const struct principal *who,
			struct ledger_search search, ledger_entry_fn *visit, void *data,
			struct field_error *error)
{
	int r = prepare(service, error);

	search.tenant = who->tenant;
	return r ? r :
		   outcome_of(
			   ledger_each_entry(service->scribe.ledger, &search, visit, data, error));
}

int service_each_usage(struct service *service, const struct principal *who,
		       struct ledger_span span, ledger_usage_fn *visit, void *data,
		       struct field_error *error)
{
	int r = prepare(service, error);

	span.tenant = who->tenant;
	return r ? r :
		   outcome_of(ledger_each_usage(service->scribe.ledger, &span, visit, data, error));
}

void service_ledger(struct service *service, struct service_ledger *ret)
{
	scribe_state(&service->scribe, ret);
}
