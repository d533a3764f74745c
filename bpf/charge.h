/* Charges one packet to one key of one limit, and takes the charge back. */
/* SPDX-License-Identifier: MIT */
#pragma once

#include <linux/types.h>

#include <sluice/line.h>

#include "clock.h"

/* As enum sluice_line_result, which a caller need not know. */
enum charge_result {
	CHARGE_ADMITTED = SLUICE_LINE_ADMITTED,
	CHARGE_REFUSED = SLUICE_LINE_REFUSED,
	CHARGE_BUSY = SLUICE_LINE_BUSY, /* refused for want of tries: count it */
};

/*
 * The caller sets ask->tag and ask->cost (at least 1); this sets the time. *ret_slip is set on
 * admission only and goes to charge_undo() if a further limit refuses the packet.
 */
static __always_inline int charge_one(struct sluice_line *line, struct sluice_ask *ask,
				      const struct sluice_params *p, struct clock_cache *clock,
				      struct sluice_slip *ret_slip)
{
	int exact;

	ask->now_ns = clock_bound_ns(clock, &exact);
	if (!exact) {
		if (sluice_line_refuses(line, ask, p))
			return CHARGE_REFUSED;
		ask->now_ns = clock_now_ns(clock);
	}
	return sluice_line_charge(line, ask, p, ret_slip);
}

static __always_inline void charge_undo(struct sluice_line *line, const struct sluice_slip *slip)
{
	sluice_line_refund(line, slip);
}
