/* A terminal that shows one screen: its keys, its size, and how it was before. */
/* SPDX-License-Identifier: MIT */
#pragma once

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <termios.h>

#include "base/buf.h"

enum terminal_key {
	TERMINAL_UP = 256,
	TERMINAL_DOWN,
	TERMINAL_PAGE_UP,
	TERMINAL_PAGE_DOWN,
	TERMINAL_HOME,
	TERMINAL_END,
	TERMINAL_CLOSED, /* it is gone */
};

/* Stdin and stdout. Signals that end or stop the process come as events meanwhile. */
struct terminal {
	struct termios former;
	sigset_t former_signals;
	bool shown;
	int signal_fd;
	int escape;    /* how much of a key's sequence has come */
	int parameter; /* in it */
};

/* Whether both are one. */
bool terminal_is_there(void);
/* Takes it over: alternate screen, keys as they are pressed. 0 or -errno. */
int terminal_open(struct terminal *terminal);
/* Puts it back as it was. Twice is fine. */
void terminal_close(struct terminal *terminal);

void terminal_size(size_t *ret_width, size_t *ret_height);
/* Shows these lines, of which one stands out, and nothing else. 0 or -errno. */
int terminal_draw(const struct buf *lines, size_t head_line);

/* Descriptors to wait for: keys, then signals. */
void terminal_fds(const struct terminal *terminal, int fds[2]);
/*
 * What has come, without waiting: calls key for each key until it says false. Stopping and going on
 * is dealt with here. Returns the signal that should end the process, or 0; *ret_redraw: the screen
 * has changed its size or was somebody else's meanwhile.
 */
int terminal_read(struct terminal *terminal, bool (*key)(int key, void *data), void *data,
		  bool *ret_redraw);
