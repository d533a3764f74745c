/* A small HTTP client on libcurl; the only room that includes it. */
/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "httpc/httpc_priv.h"

void transfer_done(struct transfer *transfer)
{
	curl_slist_free_all(transfer->headers);
	buf_done(&transfer->url);
}

/* Nothing but scheme, host, port and path: a name and password would be sent, a query be lost. */
static bool url_valid(const char *url)
{
	static const CURLUPart absent[] = {CURLUPART_USER, CURLUPART_PASSWORD, CURLUPART_QUERY,
					   CURLUPART_FRAGMENT};
	CURLU *parts = curl_url();
	char *text = NULL;
	bool valid = parts && curl_url_set(parts, CURLUPART_URL, url, 0) == CURLUE_OK &&
		     curl_url_get(parts, CURLUPART_SCHEME, &text, 0) == CURLUE_OK &&
		     (strcmp(text, "http") == 0 || strcmp(text, "https") == 0);

	curl_free(text);
	for (size_t i = 0; valid && i < sizeof(absent) / sizeof(absent[0]); i++) {
		text = NULL;
		valid = curl_url_get(parts, absent[i], &text, 0) != CURLUE_OK;
		curl_free(text);
	}
	curl_url_cleanup(parts);
	return valid;
}

static char *copy_base(const char *url)
{
	size_t len = strlen(url);

	while (len > 0 && url[len - 1] == '/')
		len--;
	return strndup(url, len);
}

int httpc_new(const struct httpc_config *config, struct field_error *error, struct httpc **ret)
{
	_cleanup_httpc_ struct httpc *httpc = NULL;

	if (curl_global_init(CURL_GLOBAL_DEFAULT))
		return -ENOMEM;
	httpc = calloc(1, sizeof(*httpc));
	if (!httpc) {
		curl_global_cleanup();
		return -ENOMEM;
	}
	buf_init(&httpc->bearer);
	httpc->timeout_ms = config->timeout_ms;
	if (!url_valid(config->url)) {
		field_error_set(error, config->url, "is no URL such as http://127.0.0.1:4000");
		return HTTPC_E_INVALID;
	}
	httpc->curl = curl_easy_init();
	httpc->url = copy_base(config->url);
	if (config->bearer)
		buf_printf(&httpc->bearer, "Authorization: Bearer %s", config->bearer);
	if (config->ca_file)
		httpc->ca_file = strdup(config->ca_file);
	if (!httpc->curl || !httpc->url || httpc->bearer.failed ||
	    (config->ca_file && !httpc->ca_file))
		return -ENOMEM;
	*ret = TAKE_PTR(httpc);
	return 0;
}

void httpc_free(struct httpc *httpc)
{
	if (!httpc)
		return;
	curl_easy_cleanup(httpc->curl);
	free(httpc->url);
	free(httpc->ca_file);
	buf_done(&httpc->bearer);
	free(httpc);
	curl_global_cleanup();
}

/* What is no 200 is an answer like any other. */
static bool is_followed(const struct transfer *transfer)
{
	long status = 0;

	if (!transfer->watch)
		return false;
	curl_easy_getinfo(transfer->curl, CURLINFO_RESPONSE_CODE, &status);
	return status == 200;
}

static size_t take_body(char *bytes, size_t size, size_t count, void *data)
{
	struct transfer *transfer = data;

	if (is_followed(transfer)) {
		transfer->enough =
			!transfer->watch->take(bytes, size * count, transfer->watch->data);
		return transfer->enough ? 0 : size * count;
	}
	if (transfer->body->len + size * count > HTTPC_BODY_MAX) {
		transfer->too_long = true;
		return 0;
	}
	buf_put(transfer->body, bytes, size * count);
	return transfer->body->failed ? 0 : size * count;
}

static bool add_header(struct transfer *transfer, const char *line)
{
	struct curl_slist *longer = curl_slist_append(transfer->headers, line);

	if (longer)
		transfer->headers = longer;
	return longer;
}

static bool add_headers(struct transfer *transfer, const struct httpc *httpc,
			const struct httpc_request *request)
{
	_cleanup_buf_ struct buf line;
	bool done = add_header(transfer, "Accept: application/json");

	buf_init(&line);
	if (done && httpc->bearer.len > 0)
		done = add_header(transfer, httpc->bearer.data);
	/* No Expect: what is sent is short, and a wait for 100 Continue only costs. */
	if (done && request->json)
		done = add_header(transfer, "Content-Type: application/json") &&
		       add_header(transfer, "Expect:");
	if (done && request->if_match) {
		buf_printf(&line, "If-Match: %s", request->if_match);
		done = !line.failed && add_header(transfer, line.data);
	}
	return done;
}

CURLcode transfer_prepare(struct httpc *httpc, const struct httpc_request *request,
			  struct transfer *transfer)
{
	CURLcode r = CURLE_OK;

	*httpc->why = '\0';
	buf_clear(transfer->body);
	transfer->curl = httpc->curl;
	buf_printf(&transfer->url, "%s%s", httpc->url, request->path);
	if (transfer->url.failed || !add_headers(transfer, httpc, request))
		return CURLE_OUT_OF_MEMORY;

