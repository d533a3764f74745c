/* `sluice top`: rates of limits and their busiest keys, as they are. */
/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "cli/session_priv.h"
#include "cli/sse_priv.h"
#include "cli/terminal_priv.h"
#include "cli/top_view_priv.h"

enum {
	SILENT_MS = 10000, /* rates come every second */
	LOOK_MS = 250,     /* at keys and signals at the latest, and at the time that is left */
	RETRY_MIN_S = 1,   /* doubles with each try that fails */
	RETRY_MAX_S = 16,
	KEYS_OF_ALL = 3, /* busiest keys to show of each limit; of one alone all that there are */
	KEYS_OF_ONE = 10,
	STATE_SIZE = FIELD_MESSAGE_SIZE + 64,
};

enum mode { MODE_SCREEN, MODE_ONCE, MODE_LINES };

struct top {
	struct cli *cli;
	enum mode mode;
	bool once;
	struct sse sse;
	struct terminal terminal;
	struct top_view view;
	struct json_document *shown; /* NULL: nothing has come yet */
	bool paused;
	char state[STATE_SIZE]; /* "": the stream flows */
	unsigned int wait_s;    /* before the next try; 0: something has come since the last */
	bool heard;             /* from this server, ever */
	bool over;              /* as it should be */
	int signal;             /* that ends us */
	int fault;              /* -errno that ends us: the output cannot be written */
};

static void top_done(struct top *top)
{
	terminal_close(&top->terminal);
	json_document_free(top->shown);
	sse_done(&top->sse);
}

static bool goes_on(const struct top *top)
{
	return !top->over && !top->signal && !top->fault;
}

static const char *state_of(const struct top *top)
{
	if (*top->state)
		return top->state;
	return top->paused ? "PAUSED: p goes on" : "";
}

static void draw(struct top *top)
{
	_cleanup_buf_ struct buf lines;
	int err;

	buf_init(&lines);
	if (top->mode != MODE_SCREEN || !goes_on(top))
		return;
	terminal_size(&top->view.width, &top->view.height);
	top->view.rates = top->shown ? json_root(top->shown) : NULL;
	top->view.state = state_of(top);
	top_view_write(&top->view, &lines);
	err = lines.failed ? -ENOMEM : terminal_draw(&lines, TOP_HEAD_LINE);
	if (err)
		top->fault = err;
}

/* Rows that a page moves by. */
static size_t page_of(const struct top *top)
{
	return top->view.height > 8 ? top->view.height - 8 : 1;
}

static void scroll(struct top *top, int key)
{
	struct top_view *view = &top->view;
	size_t by = key == TERMINAL_PAGE_UP || key == TERMINAL_PAGE_DOWN || key == ' ' ?
			    page_of(top) :
			    1;

	switch (key) {
	case 'k':
	case TERMINAL_UP:
	case TERMINAL_PAGE_UP:
		view->scroll -= view->scroll < by ? view->scroll : by;
		break;
	case 'g':
	case TERMINAL_HOME:
		view->scroll = 0;
		break;
	case 'G':
	case TERMINAL_END:
		view->scroll = SIZE_MAX;
		break;
	default:
		view->scroll += by;
		break;
	}
}

static bool take_key(int key, void *data)
{
	struct top *top = data;

	switch (key) {
	case 'q':
		top->over = true;
		return false;
	case TERMINAL_CLOSED:
		top->signal = SIGHUP;
		return false;
	case 'r':
		top->view.sort = TOP_BY_RATE;
		break;
	case 'a':
		top->view.sort = TOP_BY_ALLOWED;
		break;
	case 'd':
		top->view.sort = TOP_BY_DENIED;
		break;
	case 'p':
		top->paused = !top->paused;
		break;
	case 'j':
	case 'k':
	case ' ':
	case 'g':
	case 'G':
	case TERMINAL_UP:
	case TERMINAL_DOWN:
	case TERMINAL_PAGE_UP:
	case TERMINAL_PAGE_DOWN:
	case TERMINAL_HOME:
	case TERMINAL_END:
		scroll(top, key);
		break;
	default:
		return true;
	}
	draw(top);
	return goes_on(top);
}

