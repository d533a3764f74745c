/* The one place that talks to SQLite: opens files, runs statements, maps its errors. */
/* SPDX-License-Identifier: MIT */
#pragma once

/* Contract to be written by its owner; store/ and journal/ use it and never see sqlite3.h. */
