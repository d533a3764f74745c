/* What completion asks of a server. */
/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * `completion ids GROUP [BEGUN]`, which the script calls and no help names: the ids of limits or API
 * keys that follow what was begun, a line each. Prints nothing, and waits a moment at most, when
 * there is no server or no key. Always 0.
 */
int cli_print_ids(int n_args, char *const *args);
