/* A terminal that shows one screen: its keys, its size, and how it was before. */
/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "cli/terminal_priv.h"

/* ECMA-48, and what every terminal took over from xterm: no terminfo is asked. */
#define ALTERNATE_SCREEN "\x1b[?1049h"
#define FORMER_SCREEN    "\x1b[?1049l"
#define HIDE_CURSOR      "\x1b[?25l"
#define SHOW_CURSOR      "\x1b[?25h"
#define NO_WRAP          "\x1b[?7l"
#define WRAP             "\x1b[?7h"
#define GO_HOME          "\x1b[H"
#define REVERSE          "\x1b[7m"
#define PLAIN            "\x1b[0m"
#define CLEAR_LINE       "\x1b[K"
#define CLEAR_BELOW      "\x1b[J"

enum { CTRL_C = 3, CTRL_Z = 26, ESCAPE = 27 };

bool terminal_is_there(void)
{
	return isatty(STDIN_FILENO) && isatty(STDOUT_FILENO);
}

static int write_all(const char *bytes, size_t len)
{
	while (len > 0) {
		ssize_t n = write(STDOUT_FILENO, bytes, len);
		struct pollfd wait = {.fd = STDOUT_FILENO, .events = POLLOUT};

		if (n < 0 && errno == EAGAIN)
			n = poll(&wait, 1, -1) < 0 ? -1 : 0;
		if (n < 0 && errno != EINTR)
			return -errno;
		n = n < 0 ? 0 : n;
		bytes += n;
		len -= (size_t)n;
	}
	return 0;
}

static int write_text(const char *text)
{
	return write_all(text, strlen(text));
}

/* Keys as they are pressed, those that would be signals too. */
static int show(struct terminal *terminal)
{
	struct termios raw = terminal->former;

	raw.c_lflag &= ~(tcflag_t)(ICANON | ECHO | ISIG | IEXTEN);
	raw.c_iflag &= ~(tcflag_t)(ICRNL | IXON);
	raw.c_cc[VMIN] = 1;
	raw.c_cc[VTIME] = 0;
	if (tcsetattr(STDIN_FILENO, TCSANOW, &raw) < 0)
		return -errno;
	terminal->shown = true;
	return write_text(ALTERNATE_SCREEN HIDE_CURSOR NO_WRAP);
}

static void hide(struct terminal *terminal)
{
	if (!terminal->shown)
		return;
	terminal->shown = false;
	/* Who cannot be told any more has nothing to be put back. */
	(void)write_text(PLAIN WRAP SHOW_CURSOR FORMER_SCREEN);
	tcsetattr(STDIN_FILENO, TCSADRAIN, &terminal->former);
}

int terminal_open(struct terminal *terminal)
{
	static const int wanted[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP, SIGWINCH, SIGCONT};
	sigset_t signals;
	int err;

	*terminal = (struct terminal){.signal_fd = -1};
	if (tcgetattr(STDIN_FILENO, &terminal->former) < 0)
		return -errno;
	sigemptyset(&signals);
	for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++)
		sigaddset(&signals, wanted[i]);
	sigprocmask(SIG_BLOCK, &signals, &terminal->former_signals);
	terminal->signal_fd = signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
	err = terminal->signal_fd < 0 ? -errno : show(terminal);
	if (err)
		terminal_close(terminal);
	return err;
}

void terminal_close(struct terminal *terminal)
{
	hide(terminal);
	if (terminal->signal_fd < 0)
		return;
	close(terminal->signal_fd);
	terminal->signal_fd = -1;
	sigprocmask(SIG_SETMASK, &terminal->former_signals, NULL);
}

void terminal_size(size_t *ret_width, size_t *ret_height)
{
	struct winsize size = {0};

	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) < 0 || size.ws_col == 0 || size.ws_row == 0)
		size = (struct winsize){.ws_col = 80, .ws_row = 24};
	*ret_width = size.ws_col;
	*ret_height = size.ws_row;
}

