/* Writes a parsed value as it was read. */
/* SPDX-License-Identifier: MIT */
#pragma once

#include "json/json.h"
#include "json/writer.h"

/* Members keep their order; a real is written in the shortest of 15 to 17 digits that reads back equal. */
void json_put_copy(struct json_writer *writer, const struct json *value);
