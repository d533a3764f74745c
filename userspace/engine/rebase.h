/* Carries words from the clock of one engine to that of another. */
/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdint.h>

#include <sluice/params.h>

/* Both clocks run in ns of CLOCK_MONOTONIC, each of its own boot. */
struct clock_move {
	uint64_t from_ns;    /* when the word was read, on the former clock */
	uint64_t now_ns;     /* the present, on the new one */
	uint64_t elapsed_ns; /* between the two, up to 2^62 */
};

/*
 * The word that says at now_ns under `to` what `word` said at from_ns under `from`, less what
 * elapsed_ns gave back. Where the new clock's windows are aligned otherwise (UTC was set), the
 * fewer windows of both views have passed.
 */
uint64_t word_rebase(uint64_t word, const struct clock_move *move, const struct sluice_params *from,
		     const struct sluice_params *to);
