/* GET /api/events: one client that listens, from its request to the end of its connection. */
/* SPDX-License-Identifier: MIT */
#pragma once

#include "doors/http/reply.h"
#include "doors/http/request.h"

/*
 * Made on a loop by the handler, told and freed on the thread of events. What holds one place of
 * events_max: so there are never more than that, whatever peers do.
 */
struct events_client;

/* Answers with the stream that handle_events() left in the reply. Takes reply->events. */
void events_follow(struct httpd_exchange *exchange, struct request *request, struct reply *reply);
