/* Bounds how many lines of one kind are logged, by the token bucket that limits everything else. */
/* SPDX-License-Identifier: MIT */
#include <assert.h>

#include <sluice/params.h>

#include "base/log_bound.h"

void log_bound_init(struct log_bound *bound, uint64_t per_second, uint64_t burst)
{
	const struct sluice_spec spec = {
		.limit = per_second,
		.burst = burst,
		.interval_ns = 1000000000,
		.cost_min = 1,
		.algorithm = SLUICE_TOKEN_BUCKET,
	};
	int err = sluice_params_compile(&spec, 0, &bound->params);

	assert(err == 0);
	(void)err;
	atomic_init(&bound->word, 0);
	atomic_init(&bound->left_out, 0);
}

bool log_bound_admits(struct log_bound *bound, uint64_t now_ns, uint64_t *ret_left_out)
{
	uint_fast64_t word = atomic_load(&bound->word);
	__u64 next;

	do {
		if (!sluice_step(word, now_ns, 1, &bound->params, &next)) {
			atomic_fetch_add(&bound->left_out, 1);
			return false;
		}
	} while (!atomic_compare_exchange_weak(&bound->word, &word, next));
	*ret_left_out = atomic_exchange(&bound->left_out, 0);
	return true;
}
