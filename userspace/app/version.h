/* Which Sluice this is. */
/* SPDX-License-Identifier: MIT */
#pragma once

#define SLUICE_VERSION "0.1.0"
