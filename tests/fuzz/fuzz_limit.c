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
	check(r == MODEL_E_INVALID);
	check(error->message[0] != '\0');
	check(utf8_valid(error->field, strlen(error->field)));
	check(utf8_valid(error->message, strlen(error->message)));
}

static void check_bounds(const struct limit *limit)
{
	struct sluice_params params;

	check(limit->key_len >= 1 && limit->key_len <= ENGINE_KEY_MAX);
	check(strlen(limit->key) == limit->key_len);
	check(limit->limit >= 1 && limit->burst >= 1);
	check(limit->interval_ns >= SLUICE_INTERVAL_MIN_NS);
	check(limit->interval_ns <= SLUICE_INTERVAL_MAX_NS);
	check(limit->burst_given || limit->burst == limit->limit);
	check(limit_compile(limit, 1795466160123456789, NULL, &params) == 0);
	check(params.limit == limit->limit && params.burst == limit->burst);
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
}

/* What GET shows, sent back by PUT, changes nothing. */
static void check_put_of_get(const struct limit *limit)
{
	static const struct limit_stats stats = {.allowed = 1, .denied = 2};
	_cleanup_buf_ struct buf shown = {0}, before = {0}, after = {0};
	_cleanup_json_ struct json_document *document = NULL;
	_cleanup_limit_ struct limit updated = {0};

	limit_write(limit, &stats, NULL, &shown);
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
	limit.created_at_ms = 1795466160123;
	limit.updated_at_ms = 1795466160124;
	check_limit(&limit);
}

static void try_update(const struct json *root)
{
	static const char text[] =
		"{\"key\":\"k*\",\"limit\":1000,\"interval\":\"1m\",\"burst\":5}";
	_cleanup_limit_ struct limit base = {0}, limit = {0};
	_cleanup_json_ struct json_document *document = NULL;
	struct field_error error = {0};
	int r;

	check(json_parse(text, sizeof(text) - 1, NULL, &document) == 0);
	check(limit_parse(json_root(document), NULL, &base) == 0);
	strcpy(base.id, "lim_1");
	r = limit_parse_update(root, &base, &error, &limit);
	if (r != 0) {
		check_refusal(r, &error);
		return;
	}
	check(strcmp(limit.key, base.key) == 0 && strcmp(limit.id, base.id) == 0);
	check_limit(&limit);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_json_ struct json_document *document = NULL;
	_cleanup_limit_ struct limit loaded = {0};
	const char *text = (const char *)data;
	struct field_error error = {0};

	if (limit_load(text, size, &error, &loaded) == 0)
		check_limit(&loaded);
	else
		check_refusal(MODEL_E_INVALID, &error);
	if (json_parse(text, size, NULL, &document) != 0)
		return 0;
	try_create(json_root(document));
	try_update(json_root(document));
	return 0;
}
