/* Judges a request's head where llhttp is lenient, and shows it as handlers see it. */
/* SPDX-License-Identifier: MIT */

#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "httpd/httpd_priv.h"

static struct httpd_text text_of(const char *base, const struct span *span)
{
	return (struct httpd_text){base + span->at, span->len};
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

static struct httpd_text trim(struct httpd_text text)
{
	while (text.len && is_blank(text.text[0])) {
		text.text++;
		text.len--;
	}
	while (text.len && is_blank(text.text[text.len - 1]))
		text.len--;
	return text;
}

static bool text_is(struct httpd_text text, const char *word, size_t len)
{
	return text.len == len && strncasecmp(text.text, word, len) == 0;
}

#define TEXT_IS(text, word) text_is(text, word, sizeof(word) - 1)

static bool bytes_are(const struct parse *parse, size_t at, const char *bytes, size_t len)
{
	return at + len <= parse->fed && memcmp(parse->base + at, bytes, len) == 0;
}

/*
 * Every byte of the head belongs to a line that llhttp reported, with nothing but what RFC 9112
 * puts between. This refuses what llhttp 8.1 takes even in its strict form: a LF for a CRLF behind
 * the request line or the last header, folded lines, headers without a name, several spaces, and
 * protocols that are not HTTP.
 */
static bool lines_are_plain(const struct parse *parse)
{
	size_t at = strlen(llhttp_method_name(parse->llhttp.method));

	if (!bytes_are(parse, at, " ", 1) || parse->target.at != at + 1)
		return false;
	at += 1 + parse->target.len;
	if (!bytes_are(parse, at, " HTTP/1.", 8) || !bytes_are(parse, at + 9, "\r\n", 2))
		return false;
	at += 11;
	for (unsigned int i = 0; i < parse->n_headers; i++) {
		const struct span *name = &parse->names[i], *value = &parse->values[i];

		if (name->len == 0 || name->at != at || !bytes_are(parse, at + name->len, ":", 1))
			return false;
		at += name->len + 1;
		while (is_blank(parse->base[at]))
			at++;
		if (value->len && value->at != at)
			return false;
		at += value->len;
		if (!bytes_are(parse, at, "\r\n", 2))
			return false;
		at += 2;
	}
	return bytes_are(parse, at, "\r\n", 2) && at + 2 == parse->fed;
}

/* The characters of RFC 3986's host and port; an empty one is valid. */
static bool host_is_plain(struct httpd_text host)
{
	for (size_t i = 0; i < host.len; i++)
		if (!isalnum((unsigned char)host.text[i]) &&
		    !strchr("-._~%!$&'()*+,;=:[]", host.text[i]))
			return false;
	return true;
}

/* How many bytes of an absolute target come before its path; 0: it is not one of http or https. */
static size_t measure_origin(struct httpd_text target, struct httpd_text *ret_authority)
{
	size_t scheme = 0, end;

	if (target.len > 7 && strncasecmp(target.text, "http://", 7) == 0)
		scheme = 7;
	else if (target.len > 8 && strncasecmp(target.text, "https://", 8) == 0)
		scheme = 8;
	if (!scheme)
		return 0;
	for (end = scheme; end < target.len; end++)
		if (target.text[end] == '/' || target.text[end] == '?')
			break;
	*ret_authority = (struct httpd_text){target.text + scheme, end - scheme};
	return end;
}

/* Of RFC 9112 3.2's forms: a path, a URL, or the asterisk of OPTIONS. */
static bool target_has_form(const struct parse *parse, struct httpd_text target)
{
	struct httpd_text authority;

	if (target.text[0] == '/')
		return true;
	if (target.text[0] == '*' && target.len == 1 && parse->llhttp.method == HTTP_OPTIONS)
		return true;
	return measure_origin(target, &authority) && authority.len && host_is_plain(authority);
}

static void judge_target(struct parse *parse)
{
	struct httpd_text target = text_of(parse->base, &parse->target);

	if (parse->llhttp.method == HTTP_CONNECT)
		parse_refuse(parse, 405, "this server opens no tunnels");
	else if (memchr(target.text, '#', target.len))
		parse_refuse(parse, 400, "a request target has no fragment");
	else if (!target_has_form(parse, target))
		parse_refuse(parse, 400, "the request target is neither a path nor an http URL");
}

/* Chunked is the last coding, and not the first of several too. */
static bool ends_chunked(struct httpd_text value)
{
	const char *last;

	if (value.len <= 7)
		return TEXT_IS(value, "chunked");
	last = value.text + value.len - 7;
	return strncasecmp(last, "chunked", 7) == 0 && strchr(", \t", last[-1]) &&
	       strncasecmp(value.text, "chunked", 7) != 0;
}

/* RFC 9112 6.1 and 6.3: 501 for a coding we lack, 400 where the body's end is in doubt. */
static void judge_encoding(struct parse *parse, struct httpd_text value, bool first)
{
	if (!first || parse->llhttp.http_minor == 0 || !ends_chunked(value))
		parse_refuse(parse, 400, "Transfer-Encoding must be chunked, once, in HTTP/1.1");
	else if (value.len > 7)
		parse_refuse(parse, 501, "the only Transfer-Encoding taken is chunked");
}

/* What llhttp does not judge: Host, Expect, encodings of the body other than chunked. */
static void judge_headers(struct parse *parse)
{
	unsigned int hosts = 0, encodings = 0;

	for (unsigned int i = 0; i < parse->n_headers; i++) {
		struct httpd_text name = text_of(parse->base, &parse->names[i]);
		struct httpd_text value = trim(text_of(parse->base, &parse->values[i]));

		if (TEXT_IS(name, "host")) {
			if (hosts++)
				parse_refuse(parse, 400, "more than one Host header");
			if (!host_is_plain(value))
				parse_refuse(parse, 400, "the Host header is not a host");
		} else if (TEXT_IS(name, "transfer-encoding")) {
			judge_encoding(parse, value, encodings++ == 0);
		} else if (TEXT_IS(name, "expect") && parse->llhttp.http_minor > 0) {
			if (!TEXT_IS(value, "100-continue"))
				parse_refuse(parse, 417, "the only Expect taken is 100-continue");
			parse->expect_continue = true;
		}
	}
	if (hosts == 0 && parse->llhttp.http_minor > 0)
		parse_refuse(parse, 400, "an HTTP/1.1 request needs a Host header");
}

void head_judge(struct parse *parse)
{
	if (parse->llhttp.http_major != 1) {
		parse_refuse(parse, 505, "only HTTP/1.0 and HTTP/1.1 are spoken here");
	} else if (!lines_are_plain(parse)) {
		parse_refuse(parse, 400,
			     "lines must end in CRLF, and each header begin with its name");
	} else {
		judge_target(parse);
		judge_headers(parse);
	}
}

void head_judge_foreign(struct parse *parse, size_t len)
{
	const char *base = parse->base;
	size_t most = len < HTTPD_HEAD_MAX ? len : HTTPD_HEAD_MAX;
	size_t method = 0;

	while (method < most && (isalnum((unsigned char)base[method]) ||
				 (base[method] && strchr("!#$%&'*+-.^_`|~", base[method]))))
		method++;
	parse->foreign = method == most || (method > 0 && base[method] == ' ');
	parse->fed = most;
	if (!parse->foreign)
		parse_refuse(parse, 400, "this is not HTTP/1.1");
	else if (memchr(base, '\n', most))
		parse_refuse(parse, 405, "no such method");
	else if (len > most)
		parse_refuse(parse, 431, "request line and headers are larger than 8 KiB");
}

/* Method and target by hand, from a request line that llhttp did not take. */
static void view_foreign_line(const char *base, size_t len, struct httpd_request *request,
			      struct httpd_text *ret_target)
{
	const char *end = memchr(base, '\n', len);
	const char *space = end ? memchr(base, ' ', (size_t)(end - base)) : NULL;
	const char *second;

