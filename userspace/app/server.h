/* Everything that serves, as the files of `sluice serve` share it. */
/* SPDX-License-Identifier: MIT */
#pragma once

#include "base/clock.h"
#include "conf/conf.h"
#include "datapath/datapath.h"
#include "doors/http/http.h"
#include "journal/journal.h"
#include "service/service.h"
#include "store/store.h"

/* Made from top to bottom and freed from bottom to top. The main thread's alone. */
struct server {
	const struct conf *conf;
	struct clock clock;
	int signal_fd;
	int watch_fd; /* of the directory of limits; -1: none */
	struct store *store;
	struct journal *journal; /* NULL: could not be opened */
	struct datapath *datapath;
	struct service *service;
	struct http *http;
};
