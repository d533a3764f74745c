/* Says what a limit's lines hold, and samples how full they are. */
/* SPDX-License-Identifier: MIT */
#include "datapath/slots_priv.h"

enum {
	SAMPLES_MAX = 2048,
};

/* Whether a newcomer inherits debt. */
static bool is_full(const struct sluice_line *line, uint64_t now_ns)
{
	__u64 word;

	sluice_line_least(line, SLUICE_LINE_SLOTS, &word);
	return sluice_bucket_debt(word, now_ns) > 0;
}

/* Keys are hashed to lines, so evenly spaced ones are as good as random ones. */
static double sample(const struct sluice_line *lines, uint32_t count, uint64_t now_ns)
{
	uint32_t samples = count < SAMPLES_MAX ? count : SAMPLES_MAX;
	uint32_t full = 0;

	for (uint32_t i = 0; i < samples; i++)
		full += is_full(&lines[(uint64_t)i * count / samples], now_ns);
	return (double)full / samples;
}

/*
 * A key owes for T = ticks / 32e9 s after one packet, so `pps` keys never seen before leave
 * pps * T of them in debt at once. Lines are chosen by hash and fill unevenly: when half the slots
 * owe, 2.5 of five on average, 11 % of the lines are full (Poisson), and newcomers inherit there.
 */
int datapath_capacity(struct datapath *datapath, const char *id, uint64_t now_ns,
		      struct datapath_capacity *ret)
{
	const double ticks_per_s = 1e9 * (1 << SLUICE_TICK_SHIFT);
	const struct sluice_slot *slot;
	uint64_t ticks = 0;

	pthread_mutex_lock(&datapath->lock);
	slot = slots_find(datapath->slots, id);
	if (slot)
		ticks = datapath->ticks[slot - datapath->slots];
	if (ticks > 0 && slot->line_count == 1) {
		*ret = (struct datapath_capacity){.keys = 1, .spoofed_pps = LIMIT_NEVER_FULL};
	} else if (ticks > 0) {
		uint64_t keys = (uint64_t)slot->line_count * SLUICE_LINE_SLOTS;

		*ret = (struct datapath_capacity){
			.keys = keys,
			.spoofed_pps = (uint64_t)(0.5 * (double)keys * ticks_per_s / (double)ticks),
			.full = sample(&datapath->lines[slot->line_first], slot->line_count,
				       now_ns),
		};
	}
	pthread_mutex_unlock(&datapath->lock);
	return ticks > 0 ? 0 : DATAPATH_E_NOT_FOUND;
}
