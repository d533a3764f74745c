/* The limits by their definitions, in arbitrary precision. */
/* SPDX-License-Identifier: MIT */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "unit/algorithm/model.h"

_Static_assert(sizeof(unsigned long) == sizeof(__u64), "GMP takes a __u64 as unsigned long");

static bool is_bucket(const struct algo_model *m)
{
	return m->params->algorithm == SLUICE_TOKEN_BUCKET;
}

static bool is_sliding(const struct algo_model *m)
{
	return m->params->algorithm == SLUICE_SLIDING_WINDOW;
}

void algo_model_init(struct algo_model *m, const struct sluice_params *p)
{
	memset(m, 0, sizeof(*m));
	m->params = p;
	mpq_inits(m->level, m->capacity, m->tick, m->scratch[0], m->scratch[1], m->scratch[2],
		  NULL);
	mpz_inits(m->whole[0], m->whole[1], m->whole[2], NULL);
	if (is_bucket(m)) {
		mpq_set_ui(m->tick, 1UL << p->shift, p->mult);
		mpq_canonicalize(m->tick);
		mpq_set_ui(m->capacity, p->tolerance, 1);
		mpq_mul(m->capacity, m->capacity, m->tick);
	}
	algo_model_clear(m);
}

void algo_model_done(struct algo_model *m)
{
	mpq_clears(m->level, m->capacity, m->tick, m->scratch[0], m->scratch[1], m->scratch[2],
		   NULL);
	mpz_clears(m->whole[0], m->whole[1], m->whole[2], NULL);
	free(m->windows);
}

void algo_model_clear(struct algo_model *m)
{
	mpq_set(m->level, m->capacity);
	m->at_ns = 0;
	m->windows_len = 0;
	m->written = false;
}

/* --- token bucket ---------------------------------------------------------------------------- */

/* The level at now_ns, into `ret`. */
static void read_level(struct algo_model *m, __u64 now_ns, mpq_t ret)
{
	mpz_set_ui(mpq_numref(ret), now_ns);
	mpz_sub_ui(mpq_numref(ret), mpq_numref(ret), m->at_ns);
	mpz_mul_ui(mpq_numref(ret), mpq_numref(ret), 1UL << SLUICE_TICK_SHIFT);
	mpz_set_ui(mpq_denref(ret), 1);
	mpq_mul(ret, ret, m->tick);
	mpq_add(ret, ret, m->level);
	if (mpq_cmp(ret, m->capacity) > 0)
		mpq_set(ret, m->capacity);
}

/* What `cost` tokens take, in tokens, after rounding to whole ticks. */
static void round_cost(struct algo_model *m, __u64 cost, bool up, mpq_t ret)
{
	mpq_set_ui(ret, cost, 1);
	mpq_div(ret, ret, m->tick);
	if (up)
		mpz_cdiv_q(mpq_numref(ret), mpq_numref(ret), mpq_denref(ret));
	else
		mpz_fdiv_q(mpq_numref(ret), mpq_numref(ret), mpq_denref(ret));
	mpz_set_ui(mpq_denref(ret), 1);
	mpq_mul(ret, ret, m->tick);
}

static enum algo_verdict judge_bucket(struct algo_model *m, __u64 now_ns, __u64 cost)
{
	read_level(m, now_ns, m->scratch[0]);
	round_cost(m, cost, true, m->scratch[1]);
	return mpq_cmp(m->scratch[1], m->scratch[0]) <= 0 ? ALGO_ADMIT : ALGO_REFUSE;
}

static void take_tokens(struct algo_model *m, __u64 now_ns, __u64 cost)
{
	read_level(m, now_ns, m->scratch[0]);
	round_cost(m, cost, true, m->scratch[1]);
	mpq_sub(m->level, m->scratch[0], m->scratch[1]);
	m->at_ns = now_ns;
}

