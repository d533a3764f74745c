/* The door's own state, shared by its files. */
/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdatomic.h>

#include "doors/http/http.h"
#include "doors/http/watch.h"
#include "doors/http/worker.h"

struct MHD_Daemon;

/* Made by http_new(); only draining changes afterwards. */
struct http {
	struct http_config config;
	uint16_t port;
	uint64_t started_ms; /* unix time */
	int listen_fd;       /* -1 once nothing is accepted any more */
	struct MHD_Daemon *daemon;
	struct watch *watch;
	struct worker_pool *workers;
	atomic_bool draining;
};
