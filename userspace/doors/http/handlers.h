/* The handlers of the route table: one per method and path. */
/* SPDX-License-Identifier: MIT */
#pragma once

#include "doors/http/reply.h"
#include "doors/http/request.h"

/*
 * Each fills *reply, which was made by reply_init() or reply_init_fixed(). The caller has checked
 * method, path and credentials, parsed the query and read the whole body.
 */
void handle_check_get(struct request *request, struct reply *reply);
void handle_check_post(struct request *request, struct reply *reply);

void handle_limits_list(struct request *request, struct reply *reply);
void handle_limits_create(struct request *request, struct reply *reply);
void handle_limits_get(struct request *request, struct reply *reply);
void handle_limits_update(struct request *request, struct reply *reply);
void handle_limits_delete(struct request *request, struct reply *reply);
void handle_limits_reset(struct request *request, struct reply *reply);
void handle_limits_confirm(struct request *request, struct reply *reply);

void handle_keys_list(struct request *request, struct reply *reply);
void handle_keys_create(struct request *request, struct reply *reply);
void handle_keys_get(struct request *request, struct reply *reply);
void handle_keys_update(struct request *request, struct reply *reply);
void handle_keys_delete(struct request *request, struct reply *reply);

void handle_audit(struct request *request, struct reply *reply);
void handle_usage(struct request *request, struct reply *reply);

void handle_packets(struct request *request, struct reply *reply);

void handle_events(struct request *request, struct reply *reply);

void handle_metrics(struct request *request, struct reply *reply);

void handle_livez(struct request *request, struct reply *reply);
void handle_readyz(struct request *request, struct reply *reply);

void handle_test_clock(struct request *request, struct reply *reply);