/* A word ends at 2^64 - 1 ticks: debt beyond that is not counted. */
static void cap_debt(struct algo_model *m)
{
	mpq_t *lowest = &m->scratch[0];

	mpz_set_ui(mpq_numref(*lowest), m->at_ns);
	mpz_mul_2exp(mpq_numref(*lowest), mpq_numref(*lowest), SLUICE_TICK_SHIFT);
	mpz_ui_sub(mpq_numref(*lowest), ~0UL, mpq_numref(*lowest));
	mpz_set_ui(mpq_denref(*lowest), 1);
	mpq_mul(*lowest, *lowest, m->tick);
	mpq_sub(*lowest, m->capacity, *lowest);
	if (mpq_cmp(m->level, *lowest) < 0)
		mpq_set(m->level, *lowest);
}

static void charge_bucket(struct algo_model *m, __u64 stamp_ns, __s64 cost)
{
	__u64 amount = cost < 0 ? -(__u64)cost : (__u64)cost;

	if (cost == 0)
		return;
	if (amount > m->params->cost_max)
		amount = m->params->cost_max;
	if (cost > 0) {
		take_tokens(m, stamp_ns, amount);
		cap_debt(m);
		return;
	}
	round_cost(m, amount, false, m->scratch[1]);
	mpq_add(m->level, m->level, m->scratch[1]);
}

/* Missing tokens as ticks must be a whole number, and the word's distance from now. */
static bool bucket_equals(struct algo_model *m, __u64 word, __u64 now_ns)
{
	__u64 now = now_ns << SLUICE_TICK_SHIFT;

	read_level(m, now_ns, m->scratch[0]);
	mpq_sub(m->scratch[1], m->capacity, m->scratch[0]);
	mpq_div(m->scratch[1], m->scratch[1], m->tick);
	mpq_set_ui(m->scratch[2], word > now ? word - now : 0, 1);
	return mpq_equal(m->scratch[1], m->scratch[2]);
}

/* --- windows --------------------------------------------------------------------------------- */

static struct algo_model_window *find_window(struct algo_model *m, __u64 number)
{
	for (size_t i = m->windows_len; i > 0 && m->windows[i - 1].number >= number; i--)
		if (m->windows[i - 1].number == number)
			return &m->windows[i - 1];
	return NULL;
}

static __u64 read_count(struct algo_model *m, __u64 number)
{
	struct algo_model_window *w = find_window(m, number);

	return w ? w->count : 0;
}

static void set_count(struct algo_model *m, __u64 number, __u64 count)
{
	struct algo_model_window *w = find_window(m, number);
	size_t i = m->windows_len;

	if (w) {
		w->count = count;
		return;
	}
	if (m->windows_len == m->windows_cap) {
		m->windows_cap = m->windows_cap ? 2 * m->windows_cap : 64;
		m->windows = realloc(m->windows, m->windows_cap * sizeof(*m->windows));
		assert(m->windows);
	}
	for (; i > 0 && m->windows[i - 1].number > number; i--)
		m->windows[i] = m->windows[i - 1];
	m->windows[i] = (struct algo_model_window){number, count};
	m->windows_len++;
}

static __u64 number_window(const struct algo_model *m, __u64 now_ns)
{
	return (__u64)(((unsigned __int128)now_ns + m->params->phase_ns) / m->params->interval_ns);
}

/* The window that a request at now_ns counts in, and how far into it that is. */
static __u64 open_window(const struct algo_model *m, __u64 now_ns, __u64 *ret_elapsed_ns)
{
	__u64 number = number_window(m, now_ns);

	if (m->written && m->latest > number) {
		*ret_elapsed_ns = 0;
		return m->latest;
	}
	*ret_elapsed_ns = (now_ns + m->params->phase_ns) % m->params->interval_ns;
	return number;
}

/*
 * current + ceil(previous * left / interval), at most current + previous. Each scaled step of
 * `slack` ns makes the left part longer and the interval shorter by less than that.
 */
static void weigh_counts(struct algo_model *m, __u64 now_ns, __u64 slack_ns, mpz_t ret)
{
	__u64 elapsed, previous = 0;
	__u64 number = open_window(m, now_ns, &elapsed);

	if (is_sliding(m) && number > 0)
		previous = read_count(m, number - 1);
	mpz_set_ui(ret, m->params->interval_ns - elapsed);
	mpz_add_ui(ret, ret, slack_ns);
	mpz_mul_ui(ret, ret, previous);
	mpz_set_ui(m->whole[2], m->params->interval_ns - slack_ns);
	mpz_cdiv_q(ret, ret, m->whole[2]);
	if (mpz_cmp_ui(ret, previous) > 0)
		mpz_set_ui(ret, previous);
	mpz_add_ui(ret, ret, read_count(m, number));
}

