/* Makes catalogs; service.h says what they are. */
/* SPDX-License-Identifier: MIT */
#pragma once

#include "service/service.h"

/* Takes table and one reference of the keyring, also on failure. NULL: no memory. */
struct catalog *catalog_new(uint64_t revision, struct limit_table *table, struct keyring *keyring);
