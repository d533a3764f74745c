/* Takes requests from httpd, has them judged, and hands the good ones to handlers. */
/* SPDX-License-Identifier: MIT */
#pragma once

#include "httpd/httpd.h"

/* The two calls of struct httpd_handler; data is the struct http. */
void exchange_handle(struct httpd_exchange *exchange, const struct httpd_request *from, void *data);
size_t exchange_body_max(const struct httpd_request *from, void *data);
