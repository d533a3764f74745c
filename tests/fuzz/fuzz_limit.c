/* Any bytes as a limit: what is accepted survives the store, a PUT of what GET shows, and words. */
/* SPDX-License-Identifier: MIT */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"
#include "model/limit.h"

static void check(bool holds)
{
	if (!holds)
		abort();
}

static bool equal_texts(const struct buf *a, const struct buf *b)
{
	check(!a->failed && !b->failed);
	return a->len == b->len && memcmp(a->data, b->data, a->len) == 0;
}

/* A refusal names a field or the whole, in text that can be shown. */
static void check_refusal(int r, const struct field_error *error)
{
	check(r == MODEL_E_INVALID || r == MODEL_E_UNSUPPORTED);
	check(error->message[0] != '\0');
	check(utf8_valid(error->field, strlen(error->field)));
	check(utf8_valid(error->message, strlen(error->message)));
}

static void check_prefixes(const struct packet_prefix *list, uint32_t n)
{
	check(n <= PACKET_LIST_MAX);
	for (uint32_t i = 0; i < n; i++) {
		unsigned int most = list[i].family == 4 ? 32 : 128;

		check(list[i].family == 4 || list[i].family == 6);
		check(list[i].length <= most);
		for (unsigned int bit = list[i].length; bit < 128; bit++)
			check(!(list[i].bytes[bit / 8] & 0x80 >> bit % 8));
	}
}

static void check_match(const struct packet_match *match)
{
	bool takes4 = packet_match_takes(match, 4);

	check_prefixes(match->dst, match->n_dst);
	check_prefixes(match->src, match->n_src);
	check(takes4 || packet_match_takes(match, 6));
	check(match->n_proto <= PACKET_LIST_MAX && match->n_dst_port <= PACKET_LIST_MAX);
	for (uint32_t i = 0; i < match->n_dst_port; i++)
		check(match->dst_port[i].first <= match->dst_port[i].last);
	for (uint32_t i = 0; match->n_dst_port && i < match->n_proto; i++)
		check(packet_proto_has_ports(match->proto[i]));
	check(match->per_length4 >= 1 && match->per_length4 <= 32);
	check(match->per_length6 >= 1 && match->per_length6 <= (takes4 ? 64 : 128));
}

/* What a limit of either scope has, and what it has not. */
static void check_scope(const struct limit *limit)
{
	if (limit->scope == LIMIT_SCOPE_PACKET) {
		check(!limit->key && limit->key_len == 0);
		check(limit->algorithm == SLUICE_TOKEN_BUCKET);
		check(limit->unit == LIMIT_PACKETS || limit->unit == LIMIT_BYTES);
		check(limit->unit != LIMIT_BYTES || limit->burst >= LIMIT_FRAME_BYTES);
		check_match(limit->match);
		return;
	}
	check(!limit->match && limit->unit == LIMIT_REQUESTS);
	check(limit->key_len >= 1 && limit->key_len <= ENGINE_KEY_MAX);
	check(strlen(limit->key) == limit->key_len);
}

static void check_bounds(const struct limit *limit)
{
	struct sluice_params params;

	check_scope(limit);
	check(limit->limit >= 1 && limit->burst >= 1);
	check(limit->interval_ns >= SLUICE_INTERVAL_MIN_NS);
	check(limit->interval_ns <= SLUICE_INTERVAL_MAX_NS);
	check(limit->burst_given || limit->burst == limit->limit);
	check(limit_compile(limit, 1795466160123456789, NULL, &params) == 0);
	check(params.limit == limit->limit && params.burst == limit->burst);
}

/* The text for the index says what the comparison says. */
static void check_subjects(const struct limit *a, const struct limit *b)
{
	_cleanup_buf_ struct buf a_text = {0}, b_text = {0};

	limit_subject(a, &a_text);
	limit_subject(b, &b_text);
	check(equal_texts(&a_text, &b_text) == limit_same_subject(a, b));
}

