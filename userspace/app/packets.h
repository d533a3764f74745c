/* Which packet path the settings ask for. */
/* SPDX-License-Identifier: MIT */
#pragma once

#include "conf/conf.h"
#include "datapath/datapath.h"

/* 0 or -errno. What cannot be is no failure: *ret then says why. */
int packets_open(const struct settings *settings, struct datapath **ret);
