/* What records of API keys and their JSON for people share. */
/* SPDX-License-Identifier: MIT */
#pragma once

#include "auth/api_key.h"
#include "json/writer.h"

/* An array of names; "all" for AUTH_ALL. */
void api_key_write_rights(uint32_t rights, struct json_writer *writer);