static void check_save_and_load(const struct limit *limit)
{
	_cleanup_buf_ struct buf first = {0}, second = {0}, shown = {0}, shown_again = {0};
	_cleanup_limit_ struct limit loaded = {0};

	limit_save(limit, &first);
	check(first.len <= LIMIT_RECORD_MAX);
	check(limit_load(first.data, first.len, NULL, &loaded) == 0);
	limit_save(&loaded, &second);
	check(equal_texts(&first, &second));
	limit_write(limit, NULL, NULL, &shown);
	limit_write(&loaded, NULL, NULL, &shown_again);
	check(equal_texts(&shown, &shown_again));
	check(limit_same_subject(limit, &loaded));
	check_subjects(limit, &loaded);
}

/* What GET shows, sent back by PUT, changes nothing. */
static void check_put_of_get(const struct limit *limit)
{
	static const struct limit_stats stats = {.allowed = 1, .denied = 2};
	static const struct limit_capacity capacity = {.keys = 1, .full = 0.5};
	_cleanup_buf_ struct buf shown = {0}, before = {0}, after = {0};
	_cleanup_json_ struct json_document *document = NULL;
	_cleanup_limit_ struct limit updated = {0};

	limit_write(limit, &stats, &capacity, &shown);
	check(json_parse(shown.data, shown.len, NULL, &document) == 0);
	check(limit_parse_update(json_root(document), limit, NULL, &updated) == 0);
	limit_save(limit, &before);
	limit_save(&updated, &after);
	check(equal_texts(&before, &after));
}

static void check_limit(const struct limit *limit)
{
	check_bounds(limit);
	check_save_and_load(limit);
	check_put_of_get(limit);
}

static void try_create(const struct json *root)
{
	_cleanup_limit_ struct limit limit = {0};
	struct field_error error = {0};
	int r = limit_parse(root, &error, &limit);

	if (r != 0) {
		check_refusal(r, &error);
		return;
	}
	strcpy(limit.id, "lim_fuzz");
	limit_date(&limit, 1795466160123);
	check_limit(&limit);
}

static const char base_of_requests[] =
	"{\"key\":\"k*\",\"limit\":1000,\"interval\":\"1m\",\"burst\":5}";
static const char base_of_packets[] =
	"{\"scope\":\"packet\",\"match\":{\"dst\":\"::1\"},\"per\":\"src/128\",\"limit\":1000,"
	"\"interval\":\"1m\",\"burst\":5,\"confirm\":\"60s\"}";

static void try_update(const struct json *root, const char *text)
{
	_cleanup_limit_ struct limit base = {0}, limit = {0};
	_cleanup_json_ struct json_document *document = NULL;
	struct field_error error = {0};
	int r;

	check(json_parse(text, strlen(text), NULL, &document) == 0);
	check(limit_parse(json_root(document), NULL, &base) == 0);
	strcpy(base.id, "lim_1");
	r = limit_parse_update(root, &base, &error, &limit);
	if (r != 0) {
		check_refusal(r, &error);
		return;
	}
	check(limit.scope == base.scope && limit.unit == base.unit);
	check(strcmp(limit.id, base.id) == 0);
	if (base.key)
		check(strcmp(limit.key, base.key) == 0);
	else
		check(limit.match->per == base.match->per);
	check_subjects(&limit, &base);
	check_limit(&limit);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_json_ struct json_document *document = NULL;
	_cleanup_limit_ struct limit loaded = {0};
	const char *text = (const char *)data;
	struct field_error error = {0};
	int r = limit_load(text, size, &error, &loaded);

	if (r == 0)
		check_limit(&loaded);
	else
		check_refusal(r, &error);
	if (json_parse(text, size, NULL, &document) != 0)
		return 0;
	try_create(json_root(document));
	try_update(json_root(document), base_of_requests);
	try_update(json_root(document), base_of_packets);
	return 0;
}
