/* Sliding windows: the estimate's limit always, and at most 2 * limit - 1 in any interval. */
/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "unit/algorithm/scenario.h"

enum { HISTORY_MAX = 4096 };

/* What passed, and when: rolling sums by definition. */
struct history {
	__u64 at_ns[HISTORY_MAX];
	__u64 cost[HISTORY_MAX];
	size_t len;
	__u64 worst;
};

/* Adds an admission; the interval that ends with it, (now - interval, now], is the new one. */
static void note_admission(struct history *h, __u64 now_ns, __u64 cost,
			   const struct sluice_params *p)
{
	__u64 sum = 0;

	assert_true(h->len < HISTORY_MAX);
	h->at_ns[h->len] = now_ns;
	h->cost[h->len++] = cost;
	for (size_t i = h->len; i > 0 && h->at_ns[i - 1] + p->interval_ns > now_ns; i--)
		sum += h->cost[i - 1];
	h->worst = sum > h->worst ? sum : h->worst;
	algo_check(sum <= 2 * p->limit - 1, "%llu in one interval, limit %llu", sum, p->limit);
}

static __u64 drain_window(__u64 *word, __u64 now_ns, const struct sluice_params *p)
{
	__u64 passed = 0;

	while (sluice_step(*word, now_ns, 1, p, word))
		passed++;
	return passed;
}

struct search {
	struct sluice_params params;
	struct history history;
	const __u64 *times;
	size_t times_len;
};

/* Every choice of none, one or all at each time. */
static void search_times(struct search *s, size_t i, __u64 word)
{
	size_t len = s->history.len;
	struct sluice_figures f;
	__u64 next = word;

	if (i == s->times_len)
		return;
	search_times(s, i + 1, word);
	sluice_explain(word, s->times[i], 0, &s->params, &f);
	for (__u64 cost = 1; cost <= f.remaining; cost += f.remaining > 1 ? f.remaining - 1 : 1) {
		assert_int_equal(sluice_step(word, s->times[i], cost, &s->params, &next), 1);
		note_admission(&s->history, s->times[i], cost, &s->params);
		search_times(s, i + 1, next);
		s->history.len = len;
	}
}

/* Times that hurt: both sides of the edges, and of each step of the weight in between. */
static size_t pick_times(__u64 interval, __u64 limit, __u64 *ret, size_t most)
{
	size_t len = 0;

	for (__u64 window = 10; window < 13; window++) {
		for (__u64 k = 0; k < limit; k++) {
			if (len + 3 > most)
				return len;
			ret[len++] = window * interval + k * interval / limit;
			ret[len++] = window * interval + (k + 1) * interval / limit - 2;
			ret[len++] = window * interval + (k + 1) * interval / limit - 1;
		}
	}
	return len;
}

static void sliding_window_brute_forced_stays_below_twice_the_limit(void **state)
{
	static const size_t most[] = {0, 9, 18, 18, 24};

	for (__u64 limit = 1; limit <= 4; limit++) {
		__u64 times[24];
		struct search s = {
			.params = algo_params(SLUICE_SLIDING_WINDOW, limit, 0,
					      SLUICE_INTERVAL_MIN_NS + 7),
			.times = times,
		};

		s.times_len = pick_times(s.params.interval_ns, limit, times, most[limit]);
		search_times(&s, 0, 0);
		/* Not only below: some history gets there. */
		assert_int_equal(s.history.worst, 2 * limit - 1);
	}
}

static void sliding_window_random_attacks_stay_below_twice_the_limit(void **state)
{
	struct algo_random r;

	algo_random_start(&r, __func__);
	for (__u64 n = algo_rounds(2000); n; n--) {
		struct sluice_params p = algo_params_random(&r, SLUICE_SLIDING_WINDOW);
		struct history h = {.len = 0};
		struct sluice_figures f;
		__u64 word = 0, now = ALGO_DAY, next, cost;

		for (int i = 0; i < 300; i++) {
			next = algo_now_random(&r, now, &p);
			now = next > now && next < now + 100 * p.interval_ns ? next : now;
			sluice_explain(word, now, 0, &p, &f);
			if (f.remaining == 0)
				continue;
			cost = algo_random_below(&r, 2) ? f.remaining :
							  1 + algo_random_below(&r, f.remaining);
			assert_int_equal(sluice_step(word, now, cost, &p, &word), 1);
			note_admission(&h, now, cost, &p);
		}
	}
}

/* The documented worst case: a full window at its last ns, the next one as soon as it lets. */
static void sliding_window_worst_interval_attains_twice_the_limit_less_one(void **state)
{
	for (__u64 limit = 1; limit <= 200; limit++) {
		struct sluice_params p = algo_params(SLUICE_SLIDING_WINDOW, limit, 0, 60 * ALGO_S);
		struct history h = {.len = 0};
		__u64 word = 0, end = 1001 * p.interval_ns, now;
		struct sluice_figures f;

		for (__u64 i = 0; i < limit; i++) {
			assert_int_equal(sluice_step(word, end - 1, 1, &p, &word), 1);
			note_admission(&h, end - 1, 1, &p);
		}
		for (now = end;; note_admission(&h, now, 1, &p)) {
			sluice_explain(word, now, 1, &p, &f);
			now += f.retry_after_ns;
			if (now >= end + p.interval_ns - 1)
				break;
			assert_int_equal(sluice_step(word, now, 1, &p, &word), 1);
		}
		assert_int_equal(h.worst, 2 * limit - 1);
	}
}

