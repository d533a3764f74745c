/* API keys for people. */
/* SPDX-License-Identifier: MIT */
#pragma once

#include "cli/view_priv.h"

/* Rights, with commas. */
void key_view_rights(const struct json *key, struct buf *ret);
/* The day on which it ends: "never", "2026-01-31", "expired". */
void key_view_expiry(const struct json *key, char text[VIEW_DATE_SIZE]);
/* The day on which it was used last; "-": not since the server started. */
void key_view_use(const struct json *key, char text[VIEW_DATE_SIZE]);
/* All of it, one field a line. */
void key_view_details(const struct json *key, struct buf *out);
