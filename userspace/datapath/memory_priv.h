/* The backend in memory, opened up: what a kernel would hold for the next controller. */
/* SPDX-License-Identifier: MIT */
#pragma once

#include "datapath/datapath_priv.h"

/*
 * Lies in memory that forked processes share, so that one may be killed in the middle of a change
 * and another go on. `published` is odd or even and names the tables in force; 0: none yet.
 */
struct memory_pins {
	uint64_t seed[4];
	uint32_t n_lines;
	uint32_t published; /* atomic */
	struct sluice_reasons reasons;
	struct sluice_counts counts[SLUICE_RULES_MAX];
	struct sluice_slot slots[SLUICE_RULES_MAX];
	struct sluice_tables tables[2];
	struct sluice_line lines[];
};

/* `lines` as in datapath_config. 0 or -ENOMEM. */
int memory_pins_new(uint32_t lines, struct memory_pins **ret);
/* NULL is fine. */
void memory_pins_free(struct memory_pins *pins);

/* The tables in force; empty ones before the first publication. */
const struct sluice_tables *memory_tables(const struct memory_pins *pins);

/* Adopts what the pins hold. They must outlive *ret; closing with `detach` empties them. */
int datapath_open_memory_at(struct memory_pins *pins, struct datapath **ret);
