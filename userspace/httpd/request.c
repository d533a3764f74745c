/* Turns a connection's bytes into a request: llhttp's callbacks, and what it leaves to us. */
/* SPDX-License-Identifier: MIT */

#include <string.h>
#include <strings.h>

#include "httpd/httpd_priv.h"

static void refuse(struct parse *parse, unsigned int status, const char *reason)
{
	if (parse->refused_status)
		return;
	parse->refused_status = status;
	parse->refused_reason = reason;
}

/* llhttp reports a piece as often as it is interrupted; pieces of one thing adjoin. */
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

static int on_header_field(llhttp_t *llhttp, const char *at, size_t len)
{
	struct parse *parse = llhttp->data;

	if (parse->name_ended || parse->n_headers == 0) {
		if (parse->n_headers == HTTPD_HEADERS_MAX) {
			refuse(parse, 431, "more than 64 headers");
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

	extend_span(parse, &parse->values[parse->n_headers - 1], at, len);
	return 0;
}

static bool span_is(const struct parse *parse, const struct span *span, const char *text)
{
	return span->len == strlen(text) &&
	       strncasecmp(parse->base + span->at, text, span->len) == 0;
}

/* What llhttp does not judge: Host, Expect, encodings of the body other than chunked. */
static void judge_headers(struct parse *parse)
{
	unsigned int hosts = 0, encodings = 0;

	for (unsigned int i = 0; i < parse->n_headers; i++) {
		const struct span *value = &parse->values[i];

		if (span_is(parse, &parse->names[i], "host")) {
			hosts++;
		} else if (span_is(parse, &parse->names[i], "transfer-encoding")) {
			if (encodings++ || !span_is(parse, value, "chunked"))
				refuse(parse, 400, "the only Transfer-Encoding taken is chunked");
		} else if (span_is(parse, &parse->names[i], "expect")) {
			if (!span_is(parse, value, "100-continue"))
				refuse(parse, 417, "the only Expect taken is 100-continue");
			parse->expect_continue = true;
		}
	}
	if (encodings && parse->llhttp.http_minor == 0)
		refuse(parse, 400, "HTTP/1.0 knows no Transfer-Encoding");
	if (hosts > 1)
		refuse(parse, 400, "more than one Host header");
	else if (hosts == 0 && parse->llhttp.http_minor > 0)
		refuse(parse, 400, "an HTTP/1.1 request needs a Host header");
}

static int on_headers_complete(llhttp_t *llhttp)
{
	struct parse *parse = llhttp->data;

	parse->head_complete = true;
	/* No protocol to change to: the request stands as it is. */
	llhttp->upgrade = 0;
	if (llhttp->http_major != 1 || llhttp->http_minor > 1)
		refuse(parse, 505, "only HTTP/1.0 and HTTP/1.1 are spoken here");
	judge_headers(parse);
	/* Paused, so that the head's size and the body's bound are judged before any body is. */
	return parse->refused_status ? HPE_USER : HPE_PAUSED;
}

/* Chunks lie apart, with their sizes between them: each moves down to follow the last. */
static int on_body(llhttp_t *llhttp, const char *at, size_t len)
{
	struct parse *parse = llhttp->data;

	if (len > parse->body_max - parse->body_len) {
		refuse(parse, 413, "the body is larger than this request may have");
		return HPE_USER;
	}
	if (parse->body_len == 0)
		parse->body_at = (size_t)(at - parse->base);
	else if (parse->base + parse->body_at + parse->body_len != at)
		memmove((char *)parse->base + parse->body_at + parse->body_len, at, len);
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
	.on_body = on_body,
	.on_message_complete = on_message_complete,
};

void parse_reset(struct parse *parse)
{
	llhttp_init(&parse->llhttp, HTTP_REQUEST, &settings);
	parse->llhttp.data = parse;
	parse->fed = 0;
	parse->body_at = 0;
	parse->body_len = 0;
	parse->body_max = 0;
	parse->target = (struct span){0};
	parse->n_headers = 0;
	parse->name_ended = false;
	parse->head_complete = false;
	parse->complete = false;
	parse->expect_continue = false;
	parse->refused_status = 0;
	parse->refused_reason = NULL;
}

/*
 * A CR without LF or a LF without CR ends a line for some parsers and not for others; a line that
 * begins with a blank continues the former one for some; a header without a name is none.
 */
static bool lines_are_plain(const char *head, size_t len)
{
	const char *end = head + len;

	for (const char *at = head; (at = memchr(at, '\n', (size_t)(end - at))); at++)
		if (at == head || at[-1] != '\r' || (at + 1 < end && strchr(" \t:", at[1])))
			return false;
	for (const char *at = head; (at = memchr(at, '\r', (size_t)(end - at))); at++)
		if (at + 1 == end || at[1] != '\n')
			return false;
	return true;
}

static bool has_body(const struct parse *parse)
{
	return (parse->llhttp.flags & F_CHUNKED) || parse->llhttp.content_length > 0;
}

/* The head is whole and ends at `fed`: judge it, and ask how much body may follow. */
static void judge_head(struct parse *parse, const struct httpd *httpd, char *base)
{
	struct httpd_exchange head;

	if (parse->fed > HTTPD_HEAD_MAX) {
		refuse(parse, 431, "request line and headers are larger than 8 KiB");
	} else if (!lines_are_plain(base, parse->fed)) {
		refuse(parse, 400, "lines must end in CRLF, and each header begin with its name");
	} else if (has_body(parse)) {
		parse_view(parse, base, parse->fed, &head);
		parse->body_max =
			httpd->config.handler.body_max(&head.request, httpd->config.handler.data);
		if (!(parse->llhttp.flags & F_CHUNKED) &&
		    parse->llhttp.content_length > parse->body_max)
			refuse(parse, 413, "the body is larger than this request may have");
	}
}

static void refuse_syntax(struct parse *parse, llhttp_errno_t err)
{
	switch (err) {
	case HPE_INVALID_METHOD:
		refuse(parse, 405, "no such method");
		return;
	case HPE_INVALID_VERSION:
	case HPE_PAUSED_H2_UPGRADE:
		refuse(parse, 505, "only HTTP/1.0 and HTTP/1.1 are spoken here");
		return;
	case HPE_UNEXPECTED_CONTENT_LENGTH:
		refuse(parse, 400, "Content-Length twice, or beside Transfer-Encoding");
		return;
	case HPE_INVALID_CONTENT_LENGTH:
		refuse(parse, 400, "Content-Length is not a number that fits");
		return;
	case HPE_INVALID_TRANSFER_ENCODING:
		refuse(parse, 400, "Transfer-Encoding beside Content-Length, or not chunked");
		return;
	case HPE_INVALID_HEADER_TOKEN:
		refuse(parse, 400,
		       "a header's name or value has a character that may not be there");
		return;
	case HPE_INVALID_URL:
		refuse(parse, 400, "the request target has a character that may not be there");
		return;
	default:
		refuse(parse, 400, "this is not HTTP/1.1");
	}
}

void parse_feed(struct parse *parse, const struct httpd *httpd, char *base, size_t len)
{
	llhttp_errno_t err;

	parse->base = base;
	err = llhttp_execute(&parse->llhttp, base + parse->fed, len - parse->fed);
	if (err == HPE_PAUSED && !parse->complete) {
		parse->fed = (size_t)(llhttp_get_error_pos(&parse->llhttp) - base);
		judge_head(parse, httpd, base);
		if (parse->refused_status)
			return;
		llhttp_resume(&parse->llhttp);
		err = llhttp_execute(&parse->llhttp, base + parse->fed, len - parse->fed);
	}
	if (err == HPE_PAUSED && parse->complete) {
		parse->fed = (size_t)(llhttp_get_error_pos(&parse->llhttp) - base);
		return;
	}
	if (err != HPE_OK) {
		refuse_syntax(parse, err);
		return;
	}
	parse->fed = len;
	if (!parse->head_complete && len > HTTPD_HEAD_MAX)
		refuse(parse, 431, "request line and headers are larger than 8 KiB");
}

static struct httpd_text text_of(const char *base, const struct span *span)
{
	return (struct httpd_text){base + span->at, span->len};
}

static struct httpd_text trim(struct httpd_text text)
{
	while (text.len && (text.text[0] == ' ' || text.text[0] == '\t')) {
		text.text++;
		text.len--;
	}
	while (text.len && (text.text[text.len - 1] == ' ' || text.text[text.len - 1] == '\t'))
		text.len--;
	return text;
}

/* Method and target by hand, from a request line that llhttp did not take. */
static void view_foreign_line(const char *base, size_t len, struct httpd_request *request,
			      struct httpd_text *ret_target)
{
	const char *end = memchr(base, '\r', len);
	const char *space = memchr(base, ' ', end ? (size_t)(end - base) : 0);
	const char *second;

	if (!space)
		return;
	request->method = (struct httpd_text){base, (size_t)(space - base)};
	space++;
	second = memchr(space, ' ', (size_t)(end - space));
	*ret_target = (struct httpd_text){space, (size_t)((second ? second : end) - space)};
}

void parse_view(const struct parse *parse, char *base, size_t len, struct httpd_exchange *exchange)
{
	struct httpd_request *request = &exchange->request;
	struct httpd_text target = text_of(base, &parse->target);
	const char *mark;

	*request = (struct httpd_request){
		.headers = exchange->headers,
		.n_headers = parse->n_headers,
		.refused_status = parse->refused_status,
		.refused_reason = parse->refused_reason,
	};
	if (parse->target.len) {
		request->method.text = llhttp_method_name(parse->llhttp.method);
		request->method.len = strlen(request->method.text);
	} else {
		view_foreign_line(base, len, request, &target);
	}
	request->path = target;
	mark = target.len ? memchr(target.text, '?', target.len) : NULL;
	if (mark) {
		request->path.len = (size_t)(mark - target.text);
		request->query.text = mark + 1;
		request->query.len = target.len - request->path.len - 1;
	}
	for (unsigned int i = 0; i < parse->n_headers; i++) {
		exchange->headers[i].name = text_of(base, &parse->names[i]);
		exchange->headers[i].value = trim(text_of(base, &parse->values[i]));
	}
	if (parse->body_len)
		request->body = (struct httpd_text){base + parse->body_at, parse->body_len};
}
