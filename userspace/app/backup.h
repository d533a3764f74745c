/* `sluice backup`: makes a backup of a data directory, beside a running service or without one. */
/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Arguments: FILE (or - for stdout), --force, --with-bootstrap, -o json, and options of serve, of which
 * --data and --config name the directory. Returns the exit status: 0, 1 when something faulty had to
 * be left out, 2 when there is no backup.
 */
int backup_run(int n_args, char *const *args);
