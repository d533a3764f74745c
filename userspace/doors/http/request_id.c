/* The name by which a request is found again: in its answer, in the log, in the audit. */
/* SPDX-License-Identifier: MIT */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/random.h"
#include "doors/http/http_priv.h"
#include "doors/http/request_id.h"

/* Of this thread: what its names begin with, and how many there are. */
static _Thread_local struct {
	uint64_t prefix; /* 0: not drawn yet */
	uint64_t n;
} names;

static void draw_name(void)
{
	while (names.prefix == 0)
		random_bytes(&names.prefix, sizeof(names.prefix));
	names.n++;
}

static bool is_well_formed(struct httpd_text text)
{
	if (text.len == 0 || text.len >= REQUEST_ID_SIZE)
		return false;
	for (size_t i = 0; i < text.len; i++)
		if (text.text[i] <= ' ' || text.text[i] > '~' || strchr("\"'\\", text.text[i]))
			return false;
	return true;
}

/* Somebody put a secret into the wrong header: it must not be passed on to logs. */
static bool is_secret(const struct request *request, struct httpd_text text)
{
	const struct catalog *catalog;
	struct principal who;
	struct httpd_text own;

	if (request->headers.authorization.text &&
	    request_bearer(request->headers.authorization, &own) &&
	    memmem(text.text, text.len, own.text, own.len))
		return true;
	catalog = service_catalog_read(request_service(request));
	return !catalog || keyring_find(catalog->keyring, text.text, text.len, &who) == 0;
}

void request_id_ensure(struct request *request)
{
	struct httpd_text text = request->headers.request_id;

	if (*request->request_id)
		return;
	if (text.text && is_well_formed(text) && !is_secret(request, text)) {
		memcpy(request->request_id, text.text, text.len);
		request->request_id[text.len] = '\0';
		return;
	}
	draw_name();
	snprintf(request->request_id, sizeof(request->request_id), "%016" PRIx64 "-%" PRIx64,
		 names.prefix, names.n);
}

void span_id_make(char text[SPAN_ID_SIZE])
{
	uint64_t mixed;

	draw_name();
	/* SplitMix64 (Steele, Lea, Flood 2014): one to one, so that names of a thread never meet. */
	mixed = names.prefix + names.n * 0x9E3779B97F4A7C15;
	mixed = (mixed ^ mixed >> 30) * 0xBF58476D1CE4E5B9;
	mixed = (mixed ^ mixed >> 27) * 0x94D049BB133111EB;
	mixed ^= mixed >> 31;
	snprintf(text, SPAN_ID_SIZE, "%016" PRIx64, mixed ? mixed : 1);
}
