/* Includes jansson under names that leave ours free: its own begin with json_ and JSON_, too. */
/* SPDX-License-Identifier: MIT */
#pragma once

#define json_string  jansson_string
#define json_integer jansson_integer

#define JSON_NULL    JANSSON_NULL
#define JSON_INTEGER JANSSON_INTEGER
#define JSON_REAL    JANSSON_REAL
#define JSON_STRING  JANSSON_STRING
#define JSON_ARRAY   JANSSON_ARRAY
#define JSON_OBJECT  JANSSON_OBJECT

#include <jansson.h>

#undef json_string
#undef json_integer
#undef JSON_NULL
#undef JSON_INTEGER
#undef JSON_REAL
#undef JSON_STRING
#undef JSON_ARRAY
#undef JSON_OBJECT
