/* The RateLimit fields of draft-ietf-httpapi-ratelimit-headers-11, and Retry-After. */
/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "doors/http/ratelimit_headers.h"

/* RFC 9651: an Integer has at most 15 digits. */
#define FIELD_INTEGER_MAX 999999999999999ULL

static char *put_text(char *out, const char *text, size_t len)
{
	memcpy(out, text, len);
	return out + len;
}

static char *put_number(char *out, uint64_t value)
{
	char digits[20];
	size_t n = 0;

	if (value > FIELD_INTEGER_MAX)
		value = FIELD_INTEGER_MAX;
	do
		digits[n++] = (char)('0' + value % 10);
	while (value /= 10);
	while (n)
		*out++ = digits[--n];
	return out;
}

static char *put_name(char *out, const char *start, const char *id)
{
	if (out != start)
		out = put_text(out, ", ", 2);
	*out++ = '"';
	out = put_text(out, id, strlen(id));
	*out++ = '"';
	return out;
}

static uint64_t seconds_of_ms(uint64_t ms)
{
	return ms / 1000 + (ms % 1000 != 0);
}

static uint64_t effective_window_s(const struct engine_hit *hit,
				   const struct check_figures *figures)
{
	if (hit->refused && figures->retry_after_ms != SLUICE_NEVER)
		return seconds_of_ms(figures->retry_after_ms);
	return seconds_of_ms(figures->reset_after_ms);
}

/* Where the two fields stand while they are written. */
struct fields {
	char *policy;
	char *now;
};

static void put_hit(const struct engine_hit *hit, struct reply *reply, struct fields *at)
{
	uint64_t interval_ms = hit->interval_ns / 1000000;
	struct check_figures figures;

	check_figures_of(hit, &figures);
	at->policy = put_name(at->policy, reply->ratelimit_policy, hit->id);
	at->policy = put_text(at->policy, ";q=", 3);
	at->policy = put_number(at->policy, figures.limit);
	at->policy = put_text(at->policy, ";w=", 3);
	at->policy = put_number(at->policy, seconds_of_ms(interval_ms));

	at->now = put_name(at->now, reply->ratelimit, hit->id);
	at->now = put_text(at->now, ";r=", 3);
	at->now = put_number(at->now, figures.remaining);
	at->now = put_text(at->now, ";t=", 3);
	at->now = put_number(at->now, effective_window_s(hit, &figures));
}

void ratelimit_headers_set(const struct check_answer *answer, struct reply *reply)
{
	const struct engine_verdict *verdict = &answer->verdict;
	struct fields at = {.policy = reply->ratelimit_policy, .now = reply->ratelimit};
	uint64_t retry_ms = answer->tightest.retry_after_ms;
	unsigned int items = 1;

	if (!answer->limited)
		return;
	put_hit(&verdict->hits[answer->tightest_hit], reply, &at);
	for (uint32_t i = 0; i < verdict->count && items < RATELIMIT_ITEMS_MAX; i++) {
		if (i == answer->tightest_hit || verdict->hits[i].mode != ENGINE_ENFORCE)
			continue;
		put_hit(&verdict->hits[i], reply, &at);
		items++;
	}
	*at.policy = '\0';
	*at.now = '\0';
	if (!answer->allowed && retry_ms != SLUICE_NEVER)
		*put_number(reply->retry_after, retry_ms <= 1000 ? 1 : seconds_of_ms(retry_ms)) =
			'\0';
}
