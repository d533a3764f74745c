/* The certificate of both listeners: read at the start, and replaced while they answer. */
/* SPDX-License-Identifier: MIT */
#pragma once

#include "doors/http/http_priv.h"

/* At the start, before httpd: sets http->tls if there is to be TLS. 0, HTTP_E_TLS or -ENOMEM. */
int certificate_load(struct http *http, struct field_error *error);
void certificate_done(struct http *http);
/* For people who need no key to ask: "off", "ok" or that there is trouble. Any thread. */
const char *certificate_state(const struct http *http);
