/* `sluice config`: checks a file of settings, shows settings with their origins. */
/* SPDX-License-Identifier: MIT */
#pragma once

#include "conf/conf.h"

/* conf_load(), and one line on stderr when it fails: then not 0. */
int config_load(const struct conf_sources *sources, struct conf **ret);

/* The arguments after `config`. Returns the exit status: 0, or 2 after one line on stderr. */
int config_run(int n_args, char *const *args);
