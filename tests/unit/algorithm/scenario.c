/* Random limits, costs and times that lean towards the edges. */
/* SPDX-License-Identifier: MIT */
#include <assert.h>

#include "unit/algorithm/scenario.h"

static struct sluice_params compile_spec(const struct sluice_spec *spec)
{
	struct sluice_params p = {0};
	int err = sluice_params_compile(spec, 0, &p);

	assert(!err);
	(void)err;
	return p;
}

struct sluice_params algo_params(enum sluice_algorithm algorithm, __u64 limit, __u64 burst,
				 __u64 interval_ns)
{
	struct sluice_spec spec = {
		.limit = limit,
		.burst = burst,
		.interval_ns = interval_ns,
		.cost_min = 1,
		.algorithm = algorithm,
	};

	return compile_spec(&spec);
}

struct sluice_params algo_params_bytes(__u64 limit, __u64 burst, __u64 interval_ns)
{
	struct sluice_spec spec = {
		.limit = limit,
		.burst = burst,
		.interval_ns = interval_ns,
		.cost_min = SLUICE_BYTES_COST_MIN,
		.algorithm = SLUICE_TOKEN_BUCKET,
	};

	return compile_spec(&spec);
}

static __u64 draw_interval(struct algo_random *r)
{
	static const __u64 round[] = {
		SLUICE_INTERVAL_MIN_NS, ALGO_S,    60 * ALGO_S, 3600 * ALGO_S, ALGO_DAY,
		30 * ALGO_DAY,          ALGO_YEAR,
	};
	__u64 interval;

	if (algo_random_below(r, 2))
		return round[algo_random_below(r, sizeof(round) / sizeof(round[0]))];
	do
		interval = algo_random_magnitude(r, 55);
	while (interval < SLUICE_INTERVAL_MIN_NS || interval > SLUICE_INTERVAL_MAX_NS);
	return interval;
}

struct sluice_params algo_params_random(struct algo_random *r, enum sluice_algorithm algorithm)
{
	static const unsigned int bits[] = {
		[SLUICE_TOKEN_BUCKET] = 40,
		[SLUICE_FIXED_WINDOW] = SLUICE_FIXED_COUNT_BITS,
		[SLUICE_SLIDING_WINDOW] = SLUICE_SLIDING_COUNT_BITS,
	};
	struct sluice_spec spec = {.algorithm = algorithm};
	struct sluice_params p;

	do {
		spec.interval_ns = draw_interval(r);
		spec.limit = algo_random_magnitude(r, bits[algorithm]);
		if (algo_random_below(r, 4) == 0)
			spec.limit = algo_random_between(r, 1, 20);
		spec.burst = algorithm == SLUICE_TOKEN_BUCKET && algo_random_below(r, 2) ?
				     algo_random_magnitude(r, 40) :
				     0;
		spec.cost_min = algo_random_below(r, 2) ? 1 : SLUICE_BYTES_COST_MIN;
	} while (sluice_params_compile(&spec, algo_random_next(r) >> 3, &p));
	return p;
}

__u64 algo_cost_random(struct algo_random *r, const struct sluice_params *p)
{
	switch (algo_random_below(r, 16)) {
	case 0:
		return 0;
	case 1:
		return p->burst;
	case 2:
		return p->burst + 1;
	case 3:
		return p->burst + algo_random_magnitude(r, 62);
	case 4:
		return ~0ULL - algo_random_below(r, 3);
	case 5:
		return algo_random_magnitude(r, 64);
	case 6:
	case 7:
	case 8:
		return 1 + algo_random_below(r, p->burst);
	case 9:
	case 10:
		return 1 + algo_random_below(r, p->burst / 8 + 1);
	default:
		return 1;
	}
}

static __u64 move_forward(struct algo_random *r, __u64 now, const struct sluice_params *p)
{
	__u64 token = p->interval_ns / p->limit;
	__u64 left;

	switch (algo_random_below(r, 10)) {
	case 0:
	case 1:
		return now + algo_random_below(r, 2 * token + 2);
	case 2:
		return now + algo_random_below(r, 40);
	case 3:
		return now + algo_random_below(r, p->interval_ns / 16 + 1);
	case 4:
		return now + algo_random_below(r, p->interval_ns + 1);
	case 5:
		/* The last ns of a window, or the first of the next. */
		left = p->interval_ns - (now + p->phase_ns) % p->interval_ns;
		return now + left - algo_random_below(r, 2);
	case 6:
		return now + algo_random_below(r, 3) * p->interval_ns;
	case 7:
		return now + (p->tolerance >> SLUICE_TICK_SHIFT) + algo_random_below(r, 3);
	case 8:
		return now + algo_random_below(r, 4 * p->interval_ns);
	default:
		if (algo_random_below(r, 50))
			return now;
		return now + algo_random_magnitude(r, 58);
	}
}

__u64 algo_now_random(struct algo_random *r, __u64 now_ns, const struct sluice_params *p)
{
	__u64 back;

	if (algo_random_below(r, 3) == 0)
		return now_ns;
	if (algo_random_below(r, 12) == 0) {
		back = algo_random_below(r, 2) ? algo_random_below(r, 1000) :
						 algo_random_below(r, 3 * p->interval_ns);
		return now_ns > back ? now_ns - back : now_ns;
	}
	now_ns = move_forward(r, now_ns, p);
	/* Uptime begins anew once it has become absurd. */
	return now_ns <= ALGO_NOW_MAX ? now_ns : algo_random_below(r, ALGO_YEAR);
}

__u64 algo_word_random(struct algo_random *r, __u64 now_ns, const struct sluice_params *p)
{
	__u64 ticks = now_ns << SLUICE_TICK_SHIFT;
	struct sluice_window w;
	__u64 age = algo_random_below(r, 4);

	if (p->algorithm == SLUICE_TOKEN_BUCKET) {
		switch (algo_random_below(r, 5)) {
		case 0:
			return algo_random_below(r, ticks + 1);
		case 1: /* overdrawn by charges */
			return ticks + p->tolerance + algo_random_magnitude(r, 61);
		default:
			return ticks + algo_random_below(r, p->tolerance + 1);
		}
	}
	sluice_window_locate(now_ns, p, &w);
	/* Now and then from a later window: time went back. */
	w.number = age == 3 ? w.number + algo_random_between(r, 1, 3) : w.number - age;
	w.current = algo_random_below(r, p->limit + 1);
	w.previous = algo_random_below(r, p->limit + 1);
	if (algo_random_below(r, 8) == 0)
		w.current = algo_random_below(r, SLUICE_SLIDING_COUNT_MAX);
	if (algo_random_below(r, 4) == 0)
		w.current = 0;
	return sluice_window_store(&w, p);
}