static enum algo_verdict judge_window(struct algo_model *m, __u64 now_ns, __u64 cost)
{
	__u64 slack = m->params->shift ? 1ULL << m->params->shift : 0;

	weigh_counts(m, now_ns, 0, m->whole[0]);
	mpz_add_ui(m->whole[0], m->whole[0], cost);
	if (mpz_cmp_ui(m->whole[0], m->params->limit) > 0)
		return ALGO_REFUSE;
	weigh_counts(m, now_ns, slack, m->whole[1]);
	mpz_add_ui(m->whole[1], m->whole[1], cost);
	return mpz_cmp_ui(m->whole[1], m->params->limit) > 0 ? ALGO_EITHER : ALGO_ADMIT;
}

static void write_count(struct algo_model *m, __u64 number, __u64 count)
{
	if (!m->written || number > m->latest)
		m->latest = number;
	m->written = true;
	set_count(m, number, count);
}

static __u64 add_clamped(const struct algo_model *m, __u64 count, __s64 cost)
{
	__int128 most = is_sliding(m) ? (1 << SLUICE_SLIDING_COUNT_BITS) - 1 :
					(1LL << SLUICE_FIXED_COUNT_BITS) - 1;
	__int128 sum = (__int128)count + cost;

	return (__u64)(sum < 0 ? 0 : sum > most ? most : sum);
}

static void charge_window(struct algo_model *m, __u64 stamp_ns, __s64 cost)
{
	__u64 number = number_window(m, stamp_ns);
	__u64 count, before = read_count(m, number);

	if (m->written && number < m->latest - (is_sliding(m) && m->latest ? 1 : 0))
		return;
	count = add_clamped(m, before, cost);
	if (count == before)
		return;
	write_count(m, number, count);
	/* A bucket emptied by refunds is one never used. */
	if (read_count(m, m->latest) == 0 &&
	    (!is_sliding(m) || m->latest == 0 || read_count(m, m->latest - 1) == 0)) {
		m->windows_len = 0;
		m->written = false;
	}
}

static bool window_equals(struct algo_model *m, __u64 word)
{
	__u64 current, previous = 0;

	if (!m->written)
		return word << 16 == 0;
	current = read_count(m, m->latest);
	if (!is_sliding(m))
		return word == (m->latest << 48 | current);
	if (m->latest > 0)
		previous = read_count(m, m->latest - 1);
	return word == (m->latest << 48 | previous << 24 | current);
}

bool algo_model_stale(const struct algo_model *m, __u64 now_ns)
{
	__u64 number = number_window(m, now_ns);

	if (is_bucket(m) || !m->written)
		return false;
	return number > m->latest ? number - m->latest >= 1 << 15 : m->latest - number > 1 << 15;
}

/* --- either ---------------------------------------------------------------------------------- */

enum algo_verdict algo_model_judge(struct algo_model *m, __u64 now_ns, __u64 cost)
{
	if (cost == 0)
		return ALGO_ADMIT;
	if (cost > m->params->burst)
		return ALGO_REFUSE;
	return is_bucket(m) ? judge_bucket(m, now_ns, cost) : judge_window(m, now_ns, cost);
}

void algo_model_admit(struct algo_model *m, __u64 now_ns, __u64 cost)
{
	__u64 elapsed, number;

	if (cost == 0)
		return;
	if (is_bucket(m)) {
		take_tokens(m, now_ns, cost);
		return;
	}
	number = open_window(m, now_ns, &elapsed);
	write_count(m, number, read_count(m, number) + cost);
}

void algo_model_charge(struct algo_model *m, __u64 stamp_ns, __s64 cost)
{
	if (is_bucket(m))
		charge_bucket(m, stamp_ns, cost);
	else
		charge_window(m, stamp_ns, cost);
}

bool algo_model_equals(struct algo_model *m, __u64 word, __u64 now_ns)
{
	return is_bucket(m) ? bucket_equals(m, word, now_ns) : window_equals(m, word);
}
