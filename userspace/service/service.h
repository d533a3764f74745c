/* The service: one object that every door asks and that every change goes through. */
/* SPDX-License-Identifier: MIT */
#pragma once

#include "auth/auth.h"
#include "base/clock.h"
#include "base/snapshot.h"
#include "engine/engine.h"
#include "model/limit.h"
#include "store/store.h"

/*
 * Records of the store live under "tenants/<tenant>/": "limits/<id>", "api_keys/<id>",
 * "users/<id>"; "tenants/<tenant>" itself holds {"number":N}. One tenant, "default", for now.
 *
 * Three parts: check.h answers checks, admin.h applies validated changes to the store, and
 * reconcile (internal) carries the store's changes into the engine and the catalog by watch. A
 * change is visible to checks when the admin call that made it returns.
 */
#define SERVICE_TENANT_DEFAULT "default"

struct service;

struct service_config {
	struct store *store;	  /* borrowed */
	const struct clock *clock; /* borrowed */
	uint64_t tenant_keys_max;
};

/* Loads everything from the store and starts reconciling and sweeping. 0, -errno, or a positive
 * STORE_E_* / MODEL_E_INVALID outcome with *error saying which record is at fault. */
int service_new(const struct service_config *config, struct field_error *error,
		struct service **ret);
/* Stops its threads. No door may call it any more. */
void service_free(struct service *service);

/* An immutable view of all that is configured, sorted by id within a tenant. */
struct catalog {
	struct snapshot snapshot; /* first */
	uint64_t revision;
	struct limit *limits; /* sorted by tenant number, then id */
	uint32_t *limit_tenants;
	size_t n_limits;
	struct keyring *keyring;
};
struct catalog *service_catalog_get(struct service *service);
void service_catalog_put(struct catalog *catalog);

const struct clock *service_clock(struct service *service);
/* What the service is waiting for, or NULL when it is ready to answer. Static text. */
const char *service_not_ready(struct service *service);
void service_usage(struct service *service, struct engine_usage *ret);
