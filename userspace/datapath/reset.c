/* Forgets what a limit's keys owe, while packets are charged. */
/* SPDX-License-Identifier: MIT */
#include "datapath/slots_priv.h"

/*
 * A charge under way swaps a word against the one it saw: it comes before this and is forgotten, or
 * fails and charges the empty bucket. Tags stay: a word of 0 owes nothing, whoever it belongs to.
 */
static void empty_lines(struct sluice_line *line, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++)
		for (int slot = 0; slot < SLUICE_LINE_SLOTS; slot++)
			__atomic_store_n(&line[i].word[slot], 0, __ATOMIC_RELEASE);
}

int datapath_reset(struct datapath *datapath, const char *id)
{
	const struct sluice_slot *slot;
	int r = DATAPATH_E_NOT_FOUND;

	pthread_mutex_lock(&datapath->lock);
	slot = slots_find(datapath->slots, id);
	if (slot) {
		empty_lines(&datapath->lines[slot->line_first], slot->line_count);
		r = 0;
	}
	pthread_mutex_unlock(&datapath->lock);
	return r;
}
