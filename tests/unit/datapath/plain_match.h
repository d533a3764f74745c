/* The plainest way to say whether a limit is about a packet: loops over its lists. */
/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>

#include <sluice/packet.h>

#include "model/packet_match.h"

/* What the packet does not say (see its flags) matches whatever is asked. */
bool plain_match(const struct packet_match *match, const struct sluice_packet *packet);
