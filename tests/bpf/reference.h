/* A slow parser written from the RFCs that shares no code with the packet path's. */
/* SPDX-License-Identifier: MIT */
#pragma once

#include <stddef.h>

#include <sluice/packet.h>

void reference_parse(const void *data, size_t n, struct sluice_packet *ret);