	/* Keeps the connection. */
	curl_easy_reset(httpc->curl);
	SET(URL, transfer->url.data);
	SET(PROTOCOLS_STR, "http,https");
	SET(NOPROXY, "*");
	SET(PATH_AS_IS, 1L);
	SET(USERAGENT, "sluice");
	SET(TIMEOUT_MS, (long)httpc->timeout_ms);
	SET(HTTPHEADER, transfer->headers);
	SET(WRITEFUNCTION, take_body);
	SET(WRITEDATA, transfer);
	SET(ERRORBUFFER, httpc->why);
	/* Those and nobody else: not also the directory of authorities that curl was built with. */
	if (httpc->ca_file) {
		SET(CAINFO, httpc->ca_file);
		SET(CAPATH, NULL);
	}
	if (request->json) {
		SET(POSTFIELDS, request->json);
		SET(POSTFIELDSIZE_LARGE, (curl_off_t)request->json_len);
	}
	SET(CUSTOMREQUEST, request->method);
	return r;
}

/* What OpenSSL found wrong with the server's certificate: X509_V_ERR_... of its x509_vfy.h. */
enum {
	CERTIFICATE_FINE = 0,
	CERTIFICATE_UNJUDGED = 1, /* curl compares the name first */
	CERTIFICATE_TOO_EARLY = 9,
	CERTIFICATE_TOO_LATE = 10,
};

static int explain_certificate(const struct httpc *httpc, struct field_error *error)
{
	long found = 0;

	curl_easy_getinfo(httpc->curl, CURLINFO_SSL_VERIFYRESULT, &found);
	switch (found) {
	case CERTIFICATE_FINE:
	case CERTIFICATE_UNJUDGED:
		field_error_set(error, httpc->url,
				"the server's certificate is for another name: ask by one that it "
				"has, or have this one put into it");
		return HTTPC_E_FAILED;
	case CERTIFICATE_TOO_EARLY:
	case CERTIFICATE_TOO_LATE:
		field_error_set(error, httpc->url, "the server's certificate %s",
				found == CERTIFICATE_TOO_LATE ?
					"has expired: it must be renewed there" :
					"is not valid yet: compare the clocks");
		return HTTPC_E_FAILED;
	default:
		field_error_set(error, httpc->url, "%s",
				*httpc->why ? httpc->why : "the server's certificate is refused");
		return HTTPC_E_STRANGER;
	}
}

int transfer_explain(const struct httpc *httpc, CURLcode r, const struct transfer *transfer,
		     struct field_error *error)
{
	long number = 0;

	curl_easy_getinfo(httpc->curl, CURLINFO_OS_ERRNO, &number);
	if (r == CURLE_OUT_OF_MEMORY || transfer->body->failed)
		return -ENOMEM;
	if (r == CURLE_COULDNT_CONNECT && number == ECONNREFUSED) {
		field_error_set(error, httpc->url, "nobody listens there");
		return HTTPC_E_REFUSED;
	}
	if (r == CURLE_OPERATION_TIMEDOUT) {
		field_error_set(error, httpc->url, "no answer in %g s", httpc->timeout_ms / 1000.0);
		return HTTPC_E_TIMEOUT;
	}
	if (r == CURLE_PEER_FAILED_VERIFICATION)
		return explain_certificate(httpc, error);
	if (r == CURLE_SSL_CACERT_BADFILE) {
		field_error_set(error, httpc->ca_file ? httpc->ca_file : "",
				"cannot be read, or holds no certificate in PEM form");
		return HTTPC_E_CA;
	}
	if (r == CURLE_SSL_CONNECT_ERROR && strstr(httpc->why, "wrong version number"))
		field_error_set(error, httpc->url, "no TLS is spoken there: ask with http://");
	else if (transfer->too_long)
		field_error_set(error, httpc->url, "the answer is longer than %d MiB",
				HTTPC_BODY_MAX >> 20);
	else if (r == CURLE_COULDNT_CONNECT && number > 0)
		field_error_set(error, httpc->url, "%s", strerror((int)number));
	else
		field_error_set(error, httpc->url, "%s",
				*httpc->why ? httpc->why : curl_easy_strerror(r));
	return HTTPC_E_FAILED;
}

int httpc_ask(struct httpc *httpc, const struct httpc_request *request, struct field_error *error,
	      struct httpc_answer *ret)
{
	_cleanup_(transfer_done) struct transfer transfer = {.body = &ret->body};
	long status = 0;
	CURLcode r;

	r = transfer_prepare(httpc, request, &transfer);
	if (r == CURLE_OK)
		r = curl_easy_perform(httpc->curl);
	if (r != CURLE_OK)
		return transfer_explain(httpc, r, &transfer, error);
	curl_easy_getinfo(httpc->curl, CURLINFO_RESPONSE_CODE, &status);
	ret->status = (unsigned int)status;
	return 0;
}

void httpc_put_escaped(struct buf *buf, const char *text, size_t len)
{
	static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
				    "0123456789-._~";

	for (size_t i = 0; i < len; i++) {
		if (text[i] && strchr(plain, text[i]))
			buf_put_char(buf, text[i]);
		else
			buf_printf(buf, "%%%02X", (unsigned char)text[i]);
	}
}
