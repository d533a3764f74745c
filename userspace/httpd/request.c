/* Turns a connection's bytes into a request: llhttp's callbacks and what its results mean. */
/* SPDX-License-Identifier: MIT */

#include <assert.h>
#include <string.h>

#include "httpd/httpd_priv.h"

void parse_refuse(struct parse *parse, unsigned int status, const char *reason)
{
	if (parse->refused_status)
		return;
	parse->refused_status = status;
	parse->refused_reason = reason;
}

/* llhttp reports a piece as often as it is interrupted; head_judge() sees that they adjoin. */
static void extend_span(const struct parse *parse, struct span *span, const char *at, size_t len)
{
	if (span->len == 0)
		span->at = (uint32_t)(at - parse->base);
	span->len += (uint32_t)len;
}

static int on_url(llhttp_t *llhttp, const char *at, size_t len)
{
	struct parse *parse = llhttp->data;

	extend_span(parse, &parse->target, at, len);
	return 0;
}

/* Fields behind the last chunk are no headers (RFC 9110 6.5.1): they are skipped. */
static int on_header_field(llhttp_t *llhttp, const char *at, size_t len)
{
	struct parse *parse = llhttp->data;

	if (parse->head_complete)
		return 0;
	if (parse->name_ended || parse->n_headers == 0) {
		if (parse->n_headers == HTTPD_HEADERS_MAX) {
			parse_refuse(parse, 431, "more than 64 headers");
			return HPE_USER;
		}
		parse->names[parse->n_headers] = (struct span){0};
		parse->values[parse->n_headers] = (struct span){0};
		parse->n_headers++;
		parse->name_ended = false;
	}
	extend_span(parse, &parse->names[parse->n_headers - 1], at, len);
	return 0;
}

static int on_header_field_complete(llhttp_t *llhttp)
{
	struct parse *parse = llhttp->data;

	parse->name_ended = true;
	return 0;
}

static int on_header_value(llhttp_t *llhttp, const char *at, size_t len)
{
	struct parse *parse = llhttp->data;

	if (!parse->head_complete)
		extend_span(parse, &parse->values[parse->n_headers - 1], at, len);
	return 0;
}

static int on_headers_complete(llhttp_t *llhttp)
{
	struct parse *parse = llhttp->data;

	parse->head_complete = true;
	/* No protocol to change to: the request stands as it is. */
	llhttp->upgrade = 0;
	/* Paused, so that the head and the body's bound are judged before any body is taken. */
	return HPE_PAUSED;
}

static int on_chunk_header(llhttp_t *llhttp)
{
	struct parse *parse = llhttp->data;

	if (llhttp->content_length <= parse->body_max - parse->body_len)
		return 0;
	parse_refuse(parse, 413, "the body is larger than this request may have");
	return HPE_USER;
}

/* Chunks lie apart, with their sizes between them: each moves down to follow the last. */
static int on_body(llhttp_t *llhttp, const char *at, size_t len)
{
	struct parse *parse = llhttp->data;
	char *to = (char *)parse->base + parse->head_len + parse->body_len;

	assert(len <= parse->body_max - parse->body_len);
	if (to != at)
		memmove(to, at, len);
	parse->body_len += len;
	return 0;
}

static int on_message_complete(llhttp_t *llhttp)
{
	struct parse *parse = llhttp->data;

	parse->complete = true;
	return HPE_PAUSED;
}

static const llhttp_settings_t settings = {
	.on_url = on_url,
	.on_header_field = on_header_field,
	.on_header_field_complete = on_header_field_complete,
	.on_header_value = on_header_value,
	.on_headers_complete = on_headers_complete,
	.on_chunk_header = on_chunk_header,
	.on_body = on_body,
	.on_message_complete = on_message_complete,
};

void parse_reset(struct parse *parse)
{
	llhttp_init(&parse->llhttp, HTTP_REQUEST, &settings);
	parse->llhttp.data = parse;
	parse->fed = 0;
	parse->head_len = 0;
	parse->body_len = 0;
	parse->body_max = 0;
	parse->target = (struct span){0};
	parse->n_headers = 0;
	parse->name_ended = false;
	parse->head_complete = false;
	parse->complete = false;
	parse->expect_continue = false;
	parse->foreign = false;
	parse->last_byte = 0;
	parse->refused_status = 0;
	parse->refused_reason = NULL;
}

