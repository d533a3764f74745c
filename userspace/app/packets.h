/* Which packet path the options ask for. */
/* SPDX-License-Identifier: MIT */
#pragma once

#include "app/options.h"

/* 0 or -errno. What cannot be is no failure: *ret then says why. */
int packets_open(const struct options *options, struct datapath **ret);
