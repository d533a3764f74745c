/* Carries words from the clock of one engine to that of another. */
/* SPDX-License-Identifier: MIT */

#include "engine/rebase.h"

/* More debt than any word can carry is cut, so that no sum overflows. */
static const uint64_t debt_most = 1ULL << 62;

static uint64_t rebase_bucket(uint64_t word, const struct clock_move *move)
{
	uint64_t debt = sluice_bucket_debt(word, move->from_ns);

	if (debt > debt_most)
		debt = debt_most;
	if (debt >> SLUICE_TICK_SHIFT < move->elapsed_ns)
		return 0;
	debt -= move->elapsed_ns << SLUICE_TICK_SHIFT;
	return debt ? (move->now_ns << SLUICE_TICK_SHIFT) + debt : 0;
}

/* How far the new alignment lies ahead of the old one, between minus and plus half a window. */
static int64_t alignment_shift(uint64_t position_ns, uint64_t expected_ns, uint64_t interval_ns)
{
	int64_t shift = (int64_t)position_ns - (int64_t)expected_ns;
	int64_t half = (int64_t)(interval_ns / 2), whole = (int64_t)interval_ns;

	return shift > half ? shift - whole : shift < -half ? shift + whole : shift;
}

/* Windows that have begun since, and *ret_phase_ns: how windows are aligned on the new clock. */
static uint64_t windows_passed(const struct clock_move *move, const struct sluice_params *from,
			       const struct sluice_params *to, __u64 *ret_phase_ns)
{
	uint64_t interval = from->interval_ns;
	uint64_t reached = (move->from_ns + from->phase_ns) % interval + move->elapsed_ns;
	uint64_t expected = reached % interval;
	int64_t shift, seen;

	if (to->algorithm == SLUICE_TOKEN_BUCKET || to->interval_ns != interval) {
		*ret_phase_ns = (expected + interval - move->now_ns % interval) % interval;
		return reached / interval;
	}
	*ret_phase_ns = to->phase_ns;
	shift = alignment_shift((move->now_ns + to->phase_ns) % interval, expected, interval);
	seen = (int64_t)reached + shift;
	if (seen < 0)
		return 0;
	return shift < 0 ? (uint64_t)seen / interval : reached / interval;
}

/* As above; *aligned are the former parameters on the new clock. */
static uint64_t rebase_window(uint64_t word, const struct clock_move *move,
			      const struct sluice_params *from, const struct sluice_params *to,
			      struct sluice_params *aligned)
{
	struct sluice_window window, at;
	uint64_t passed;
	uint16_t ahead;

	sluice_window_load(word, move->from_ns, from, &window);
	sluice_window_locate(move->from_ns, from, &at);
	/* Not 0 where time had gone back: the word stands in a later window. */
	ahead = (uint16_t)(window.number - at.number);
	*aligned = *from;
	passed = windows_passed(move, from, to, &aligned->phase_ns);
	if (window.previous + window.current == 0 || passed > (uint64_t)ahead + 1)
		return 0;
	sluice_window_locate(move->now_ns, aligned, &at);
	window.number = at.number + ahead - passed;
	return sluice_window_store(&window, aligned);
}

uint64_t word_rebase(uint64_t word, const struct clock_move *move, const struct sluice_params *from,
		     const struct sluice_params *to)
{
	struct sluice_params aligned = *from;

	if (from->algorithm == SLUICE_TOKEN_BUCKET)
		word = rebase_bucket(word, move);
	else
		word = rebase_window(word, move, from, to, &aligned);
	if (word == 0)
		return 0;
	return sluice_convert(word, move->now_ns, &aligned, to);
}
