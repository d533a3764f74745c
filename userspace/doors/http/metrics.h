/* Everything that is measured, to holders of a key and on a listener of its own. */
/* SPDX-License-Identifier: MIT */
#pragma once

#include "httpd/httpd.h"

/*
 * The two calls of struct httpd_handler for a listener that answers /metrics and nothing else, to
 * anybody; data is the struct http. They work on the loop's thread: a scrape takes some ms with many
 * limits, and nobody but the next scraper waits for it.
 */
void metrics_handle(struct httpd_exchange *exchange, const struct httpd_request *from, void *data);
size_t metrics_body_max(const struct httpd_request *from, void *data);
