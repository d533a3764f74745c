/* Takes requests from libmicrohttpd, decides about each, and hands the good ones to handlers. */
/* SPDX-License-Identifier: MIT */
#pragma once

#include <microhttpd.h>

/*
 * The callbacks that server.c registers; cls is the struct http. One struct connection lives from
 * STARTED to CLOSED and serves the connection's requests one after another, always on the one
 * polling thread that owns it; a worker has it only while it is suspended.
 */
void connection_notify(void *cls, struct MHD_Connection *mhd, void **socket_context,
		       enum MHD_ConnectionNotificationCode code);
void *connection_log_uri(void *cls, const char *uri, struct MHD_Connection *mhd);
enum MHD_Result connection_handle(void *cls, struct MHD_Connection *mhd, const char *url,
				  const char *method, const char *version, const char *upload_data,
				  size_t *upload_len, void **request_context);
void connection_completed(void *cls, struct MHD_Connection *mhd, void **request_context,
			  enum MHD_RequestTerminationCode code);
/* Leaves escapes as they are: targets are decoded by query.c, strictly. */
size_t connection_keep_escapes(void *cls, struct MHD_Connection *mhd, char *text);
