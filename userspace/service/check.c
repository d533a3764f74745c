/* Validates a check, asks the engine once and says which limit is the tightest. */
/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "base/utf8.h"
#include "service/check.h"
#include "service/service_priv.h"

#define NS_PER_MS 1000000ULL

static uint64_t ms_of(uint64_t ns)
{
	return ns == SLUICE_NEVER ? SLUICE_NEVER : ns / NS_PER_MS + (ns % NS_PER_MS != 0);
}

void check_figures_of(const struct engine_hit *hit, struct check_figures *ret)
{
	*ret = (struct check_figures){
		.limit = hit->limit,
		.remaining = hit->figures.remaining,
		.reset_after_ms = ms_of(hit->figures.reset_after_ns),
		.retry_after_ms = ms_of(hit->figures.retry_after_ns),
	};
}

int check_key_validate(const char *field, const char *key, size_t len, struct field_error *error)
{
	if (len == 0)
		field_error_set(error, field, "must not be empty");
	else if (len > ENGINE_KEY_MAX)
		field_error_set(error, field, "must be at most %d bytes, not %zu", ENGINE_KEY_MAX,
				len);
	else if (memchr(key, '\0', len))
		field_error_set(error, field, "must not contain NUL");
	else if (!utf8_valid(key, len))
		field_error_set(error, field, "must be UTF-8");
	else
		return 0;
	return CHECK_E_INVALID;
}

/* Whether a is tighter than b: a refusal before any pass, then fewest remaining. */
static bool hit_tighter(const struct engine_hit *a, const struct engine_hit *b)
{
	if (a->refused != b->refused)
		return a->refused;
	return a->figures.remaining < b->figures.remaining;
}

/* SLUICE_NEVER is the greatest number, so the longest wait is never where one limit says so. */
static void find_tightest(struct check_answer *answer)
{
	const struct engine_verdict *verdict = &answer->verdict;
	const struct engine_hit *tightest = NULL;
	uint64_t retry_after_ns = 0;

	for (uint32_t i = 0; i < verdict->count; i++) {
		const struct engine_hit *hit = &verdict->hits[i];

		if (hit->mode != ENGINE_ENFORCE)
			continue;
		if (hit->refused && hit->figures.retry_after_ns > retry_after_ns)
			retry_after_ns = hit->figures.retry_after_ns;
		if (tightest && !hit_tighter(hit, tightest))
			continue;
		tightest = hit;
		answer->tightest_hit = i;
	}
	answer->limited = tightest != NULL;
	if (!tightest)
		return;
	check_figures_of(tightest, &answer->tightest);
	answer->tightest.retry_after_ms = ms_of(retry_after_ns);
}

static int explain_refusal(int r, struct field_error *error)
{
	switch (r) {
	case ENGINE_E_KEYS_MAX:
		field_error_set(error, "key",
				"cannot be counted: as many keys are live as keys_max allows");
		return CHECK_E_KEYS_MAX;
	case ENGINE_E_MATCH_MAX:
		field_error_set(error, "key",
				"is covered by more than %d limits, the most there may be",
				ENGINE_MATCH_MAX);
		return CHECK_E_INVALID;
	case ENGINE_E_KEY:
		field_error_set(error, "key", "must be 1 to %d bytes", ENGINE_KEY_MAX);
		return CHECK_E_INVALID;
	default:
		return r;
	}
}

static int ask_engine(struct service *service, const struct principal *who,
		      const struct check_request *request, struct field_error *error,
		      struct check_answer *ret)
{
	struct engine_request asked = {
		.tenant = who->tenant_number,
		.peek = request->peek,
		.key = request->key,
		.key_len = request->key_len,
		.cost = request->cost,
	};
	int r;

	r = check_key_validate("key", request->key, request->key_len, error);
	if (r)
		return r;
	asked.now_ns = clock_now_ns(service->clock);
	r = engine_check(service->engine, &asked, &ret->verdict);
	if (r)
		return explain_refusal(r, error);
	ret->allowed = ret->verdict.allowed;
	find_tightest(ret);
	return 0;
}

static enum metrics_check outcome_of(int r, bool peek, bool allowed)
{
	switch (r) {
	case 0:
		if (peek)
			return METRICS_CHECK_PEEKED;
		return allowed ? METRICS_CHECK_ALLOWED : METRICS_CHECK_DENIED;
	case CHECK_E_INVALID:
		return METRICS_CHECK_INVALID;
	case CHECK_E_KEYS_MAX:
		return METRICS_CHECK_KEYS_MAX;
	default:
		return METRICS_CHECK_FAILED;
	}
}

/* What it consumed, as usage counts it. */
static int64_t tokens_of(const struct check_request *request, const struct check_answer *answer)
{
	if (request->peek || !answer->allowed || !answer->limited)
		return 0;
	/* The greatest costs there can be, asked often enough, would wrap the count. */
	if (request->cost > CHECK_TOKENS_MAX)
		return CHECK_TOKENS_MAX;
	return request->cost < -CHECK_TOKENS_MAX ? -CHECK_TOKENS_MAX : request->cost;
}

int service_check(struct service *service, const struct principal *who,
		  const struct check_request *request, struct field_error *error,
		  struct check_answer *ret)
{
	int r = ask_engine(service, who, request, error, ret);

	tally_add(&service->tally, who->tenant_number,
		  outcome_of(r, request->peek, r == 0 && ret->allowed),
		  r == 0 ? tokens_of(request, ret) : 0);
	if (__builtin_expect(sampler_listens(&service->events.sampler), 0) && r == 0 &&
	    !request->peek)
		sampler_see(&service->events.sampler, service->clock, who, request, ret);
	return r;
}

void service_check_ahead(struct service *service, const struct principal *who,
			 const struct check_request *requests, size_t n)
{
	struct engine_key keys[CHECK_AHEAD_MAX];

	for (size_t i = 0; i < n; i++)
		keys[i] = (struct engine_key){requests[i].key, requests[i].key_len};
	engine_look_ahead(service->engine, who->tenant_number, keys, n);
}
