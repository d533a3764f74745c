/* The packet path natively: the maps it asks for are memory of this process, its clock is moved. */
/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <sluice/counts.h>
#include <sluice/line.h>
#include <sluice/tables.h>

#include "bpf/clock.h"

/* What bpf/maps.h and bpf/clock.h read and write. One for the whole process. */
struct path {
	const struct sluice_tables *tables;
	struct sluice_line *lines;
	uint32_t n_lines;
	struct sluice_counts counts[SLUICE_RULES_MAX];
	struct sluice_reasons reasons;
	struct clock_cache clock;
	uint64_t now_ns;
	uint64_t jiffies;
	uint64_t clock_reads;
};

extern struct path path;

/* True if the frame passes. Needs tables. */
bool path_packet(const void *frame, uint32_t bytes);

/* Tables with n rules per source on all of IPv4 and IPv6, each with 1,024 lines of its own; the
 * caller changes what the test is about. Freed by path_done(). */
struct sluice_tables *path_init(uint32_t n, const struct sluice_params *params);
void path_done(void);
