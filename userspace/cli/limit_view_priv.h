/* Limits for people. */
/* SPDX-License-Identifier: MIT */
#pragma once

#include "cli/view_priv.h"

/* What it counts, in the words of the options: a key, or "proto udp dst-port 53 per src". */
void limit_view_subject(const struct json *limit, struct buf *ret);
/* All of it, one field a line. */
void limit_view_details(const struct json *limit, struct buf *out);