static bool look(void *data)
{
	struct top *top = data;
	bool redraw;

	if (top->mode != MODE_SCREEN)
		return true;
	top->signal = terminal_read(&top->terminal, take_key, top, &redraw) ?: top->signal;
	if (redraw)
		draw(top);
	return goes_on(top);
}

/* Exactly what the server sent, on one line. */
static void print_event(struct top *top, const char *name, const char *text, size_t len)
{
	printf("{\"event\":\"%s\",\"data\":", name);
	for (size_t i = 0; i < len; i++)
		putchar(text[i] == '\n' ? ' ' : text[i]);
	printf("}\n");
	if (fflush(stdout) != 0 || ferror(stdout))
		top->fault = errno ? -errno : -EIO;
	top->over |= top->once;
}

static void show_rates(struct top *top, const char *text, size_t len)
{
	struct json_document *document;
	struct field_error error;

	if (top->paused && top->shown)
		return;
	/* What cannot be read is not shown; the next may be better. */
	if (json_parse(text, len, &error, &document))
		return;
	json_document_free(top->shown);
	top->shown = document;
	top->over |= top->once;
	draw(top);
}

/* A name goes out as JSON without another look: those that are known need no escape. */
static bool is_known(const char *name)
{
	return strcmp(name, "rates") == 0 || strcmp(name, "decision") == 0 ||
	       strcmp(name, "lost") == 0;
}

static bool take_event(const char *name, const char *text, size_t len, void *data)
{
	struct top *top = data;

	top->heard = true;
	top->wait_s = 0;
	if (*top->state) {
		top->state[0] = '\0';
		draw(top);
	}
	if (top->mode == MODE_LINES && is_known(name))
		print_event(top, name, text, len);
	else if (top->mode != MODE_LINES && strcmp(name, "rates") == 0)
		show_rates(top, text, len);
	return goes_on(top);
}

static bool take_bytes(const char *bytes, size_t len, void *data)
{
	struct top *top = data;

	return sse_feed(&top->sse, bytes, len, take_event, top);
}

static void put_path(const struct top *top, struct buf *path)
{
	const struct cli_arguments *arguments = &top->cli->arguments;
	bool all = top->mode == MODE_LINES && !top->once;

	buf_put_str(path, "/api/events");
	if (!all)
		buf_put_str(path, "?only=rates");
	if (arguments->n_operands == 0)
		return;
	buf_put_str(path, all ? "?limit=" : "&limit=");
	httpc_put_escaped(path, arguments->operands[0], strlen(arguments->operands[0]));
}

/* Nobody would be let in by asking again. */
static bool is_final(unsigned int status)
{
	return status >= 400 && status < 500;
}

/* What is wrong, to be seen until something comes again. */
static void say_lost(struct top *top, const char *why)
{
	if (top->mode == MODE_SCREEN)
		snprintf(top->state, sizeof(top->state),
			 "connection lost, trying again in %u s: %s", top->wait_s, why);
	else
		fprintf(stderr, "sluice: connection lost, trying again in %u s: %s\n", top->wait_s,
			why);
	draw(top);
}

static void wait_for_next_try(struct top *top, const char *why)
{
	uint64_t until_ms;

	top->wait_s = top->wait_s == 0              ? RETRY_MIN_S :
		      top->wait_s < RETRY_MAX_S / 2 ? top->wait_s * 2 :
						      RETRY_MAX_S;
	say_lost(top, why);
	until_ms = monotonic_ms() + top->wait_s * 1000ULL;
	while (goes_on(top) && monotonic_ms() < until_ms) {
		struct pollfd fds[2] = {{.fd = -1}, {.fd = -1}};
		int numbers[2] = {-1, -1};

		if (top->mode == MODE_SCREEN)
			terminal_fds(&top->terminal, numbers);
		for (int i = 0; i < 2; i++)
			fds[i] = (struct pollfd){.fd = numbers[i], .events = POLLIN};
		poll(fds, 2, LOOK_MS);
		look(top);
	}
}