size_t parse_skip_lines(const char *base, size_t len)
{
	size_t at = 0;

	while (len - at >= 2 && base[at] == '\r' && base[at + 1] == '\n')
		at += 2;
	return at + 1 == len && base[at] == '\r' ? SIZE_MAX : at;
}

static bool is_chunked(const struct parse *parse)
{
	return parse->llhttp.flags & F_CHUNKED;
}

/* The head is whole and ends at `fed`: judge it, and ask how much body may follow. */
static void judge_request(struct parse *parse, const struct httpd *httpd, char *base)
{
	const struct httpd_handler *handler = &httpd->config.handler;
	struct httpd_exchange head;

	parse->head_len = parse->fed;
	head_judge(parse);
	if (parse->refused_status || (!is_chunked(parse) && parse->llhttp.content_length == 0))
		return;
	parse_view(parse, base, parse->fed, &head);
	parse->body_max = handler->body_max(&head.request, handler->data);
	if (!is_chunked(parse) && parse->llhttp.content_length > parse->body_max)
		parse_refuse(parse, 413, "the body is larger than this request may have");
}

static void refuse_syntax(struct parse *parse, llhttp_errno_t err)
{
	switch (err) {
	case HPE_INVALID_VERSION:
	case HPE_PAUSED_H2_UPGRADE:
		parse_refuse(parse, 505, "only HTTP/1.0 and HTTP/1.1 are spoken here");
		return;
	case HPE_UNEXPECTED_CONTENT_LENGTH:
		parse_refuse(parse, 400, "Content-Length twice, or beside Transfer-Encoding");
		return;
	case HPE_INVALID_CONTENT_LENGTH:
		parse_refuse(parse, 400, "Content-Length is not a number that fits");
		return;
	case HPE_INVALID_TRANSFER_ENCODING:
		parse_refuse(parse, 400, "Transfer-Encoding beside Content-Length, or not chunked");
		return;
	case HPE_INVALID_HEADER_TOKEN:
		parse_refuse(parse, 400,
			     "a header's name or value has a character that may not be there");
		return;
	case HPE_INVALID_URL:
		parse_refuse(parse, 400,
			     "the request target has a character that may not be there");
		return;
	default:
		parse_refuse(parse, 400, "this is not HTTP/1.1");
	}
}

/* llhttp takes a bare LF for the empty line that ends a chunked body; others might not. */
static bool ends_in_crlf(const struct parse *parse, const char *fresh)
{
	const char *end = llhttp_get_error_pos(&parse->llhttp);

	return (end - fresh >= 2 ? end[-2] : parse->last_byte) == '\r';
}

static void take_body(struct parse *parse, char *fresh, size_t len)
{
	char *base = (char *)parse->base;
	llhttp_errno_t err;

	err = llhttp_execute(&parse->llhttp, base + parse->fed, len - parse->fed);
	if (err == HPE_PAUSED) {
		if (is_chunked(parse) && !ends_in_crlf(parse, fresh))
			parse_refuse(parse, 400, "lines must end in CRLF");
		parse->fed = (size_t)(llhttp_get_error_pos(&parse->llhttp) - base);
	} else if (err != HPE_OK) {
		refuse_syntax(parse, err);
	} else {
		parse->last_byte = base[len - 1];
		/* Chunk sizes and trailers are done with, so they cannot fill our memory. */
		parse->fed = is_chunked(parse) ? parse->head_len + parse->body_len : len;
	}
}

void parse_feed(struct parse *parse, const struct httpd *httpd, char *base, size_t len)
{
	char *fresh = base + parse->fed;
	size_t most = len < HTTPD_HEAD_MAX ? len : HTTPD_HEAD_MAX;
	llhttp_errno_t err;

	parse->base = base;
	if (parse->foreign) {
		head_judge_foreign(parse, len);
		return;
	}
	if (!parse->head_complete) {
		err = llhttp_execute(&parse->llhttp, fresh, most - parse->fed);
		if (err == HPE_INVALID_METHOD) {
			head_judge_foreign(parse, len);
			return;
		}
		if (err == HPE_OK) {
			parse->fed = most;
			if (len > most)
				parse_refuse(parse, 431,
					     "request line and headers are larger than 8 KiB");
			return;
		}
		if (err != HPE_PAUSED) {
			refuse_syntax(parse, err);
			return;
		}
		parse->fed = (size_t)(llhttp_get_error_pos(&parse->llhttp) - base);
		judge_request(parse, httpd, base);
		if (parse->refused_status)
			return;
		llhttp_resume(&parse->llhttp);
	}
	take_body(parse, fresh, len);
}
