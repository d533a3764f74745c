/* The backend that limits no packets and says why. */
/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "datapath/datapath_priv.h"

struct off {
	struct datapath base;
	struct sluice_slot slots[SLUICE_RULES_MAX]; /* all free, for ever */
};

static int off_publish(struct datapath *datapath, const struct sluice_tables *tables)
{
	(void)datapath;
	(void)tables;
	return 0;
}

static int off_counts(struct datapath *datapath, uint32_t slot, struct sluice_counts *ret)
{
	(void)datapath;
	(void)slot;
	*ret = (struct sluice_counts){0};
	return 0;
}

static int off_clear_counts(struct datapath *datapath, uint32_t slot)
{
	(void)datapath;
	(void)slot;
	return 0;
}

static int off_reasons(struct datapath *datapath, struct sluice_reasons *ret)
{
	(void)datapath;
	*ret = (struct sluice_reasons){0};
	return 0;
}

static int off_times(struct datapath *datapath, struct sluice_times *ret)
{
	(void)datapath;
	*ret = (struct sluice_times){0};
	return 0;
}

static void off_tend(struct datapath *datapath)
{
	(void)datapath;
}

static size_t off_interfaces(struct datapath *datapath, struct datapath_interface *ret, size_t n)
{
	(void)datapath;
	(void)ret;
	(void)n;
	return 0;
}

static void off_close(struct datapath *datapath, bool detach)
{
	(void)detach;
	datapath_done(datapath);
	free(datapath);
}

static const struct datapath_ops off_ops = {
	.publish = off_publish,
	.counts = off_counts,
	.clear_counts = off_clear_counts,
	.reasons = off_reasons,
	.times = off_times,
	.tend = off_tend,
	.interfaces = off_interfaces,
	.close = off_close,
};

int datapath_open_off(const char *why, struct datapath **ret)
{
	struct off *off = calloc(1, sizeof(*off));
	int r;

	if (!off)
		return -ENOMEM;
	r = datapath_init(&off->base, &off_ops);
	if (r) {
		free(off);
		return r;
	}
	off->base.slots = off->slots;
	/* datapath_off() takes an empty text for working. */
	snprintf(off->base.off, sizeof(off->base.off), "%s", why[0] ? why : "off");
	*ret = &off->base;
	return 0;
}
