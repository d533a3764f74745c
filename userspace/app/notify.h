/* Tells the service manager how the start and the stop go. */
/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Sends `state` ("READY=1") as sd_notify(3) describes it; does nothing when no manager listens
 * (NOTIFY_SOCKET). What fails is only logged: the manager's own timeout tells.
 */
void notify_manager(const char *state);
