/* Limits that stand in files: put in force at the start, and again when the files change. */
/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "app/limits.h"
#include "base/log.h"

/* About one limit, or about all that the directory holds. */
static int refuse(const struct conf_limits *limits, const char *dir, size_t at,
		  const struct field_error *why, struct conf_error *error)
{
	if (limits && at < limits->n) {
		conf_limits_refuse(limits, at, why, error);
		return CONF_E_INVALID;
	}
	snprintf(error->where, sizeof(error->where), "%s", dir ? dir : "limits of files");
	error->what = *why;
	return CONF_E_INVALID;
}

int limits_apply(struct service *service, const char *dir, struct conf_error *error,
		 struct admin_files_result *ret)
{
	_cleanup_conf_limits_ struct conf_limits *limits = NULL;
	struct field_error why = {.field = ""};
	int err = 0;

	*ret = (struct admin_files_result){0};
	if (dir)
		err = conf_limits_load(dir, error, &limits);
	if (err)
		return err;
	err = admin_files_apply(service, limits ? limits->at : NULL, limits ? limits->n : 0, &why,
				ret);
	return err > 0 ? refuse(limits, dir, ret->at, &why, error) : err;
}

void limits_reload(struct service *service, const char *dir)
{
	struct admin_files_result result;
	char text[CONF_ERROR_SIZE];
	struct conf_error error;
	int err = limits_apply(service, dir, &error, &result);

	if (err > 0) {
		conf_error_format(&error, text);
		log_error("limits of files are not taken over, the former stay: %s", text);
	} else if (err) {
		log_error("limits of files are not taken over, the former stay until SIGHUP: %s",
			  strerror(-err));
	} else if (result.made || result.changed || result.removed) {
		log_event(LOG_LEVEL_INFO, "limits of files are in force",
			  LOG_U64("made", result.made), LOG_U64("changed", result.changed),
			  LOG_U64("removed", result.removed));
	}
}
