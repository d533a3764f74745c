/* The packet path of this process: opened as the options say, watched while it runs. */
/* SPDX-License-Identifier: MIT */
#pragma once

#include "app/options.h"
#include "service/service.h"

/* What was logged last, so that only news is. Zeroed: nothing. */
struct packets_watch {
	struct service_packets state;
	uint64_t refusals;
};

/* 0 or -errno. What cannot be is no failure: *ret then says why. */
int packets_open(const struct options *options, struct datapath **ret);

/* Logs what is new about interfaces and records that were not taken over. */
void packets_watch(struct packets_watch *watch, struct service *service);
