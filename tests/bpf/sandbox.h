/* A mount and a network namespace of the test's own: what it makes there goes with the process. */
/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * From here on /sys/fs/bpf is a fresh bpffs that nobody else sees, the only interface is lo, up,
 * and later ones are silent until an address is given to them. 0 or -errno; -EPERM: the test lacks the right, which is a reason to skip.
 */
int sandbox_enter(void);

/* Runs a command that must succeed. */
void sandbox_run(const char *format, ...) __attribute__((format(printf, 1, 2)));
