/* `sluice doctor`: looks at this host, with a controller running or not, and says what to do. */
/* SPDX-License-Identifier: MIT */
#pragma once

/* Arguments: -o json and those of serve. Returns the exit status: 0 all is well, 1 warnings, 2 faults. */
int doctor_command(int n_args, char *const *args);
