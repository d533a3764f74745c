/* CRC-32C (Castagnoli, polynomial 0x1EDC6F41 reflected), eight bytes a step. */
/* SPDX-License-Identifier: MIT */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* Goes on from `crc`; 0 to begin. Any thread. */
uint32_t crc32c(uint32_t crc, const void *bytes, size_t len);