/* One connection. CLI_ERROR with the problem set: there is no use in another. */
static enum cli_status follow_once(struct top *top)
{
	_cleanup_buf_ struct buf path = {0};
	struct httpc_request request = {.method = "GET"};
	struct field_error error = {.field = "", .message = "the server has ended the stream"};
	struct httpc_answer answer = {.status = 0};
	int fds[2] = {-1, -1}, err = -ENOMEM;
	struct httpc_watch watch = {
		.take = take_bytes,
		.look = look,
		.fds = fds,
		.n_fds = top->mode == MODE_SCREEN ? 2 : 0,
		.look_ms = LOOK_MS,
		.silent_ms = SILENT_MS,
		.data = top,
	};
	enum cli_status status = CLI_DONE;

	if (top->mode == MODE_SCREEN)
		terminal_fds(&top->terminal, fds);
	put_path(top, &path);
	request.path = path.data;
	sse_reset(&top->sse);
	if (!path.failed)
		err = httpc_follow(top->cli->httpc, &request, &watch, &error, &answer);
	if (!goes_on(top))
		status = CLI_DONE;
	else if (err && (!top->heard || err < 0))
		status = cli_fail_transfer(top->cli, err, &error);
	else if (!err && answer.status != 200 && (!top->heard || is_final(answer.status)))
		status = cli_fail_answer(top->cli, answer.status, &answer.body);
	else if (!top->heard)
		status = cli_fail(top->cli, "%s: %s before anything came", top->cli->url,
				  error.message);
	else if (!err && answer.status != 200)
		snprintf(error.message, sizeof(error.message), "it answers %u", answer.status);
	buf_done(&answer.body);
	if (status == CLI_DONE && goes_on(top))
		wait_for_next_try(top, error.message);
	return status;
}

static enum cli_status follow(struct top *top)
{
	enum cli_status status = CLI_DONE;

	while (status == CLI_DONE && goes_on(top))
		status = follow_once(top);
	if (top->fault)
		status = cli_fail(top->cli, "cannot write the output: %s", strerror(-top->fault));
	return status;
}

static enum cli_status show_once(struct top *top)
{
	if (follow(top))
		return CLI_ERROR;
	top->view.width = top->cli->width;
	top->view.rates = json_root(top->shown);
	top->view.state = "";
	top_view_write(&top->view, &top->cli->out);
	return CLI_DONE;
}

static enum cli_status show_screen(struct top *top)
{
	enum cli_status status;
	int err;

	if (!terminal_is_there())
		return cli_fail(top->cli, "top: needs a terminal: --once prints one table, "
					  "-o json a line for each event");
	err = terminal_open(&top->terminal);
	if (err)
		return cli_fail(top->cli, "top: this terminal: %s", strerror(-err));
	draw(top);
	status = follow(top);
	terminal_close(&top->terminal);
	/* As it would have ended without us in between. */
	if (top->signal) {
		signal(top->signal, SIG_DFL);
		raise(top->signal);
	}
	return status;
}

enum cli_status cli_top(struct cli *cli)
{
	bool one = cli->arguments.n_operands > 0;
	_cleanup_(top_done) struct top top = {
		.cli = cli,
		.once = cli_has(&cli->arguments, CLI_ONCE),
		.terminal = {.signal_fd = -1},
		.view = {.url = cli->url, .keys = one ? KEYS_OF_ONE : KEYS_OF_ALL},
	};

	top.mode = cli->json ? MODE_LINES : top.once ? MODE_ONCE : MODE_SCREEN;
	if (one && !*cli->arguments.operands[0])
		return cli_fail(cli, "ID: must not be empty: see `sluice limit list`");
	if (top.mode == MODE_LINES)
		return follow(&top);
	return top.mode == MODE_ONCE ? show_once(&top) : show_screen(&top);
}
