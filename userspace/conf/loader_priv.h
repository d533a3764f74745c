/* What the sources share while a set of settings is being loaded. */
/* SPDX-License-Identifier: MIT */
#pragma once

#include "conf/conf_priv.h"

struct loader {
	struct conf *conf;
	struct conf_error *error;
};

/* All return CONF_E_INVALID; `message` may lie in loader->error. */
int loader_refuse(struct loader *loader, const struct conf_origin *origin, const char *field,
		  const char *message);
int loader_refuse_row(struct loader *loader, const struct setting *row,
		      const struct conf_origin *origin, const char *message);
/* No setting has this name: suggests one. Or -ENOMEM. */
int loader_refuse_unknown(struct loader *loader, const struct conf_origin *origin, const char *text,
			  size_t len);

/* The origin becomes that of the setting. A stronger source replaces a list, the same adds to it. */
void loader_take_over(struct conf *conf, const struct setting *row,
		      const struct conf_origin *origin);
/* The text is borrowed by the settings. 0 or CONF_E_INVALID. */
int loader_apply(struct loader *loader, const struct setting *row, const struct conf_origin *origin,
		 const char *text);
/* The value is what the file holds. 0, CONF_E_INVALID or -ENOMEM. */
int loader_apply_secret_file(struct loader *loader, const struct setting *row,
			     const struct conf_origin *origin, const char *path);

/* Whole sources. 0, CONF_E_INVALID or -ENOMEM. */
int loader_find_file(struct loader *loader, const struct conf_sources *sources);
int loader_apply_file(struct loader *loader);
int loader_apply_environment(struct loader *loader, char *const *environment);
int loader_apply_arguments(struct loader *loader, const struct conf_sources *sources);