int terminal_draw(const struct buf *lines, size_t head_line)
{
	_cleanup_buf_ struct buf out;
	size_t width, height, number = 0;
	const char *at = lines->data, *end = lines->data + lines->len;

	buf_init(&out);
	terminal_size(&width, &height);
	buf_put_str(&out, GO_HOME);
	for (; at < end && number < height; number++) {
		const char *stop = memchr(at, '\n', (size_t)(end - at));

		if (number > 0)
			buf_put_str(&out, "\r\n");
		if (number == head_line)
			buf_put_str(&out, REVERSE);
		buf_put(&out, at, (size_t)(stop - at));
		if (number == head_line)
			buf_put_str(&out, PLAIN);
		buf_put_str(&out, CLEAR_LINE);
		at = stop + 1;
	}
	buf_put_str(&out, CLEAR_BELOW);
	return out.failed ? -ENOMEM : write_all(out.data, out.len);
}

void terminal_fds(const struct terminal *terminal, int fds[2])
{
	fds[0] = STDIN_FILENO;
	fds[1] = terminal->signal_fd;
}

/* The last byte of a sequence that begins with ESC [ or ESC O. 0: no key that is known. */
static int key_of_sequence(unsigned char last, int parameter)
{
	switch (last) {
	case 'A':
		return TERMINAL_UP;
	case 'B':
		return TERMINAL_DOWN;
	case 'H':
		return TERMINAL_HOME;
	case 'F':
		return TERMINAL_END;
	case '~':
		return parameter == 1 || parameter == 7 ? TERMINAL_HOME :
		       parameter == 4 || parameter == 8 ? TERMINAL_END :
		       parameter == 5                   ? TERMINAL_PAGE_UP :
		       parameter == 6                   ? TERMINAL_PAGE_DOWN :
							  0;
	default:
		return 0;
	}
}

/* The key that ends with this byte; 0: none does. A sequence may come in pieces. */
static int take_byte(struct terminal *terminal, unsigned char c)
{
	if (c == ESCAPE) {
		terminal->escape = 1;
		terminal->parameter = 0;
		return 0;
	}
	if (terminal->escape == 1 && (c == '[' || c == 'O')) {
		terminal->escape = 2;
		return 0;
	}
	if (terminal->escape == 2 && c >= '0' && c <= '?') {
		if (c <= '9' && terminal->parameter < 1000)
			terminal->parameter = terminal->parameter * 10 + (c - '0');
		return 0;
	}
	if (terminal->escape == 2) {
		terminal->escape = 0;
		return key_of_sequence(c, terminal->parameter);
	}
	terminal->escape = 0;
	return c;
}

/* Gives the terminal back, stops, and takes it again. */
static int stop_self(struct terminal *terminal)
{
	hide(terminal);
	kill(getpid(), SIGSTOP);
	return show(terminal) ? SIGHUP : 0;
}

static int read_keys(struct terminal *terminal, bool (*key)(int key, void *data), void *data,
		     bool *ret_redraw)
{
	unsigned char bytes[64];
	ssize_t n = read(STDIN_FILENO, bytes, sizeof(bytes));

	if (n == 0 || (n < 0 && errno != EINTR && errno != EAGAIN)) {
		key(TERMINAL_CLOSED, data);
		return 0;
	}
	for (ssize_t i = 0; i < n; i++) {
		int pressed = take_byte(terminal, bytes[i]);

		if (pressed == CTRL_C)
			return SIGINT;
		if (pressed == CTRL_Z) {
			*ret_redraw = true;
			return stop_self(terminal);
		}
		if (pressed && !key(pressed, data))
			return 0;
	}
	return 0;
}

static int read_signals(struct terminal *terminal, bool *ret_redraw)
{
	struct signalfd_siginfo info;
	int ended = 0;

	while (!ended && read(terminal->signal_fd, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
		int number = (int)info.ssi_signo;

		*ret_redraw = true;
		if (number == SIGTSTP)
			ended = stop_self(terminal);
		else if (number == SIGCONT)
			/* Whoever stopped us did not wait until the terminal was given back. */
			ended = show(terminal) ? SIGHUP : 0;
		else if (number != SIGWINCH)
			ended = number;
	}
	return ended;
}

int terminal_read(struct terminal *terminal, bool (*key)(int key, void *data), void *data,
		  bool *ret_redraw)
{
	struct pollfd fds[] = {{.fd = STDIN_FILENO, .events = POLLIN},
			       {.fd = terminal->signal_fd, .events = POLLIN}};
	int ended = 0;

	*ret_redraw = false;
	if (poll(fds, 2, 0) <= 0)
		return 0;
	if (fds[1].revents)
		ended = read_signals(terminal, ret_redraw);
	if (!ended && fds[0].revents)
		ended = read_keys(terminal, key, data, ret_redraw);
	return ended;
}
