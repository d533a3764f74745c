/* Fuzzes the request parser: bytes in slices, in a buffer that moves, are what they are at once. */
/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "httpd/httpd_priv.h"

static size_t body_max(const struct httpd_request *request, void *data)
{
	(void)data;
	return request->path.len > 5 ? 4096 : 64;
}

static const struct httpd server = {.config.handler.body_max = body_max};

static void note(struct buf *seen, struct httpd_text text)
{
	buf_put_u64(seen, text.len);
	buf_put_char(seen, ':');
	buf_put(seen, text.text, text.len);
}

/* Reads every byte of the request, so that the sanitizer sees one that is not there. */
static void note_request(struct buf *seen, const struct parse *parse, char *base, size_t len)
{
	struct httpd_exchange exchange;
	const struct httpd_request *request = &exchange.request;

	parse_view(parse, base, len, &exchange);
	buf_put_str(seen, request->refused_status ? "\nrefused" : "\n");
	/* What is shown, and which of two faults is named, may depend on how much had come. */
	if (request->refused_status && request->refused_status != 405)
		return;
	note(seen, request->method);
	note(seen, request->path);
	note(seen, request->query);
	note(seen, request->body);
	for (size_t i = 0; i < request->n_headers; i++) {
		if (memchr(request->headers[i].value.text, '\n', request->headers[i].value.len))
			abort();
		note(seen, request->headers[i].name);
		note(seen, request->headers[i].value);
	}
}

/* The kept bytes move to a buffer of exactly their size and that of the new ones. */
static void grow(char **base, size_t *len, const uint8_t *more, size_t n)
{
	char *moved = malloc(*len + n);

	if (*len)
		memcpy(moved, *base, *len);
	memcpy(moved + *len, more, n);
	free(*base);
	*base = moved;
	*len += n;
}

static void drop(char *base, size_t *len, size_t n)
{
	memmove(base, base + n, *len - n);
	*len -= n;
}

/* Takes what is whole, as a connection does. Returns whether the connection goes on. */
static bool take(struct parse *parse, char *base, size_t *len, struct buf *seen)
{
	size_t skipped;

	while (*len) {
		if (parse->fed == 0) {
			skipped = parse_skip_lines(base, *len);
			if (skipped == SIZE_MAX)
				return true;
			drop(base, len, skipped);
			if (*len == 0)
				return true;
		}
		parse_feed(parse, &server, base, *len);
		if (parse->fed > *len)
			abort();
		if (!parse->complete && !parse->refused_status) {
			*len = parse->fed;
			/* A head and a body: nothing else stays. */
			if (*len > HTTPD_HEAD_MAX + 4096)
				abort();
			return true;
		}
		note_request(seen, parse, base, *len);
		if (parse->refused_status || !llhttp_should_keep_alive(&parse->llhttp))
			return false;
		drop(base, len, parse->fed);
		parse_reset(parse);
	}
	return true;
}

/* seed 0: all at once; 1: byte by byte; else slices of any size. */
static void run(const uint8_t *data, size_t size, uint32_t seed, struct buf *seen)
{
	struct parse parse;
	char *base = NULL;
	size_t len = 0, at = 0, n;

	buf_init(seen);
	parse_reset(&parse);
	while (at < size) {
		n = size - at;
		if (seed == 1)
			n = 1;
		else if (seed)
			n = 1 + (seed >> 8) % (n < 200 ? n : 200);
		if (seed > 1)
			seed = seed * 1664525 + 1013904223;
		grow(&base, &len, data + at, n);
		at += n;
		if (!take(&parse, base, &len, seen))
			break;
	}
	free(base);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct buf whole, bytes, slices;
	uint32_t seed = 2;

	if (size > 65536)
		return 0;
	for (size_t i = 0; i < size && i < 64; i++)
		seed = seed * 31 + data[i];
	run(data, size, 0, &whole);
	run(data, size, 1, &bytes);
	run(data, size, seed | 2, &slices);
	if (whole.len != bytes.len || (whole.len && memcmp(whole.data, bytes.data, whole.len)))
		abort();
	if (whole.len != slices.len || (whole.len && memcmp(whole.data, slices.data, whole.len)))
		abort();
	buf_done(&whole);
	buf_done(&bytes);
	buf_done(&slices);
	return 0;
}
