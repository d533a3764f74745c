/* Runs one test on every backend: a fresh empty store each time. */
/* SPDX-License-Identifier: MIT */
#include <stdlib.h>

#include "unit/store/backends.h"

int backend_setup_memory(void **state)
{
	struct backend *backend = calloc(1, sizeof(*backend));

	*state = backend;
	return store_open_memory(&backend->store);
}

int backend_setup_sqlite(void **state)
{
	struct backend *backend = calloc(1, sizeof(*backend));

	*state = backend;
	/* The contract has nothing to say about the disk: where there is memory, take that. */
	backend->dir = dir_make(true);
	backend->path = path_in(backend->dir, "store.db");
	backend->store = open_at(backend->path);
	return 0;
}

int backend_teardown(void **state)
{
	struct backend *backend = *state;

	store_close(backend->store);
	if (backend->dir)
		dir_remove(backend->dir);
	free(backend->path);
	free(backend);
	return 0;
}
