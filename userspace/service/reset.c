/* Forgets what keys consumed of a limit, of requests or of packets. */
/* SPDX-License-Identifier: MIT */
#include "service/admin.h"
#include "service/check.h"
#include "service/service_priv.h"

static int reset_all(struct service *service, const char *id)
{
	struct engine_change change = {.op = ENGINE_RESET, .limit = {.id = id}};

	return engine_apply(service->engine, &change, 1, clock_now_ns(service->clock));
}

static int reset_keys(struct service *service, const char *id, const char *key, size_t key_len,
		      struct field_error *error)
{
	int r;

	if (key && check_key_validate("key", key, key_len, error))
		return ADMIN_E_INVALID;
	r = key ? engine_reset_key(service->engine, id, key, key_len,
				   clock_now_ns(service->clock)) :
		  reset_all(service, id);
	/* Deleted a moment ago. */
	return r == ENGINE_E_NOT_FOUND ? ADMIN_E_NOT_FOUND : r;
}

/* Who a bucket of packets belongs to is not kept, only a hash of it. */
static int reset_packets(struct service *service, const char *id, bool key,
			 struct field_error *error)
{
	int r;

	if (key) {
		field_error_set(error, "key",
				"must be left out: a limit of packets is reset as a whole");
		return ADMIN_E_INVALID;
	}
	r = packets_reset(&service->reconcile.packets, id, error);
	if (r == DATAPATH_E_OFF)
		return ADMIN_E_OFF;
	return r == DATAPATH_E_NOT_FOUND ? ADMIN_E_NOT_FOUND : r;
}

int admin_limit_reset(struct service *service, const struct actor *actor, const char *id,
		      const char *key, size_t key_len, struct field_error *error)
{
	_cleanup_catalog_ struct catalog *catalog = service_catalog_get(service);
	const struct limit *limit;

	/* The engine knows ids of every tenant; the catalog says whose this one is. */
	limit = catalog_find(catalog, actor->who->tenant_number, id);
	if (!limit)
		return ADMIN_E_NOT_FOUND;
	if (limit->scope == LIMIT_SCOPE_PACKET)
		return reset_packets(service, id, key != NULL, error);
	return reset_keys(service, id, key, key_len, error);
}
