/* Carries a test client's plain bytes over TLS, so that one suite tests both. */
/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Takes a connected socket, speaks TLS on it in a thread of its own, and returns a descriptor on
 * which it looks plain: a half-close is a close_notify, the server's end an end. Bytes that are sent
 * apart become records of their own, unless they come faster than those go.
 */
int tunnel_open(int fd);
