/* Judges the slots that an earlier controller left, and drops what contradicts itself. */
/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "datapath/slots_priv.h"

/* A power of two lines at a multiple of that, as regions.c gives them. */
static bool is_whole(const struct sluice_slot *slot, uint32_t n_lines)
{
	uint32_t count = slot->line_count;

	if (memchr(slot->id, '\0', sizeof(slot->id)) == NULL)
		return false;
	if (count == 0 || (count & (count - 1)) != 0 || slot->line_first % count != 0)
		return false;
	return slot->line_first < n_lines && count <= n_lines - slot->line_first;
}

static bool contradict(const struct sluice_slot *a, const struct sluice_slot *b)
{
	if (strncmp(a->id, b->id, sizeof(a->id)) == 0)
		return true;
	return a->line_first < (uint64_t)b->line_first + b->line_count &&
	       b->line_first < (uint64_t)a->line_first + a->line_count;
}

/* What is damaged itself says nothing about others. */
static bool is_sound(const struct datapath *datapath, size_t at)
{
	const struct sluice_slot *slots = datapath->slots;

	if (!is_whole(&slots[at], datapath->n_lines))
		return false;
	for (size_t i = 0; i < SLUICE_RULES_MAX; i++)
		if (i != at && slots[i].id[0] != '\0' && is_whole(&slots[i], datapath->n_lines) &&
		    contradict(&slots[i], &slots[at]))
			return false;
	return true;
}

/* Of two that contradict each other neither can be believed, so all are judged before any goes. */
size_t datapath_adopt(struct datapath *datapath)
{
	bool sound[SLUICE_RULES_MAX];
	size_t dropped = 0;

	for (size_t i = 0; i < SLUICE_RULES_MAX; i++)
		sound[i] = datapath->slots[i].id[0] == '\0' || is_sound(datapath, i);
	for (size_t i = 0; i < SLUICE_RULES_MAX; i++) {
		if (sound[i])
			continue;
		slots_drop(&datapath->slots[i]);
		dropped++;
	}
	return dropped;
}
