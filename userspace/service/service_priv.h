/* What the parts of the service share. */
/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdatomic.h>

#include "service/events_priv.h"
#include "service/keeper_priv.h"
#include "service/reconcile_priv.h"
#include "service/resets_priv.h"
#include "service/saver_priv.h"
#include "service/scribe_priv.h"
#include "service/sweeper_priv.h"

struct service {
	struct store *store;       /* borrowed */
	const struct clock *clock; /* borrowed */
	uint32_t apply_wait_ms;
	bool packets_needed;
	struct engine *engine;
	_Atomic uint64_t keys_max;
	atomic_uint_least64_t about_ms; /* unix time as of the keeper's last step */
	struct tally tally;
	struct reconcile reconcile;
	struct sweeper sweeper;
	struct keeper keeper;
	struct resets resets;
	struct saver saver;
	struct scribe scribe;
	struct events events;
};
