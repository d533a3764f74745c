/* Which boot of the host this is. */
/* SPDX-License-Identifier: MIT */
#pragma once

enum { BOOT_ID_SIZE = 37 };

/* Text that no other boot has; empty where the kernel does not tell. CLOCK_MONOTONIC counts from the
 * boot's beginning, so its times mean something within one boot only. */
void boot_id(char ret[BOOT_ID_SIZE]);
