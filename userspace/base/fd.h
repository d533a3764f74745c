/* A local descriptor, closed on every path. */
/* SPDX-License-Identifier: MIT */
#pragma once

#include <unistd.h>

#include "base/cleanup.h"

/* Below 0 there is none to close. */
static inline void close_fd(const int *fd)
{
	if (*fd >= 0)
		close(*fd);
}
#define _cleanup_fd_ _cleanup_(close_fd)