/* Counts kept apart from the word: current + exact share of previous never passes the limit. */
static void sliding_window_estimate_never_passes_the_limit(void **state)
{
	struct algo_random r;

	algo_random_start(&r, __func__);
	for (__u64 n = algo_rounds(2000); n; n--) {
		struct sluice_params p = algo_params_random(&r, SLUICE_SLIDING_WINDOW);
		__u64 word = 0, now = ALGO_DAY, at = 0, previous = 0, current = 0;

		for (int i = 0; i < 500; i++) {
			__u64 next = algo_now_random(&r, now, &p), left, cost, window;

			now = next > now && next < now + 100 * p.interval_ns ? next : now;
			window = (now + p.phase_ns) / p.interval_ns;
			previous = window == at ? previous : window == at + 1 ? current : 0;
			current = window == at ? current : 0;
			at = window;
			cost = 1 + algo_random_below(&r, p.limit);
			if (!sluice_step(word, now, cost, &p, &word))
				continue;
			current += cost;
			left = p.interval_ns - (now + p.phase_ns) % p.interval_ns;
			algo_check((unsigned __int128)current * p.interval_ns +
						   (unsigned __int128)previous * left <=
					   (unsigned __int128)p.limit * p.interval_ns,
				   "%llu and %llu, limit %llu", previous, current, p.limit);
		}
	}
}

static void sliding_window_largest_limit_is_counted_exactly(void **state)
{
	static const __u64 intervals[] = {SLUICE_INTERVAL_MIN_NS, ALGO_S, (1ULL << 39) - 1,
					  1ULL << 39, SLUICE_INTERVAL_MAX_NS};

	for (size_t i = 0; i < sizeof(intervals) / sizeof(intervals[0]); i++) {
		struct sluice_params p = algo_params(SLUICE_SLIDING_WINDOW,
						     SLUICE_SLIDING_COUNT_MAX, 0, intervals[i]);
		__u64 word = 0;

		assert_int_equal(sluice_step(word, 0, p.limit - 1, &p, &word), 1);
		assert_int_equal(drain_window(&word, p.interval_ns - 1, &p), 1);
		assert_int_equal(drain_window(&word, p.interval_ns, &p), 0);
		/* Half a window later half of it is free again, less what the scale rounds up. */
		assert_in_range(drain_window(&word, p.interval_ns + p.interval_ns / 2, &p),
				p.limit / 2 - 128, p.limit / 2);
	}
}

/* What scaling the times of long windows costs is far below a percent. */
static void sliding_window_steady_load_below_the_rate_is_never_refused(void **state)
{
	static const __u64 intervals[] = {ALGO_S, 3600 * ALGO_S, ALGO_DAY, 365 * ALGO_DAY};

	for (size_t i = 0; i < sizeof(intervals) / sizeof(intervals[0]); i++) {
		struct sluice_params p = algo_params(SLUICE_SLIDING_WINDOW, 1000, 0, intervals[i]);
		__u64 word = 0, now = p.interval_ns / 3;

		/* One below the limit: previous and current are both rounded up. */
		for (int n = 0; n < 10000; n++, now += p.interval_ns / 998)
			assert_int_equal(sluice_step(word, now, 1, &p, &word), 1);
	}
}

static void sliding_window_time_going_back_forgets_nothing(void **state)
{
	struct sluice_params p = algo_params(SLUICE_SLIDING_WINDOW, 10, 0, ALGO_S);
	__u64 word = 0;

	assert_int_equal(sluice_step(word, 99 * ALGO_S, 3, &p, &word), 1);
	assert_int_equal(sluice_step(word, 100 * ALGO_S, 4, &p, &word), 1);
	for (__u64 back = 0; back < 100; back += 9) {
		__u64 copy = word;

		assert_int_equal(drain_window(&copy, (100 - back) * ALGO_S, &p), 3);
		assert_int_equal(drain_window(&copy, 100 * ALGO_S, &p), 0);
		/* The three of window 99 fade out as they would have. */
		assert_int_equal(drain_window(&copy, 101 * ALGO_S - 1, &p), 2);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sliding_window_brute_forced_stays_below_twice_the_limit),
		cmocka_unit_test(sliding_window_random_attacks_stay_below_twice_the_limit),
		cmocka_unit_test(sliding_window_worst_interval_attains_twice_the_limit_less_one),
		cmocka_unit_test(sliding_window_estimate_never_passes_the_limit),
		cmocka_unit_test(sliding_window_largest_limit_is_counted_exactly),
		cmocka_unit_test(sliding_window_steady_load_below_the_rate_is_never_refused),
		cmocka_unit_test(sliding_window_time_going_back_forgets_nothing),
	};

	return cmocka_run_group_tests_name("algorithm/sliding", tests, NULL, NULL);
}