	if (!space)
		return;
	if (end[-1] == '\r')
		end--;
	request->method = (struct httpd_text){base, (size_t)(space - base)};
	space++;
	second = memchr(space, ' ', (size_t)(end - space));
	*ret_target = (struct httpd_text){space, (size_t)((second ? second : end) - space)};
}

static void view_target(struct httpd_text target, struct httpd_request *request)
{
	struct httpd_text authority;
	const char *mark;
	size_t origin;

	if (target.len && target.text[0] != '/') {
		origin = measure_origin(target, &authority);
		target.text += origin;
		target.len -= origin;
		if (origin && (!target.len || target.text[0] == '?'))
			request->path = (struct httpd_text){"/", 1};
	}
	mark = target.len ? memchr(target.text, '?', target.len) : NULL;
	if (!request->path.len) {
		request->path = target;
		if (mark)
			request->path.len = (size_t)(mark - target.text);
	}
	if (mark) {
		request->query.text = mark + 1;
		request->query.len = target.len - (size_t)(mark + 1 - target.text);
	}
}

void parse_view(const struct parse *parse, char *base, size_t len, struct httpd_exchange *exchange)
{
	struct httpd_request *request = &exchange->request;
	struct httpd_text target = text_of(base, &parse->target);

	*request = (struct httpd_request){
		.headers = exchange->headers,
		.n_headers = parse->n_headers,
		.refused_status = parse->refused_status,
		.refused_reason = parse->refused_reason,
	};
	if (parse->target.len) {
		request->method.text = llhttp_method_name(parse->llhttp.method);
		request->method.len = strlen(request->method.text);
	} else if (parse->foreign) {
		view_foreign_line(base, len, request, &target);
	}
	view_target(target, request);
	for (unsigned int i = 0; i < parse->n_headers; i++) {
		exchange->headers[i].name = text_of(base, &parse->names[i]);
		exchange->headers[i].value = trim(text_of(base, &parse->values[i]));
	}
	if (parse->body_len)
		request->body = (struct httpd_text){base + parse->head_len, parse->body_len};
}
