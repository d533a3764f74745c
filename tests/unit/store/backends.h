/* Runs one test on every backend: a fresh empty store each time. */
/* SPDX-License-Identifier: MIT */
#pragma once

#include "unit/store/fixture.h"

/* The state of a test of the contract. */
struct backend {
	struct store *store;
	char *dir; /* NULL: in memory */
	char *path;
};

int backend_setup_memory(void **state);
int backend_setup_sqlite(void **state);
int backend_teardown(void **state);

static inline struct store *store_of(void **state)
{
	return ((struct backend *)*state)->store;
}

#define ON_MEMORY(test) {#test "_memory", test, backend_setup_memory, backend_teardown, NULL},
#define ON_SQLITE(test) {#test "_sqlite", test, backend_setup_sqlite, backend_teardown, NULL},
