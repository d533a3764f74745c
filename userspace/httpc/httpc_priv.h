/* What the files of httpc share: the client, and one transfer. */
/* SPDX-License-Identifier: MIT */
#pragma once

#include <curl/curl.h>

#include "httpc/httpc.h"

struct httpc {
	CURL *curl;
	char *url;         /* without a slash at its end */
	char *ca_file;     /* NULL: the host's */
	struct buf bearer; /* the header line; empty: none */
	char why[CURL_ERROR_SIZE];
	uint32_t timeout_ms;
};

/* What one transfer needs; zero one to begin with. */
struct transfer {
	struct buf url;
	struct curl_slist *headers;
	struct buf *body; /* borrowed */
	CURL *curl;       /* borrowed */
	bool too_long;
	const struct httpc_watch *watch; /* takes the body of a 200; NULL: it goes where others go */
	bool enough;                     /* it wants no more */
};

void transfer_done(struct transfer *transfer);
/* Sets everything but what depends on how it is performed. */
CURLcode transfer_prepare(struct httpc *httpc, const struct httpc_request *request,
			  struct transfer *transfer);
/* One option that cannot be set (memory) fails the request, as a transfer would. */
#define SET(option, value)                                                          \
	do {                                                                        \
		if (r == CURLE_OK)                                                  \
			r = curl_easy_setopt(httpc->curl, CURLOPT_##option, value); \
	} while (0)
/* Why it failed, in the system's words where it has some. */
int transfer_explain(const struct httpc *httpc, CURLcode r, const struct transfer *transfer,
		     struct field_error *error);
