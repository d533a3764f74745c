/* Turns a reply into bytes on the wire: all that is tuned about sending lies here. */
/* SPDX-License-Identifier: MIT */
#pragma once

#include <microhttpd.h>

#include "doors/http/reply.h"

/*
 * Queues *reply on the connection. A growing body is taken, one on the caller's memory is copied.
 * MHD_NO closes the connection without an answer.
 */
enum MHD_Result response_queue(struct MHD_Connection *connection, struct reply *reply);
