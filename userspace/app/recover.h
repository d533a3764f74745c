/* `sluice key recover`: a way back in, on the host of a server that is stopped. */
/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The arguments after `key recover`, which are those of serve: they name the data directory. Returns
 * the exit status: 0, or 2 after one line on stderr.
 */
int recover_run(int n_args, char *const *args);
