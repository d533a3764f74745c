/* Limits for people. Members that are missing or of another type read as nothing. */
/* SPDX-License-Identifier: MIT */
#pragma once

#include "cli/grid_priv.h"
#include "json/json.h"

/* A string member, or "". */
const char *view_text(const struct json *object, const char *name);
/* An integer member, or `otherwise`. */
int64_t view_integer(const struct json *object, const char *name, int64_t otherwise);

/* What it counts, in the words of the options: a key, or "proto udp dst-port 53 per src". */
void limit_view_subject(const struct json *limit, struct buf *ret);
/* All of it, one field a line. */
void limit_view_details(const struct json *limit, struct buf *out);
