/* How limits of packets stand, as members of an answer. */
/* SPDX-License-Identifier: MIT */
#pragma once

#include "json/writer.h"
#include "service/service.h"

/* Writes "packets" ("on", or why they are not limited) and "interfaces" into an open object. */
void packets_json_write(const struct service_packets *packets, struct json_writer *writer);
