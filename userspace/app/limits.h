/* Limits that stand in files: put in force at the start, and again when the files change. */
/* SPDX-License-Identifier: MIT */
#pragma once

#include "conf/limits.h"
#include "service/admin.h"

/*
 * Puts the directory's limits in force in place of those that stood in files so far; dir NULL: none
 * do. 0, CONF_E_INVALID with *error, or -errno; *ret says what was done, also in part.
 */
int limits_apply(struct service *service, const char *dir, struct conf_error *error,
		 struct admin_files_result *ret);
/* The same while serving: logs what was done, or that the former limits stay, and why. */
void limits_reload(struct service *service, const char *dir);
