/* `sluice serve`: opens the store, starts service and doors, waits for a signal, stops. */
/* SPDX-License-Identifier: MIT */
#pragma once

#include "conf/conf.h"

/*
 * Returns the exit status: 0 after a signal, 2 when it could not start. SIGINT, SIGTERM and SIGHUP must
 * be blocked in every thread. With a file of settings or a directory of limits SIGHUP reads both
 * anew; without, it stops like the others.
 */
int serve_run(const struct conf *conf);
