/* The keys that a load asks for, the limits over them, and a request's text. */
/* SPDX-License-Identifier: MIT */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "soak/asks.h"

#define MS 1000000ULL

enum { CROWD = 50000 };

/* Buckets take long to fill, so that one that was forgotten shows. */
const struct account_limit ask_limits[ASK_SHARED + 1] = {
	[ASK_BUCKET] = {.period_ns = 500 * MS, .burst = 60, .judge_refusals = true},
	/* Of both sets of numbers the more generous ones. */
	[ASK_BENT] = {.period_ns = 250 * MS, .burst = 120},
	[ASK_PAIR] = {.period_ns = 250 * MS,
		      .burst = 90,
		      .window_ns = 60000 * MS,
		      .window_limit = 150},
	[ASK_SHARED] = {.period_ns = 10 * MS, .burst = 2000},
};

const char ask_limits_json[] =
	"[{\"key\":\"bucket:*\",\"limit\":2,\"interval\":\"1s\",\"burst\":60},"
	"{\"key\":\"bent:*\",\"limit\":2,\"interval\":\"1s\",\"burst\":60},"
	"{\"key\":\"pair:*\",\"limit\":4,\"interval\":\"1s\",\"burst\":90},"
	"{\"key\":\"pair:*\",\"limit\":150,\"interval\":\"1m\",\"algorithm\":\"fixed_window\"},"
	"{\"key\":\"shared\",\"limit\":100,\"interval\":\"1s\",\"burst\":2000},"
	"{\"key\":\"crowd:*\",\"limit\":100,\"interval\":\"10s\"},"
	"{\"key\":\"*\",\"limit\":1000,\"interval\":\"10s\",\"algorithm\":\"sliding_window\","
	"\"mode\":\"shadow\"}]";

static void draw_one(uint64_t *random, unsigned int worker, struct ask *ask)
{
	static const char *const names[ASK_ACCOUNTS] = {"bucket", "bent", "pair"};
	uint64_t drawn = ask_random(random);

	/* Of sixteen asks, three are for each account kind, two for the shared key, five the crowd. */
	ask->kind = (enum ask_kind)((drawn & 15) < 9 ? (drawn & 15) / 3 : ASK_SHARED);
	if ((drawn & 15) > 10)
		ask->kind = ASK_CROWD;
	ask->cost = drawn >> 4 & 7 ? 1 : 3;
	ask->number = (uint32_t)(drawn >> 32) % (ask->kind == ASK_CROWD ? CROWD : ASK_KEYS);
	if (ask->kind < ASK_ACCOUNTS)
		snprintf(ask->key, sizeof(ask->key), "%s:%u:%u", names[ask->kind], worker,
			 ask->number);
	else if (ask->kind == ASK_CROWD)
		snprintf(ask->key, sizeof(ask->key), "crowd:%u", ask->number);
	else
		snprintf(ask->key, sizeof(ask->key), "shared");
}

void ask_draw(uint64_t *random, unsigned int worker, struct ask *asks, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		draw_one(random, worker, &asks[i]);
}

static size_t write_get(const struct ask *ask, const char *token, char text[ASK_TEXT_MAX])
{
	return (size_t)snprintf(text, ASK_TEXT_MAX,
				"GET /api/check?key=%s&cost=%" PRIu64 " HTTP/1.1\r\nHost: soak\r\n"
				"Authorization: Bearer %s\r\n\r\n",
				ask->key, ask->cost, token);
}

size_t ask_write(const struct ask *asks, uint32_t n, const char *token, char text[ASK_TEXT_MAX])
{
	char checks[ASK_BATCH_MAX * ASK_JSON_MAX];
	size_t len = 0;

	if (n == 1)
		return write_get(asks, token, text);
	for (uint32_t i = 0; i < n; i++)
		len += (size_t)snprintf(checks + len, sizeof(checks) - len,
					"%s{\"key\":\"%s\",\"cost\":%" PRIu64 "}", i ? "," : "",
					asks[i].key, asks[i].cost);
	return (size_t)snprintf(text, ASK_TEXT_MAX,
				"POST /api/check HTTP/1.1\r\nHost: soak\r\n"
				"Authorization: Bearer %s\r\nContent-Length: %zu\r\n\r\n"
				"{\"checks\":[%s]}",
				token, len + strlen("{\"checks\":[]}"), checks);
}
