/* What `sluice top` shows: one event of rates as lines of a given width. */
/* SPDX-License-Identifier: MIT */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/limit_view_priv.h"
#include "cli/text_priv.h"
#include "cli/top_view_priv.h"

enum {
	RATE_WIDTH = 11,
	RULE_WIDTH = 14,
	RULE_FROM = 72, /* narrower than that, the rule has no room */
	HEAD_LINES = TOP_HEAD_LINE + 1,
	ROWS_MAX = 4096, /* limits that are looked at, whatever a server says */
};

void top_format_rate(double rate, char text[TOP_RATE_SIZE])
{
	static const char units[] = " kMGTP";
	size_t unit = 0;

	if (!(rate >= 0.05)) {
		snprintf(text, TOP_RATE_SIZE, "%s", rate > 0 ? "<0.1" : "0");
		return;
	}
	/* What would be written as 1000 of a unit is 1 of the next. */
	for (; rate >= 999.5 && units[unit + 1]; unit++)
		rate /= 1000;
	if (unit == 0 && rate < 9.95)
		snprintf(text, TOP_RATE_SIZE, "%.1f", rate);
	else if (unit == 0 || rate >= 99.95)
		snprintf(text, TOP_RATE_SIZE, "%.0f%c", rate > 9999 ? 9999 : rate, units[unit]);
	else
		snprintf(text, TOP_RATE_SIZE, rate < 9.995 ? "%.2f%c" : "%.1f%c", rate,
			 units[unit]);
	/* "3.0" and "512 ". */
	if (unit == 0)
		text[strlen(text) - (strchr(text, ' ') ? 1 : 0)] = '\0';
	if (unit == 0 && strlen(text) > 2 && strcmp(text + strlen(text) - 2, ".0") == 0)
		text[strlen(text) - 2] = '\0';
}

static double real_member(const struct json *object, const char *name)
{
	const struct json *value = json_member(object, name);
	enum json_type type = value ? json_type_of(value) : JSON_NULL;

	return type == JSON_INTEGER || type == JSON_REAL ? json_read_real(value) : 0;
}

static void put_rate(struct buf *out, double rate, const char *unit)
{
	char text[TOP_RATE_SIZE];

	top_format_rate(rate, text);
	text_put_blanks(out, RATE_WIDTH - strlen(text) - strlen(unit));
	buf_put_str(out, text);
	buf_put_str(out, unit);
}

/* A line of the head, cut to the width; without what fills it up. */
static void put_line(struct buf *out, const struct buf *line, size_t width)
{
	size_t len = line->len ? text_fit(line->data, line->len, width) : 0;

	while (len > 0 && line->data[len - 1] == ' ')
		len--;
	buf_put(out, line->data, len);
	buf_put_char(out, '\n');
	out->failed |= line->failed;
}

static size_t width_of(const struct top_view *view)
{
	return view->width < TOP_WIDTH_MIN ? TOP_WIDTH_MIN : view->width;
}

static size_t name_width(const struct top_view *view)
{
	size_t width = width_of(view) - RATE_WIDTH - RATE_WIDTH;

	return width_of(view) >= RULE_FROM ? width - RULE_WIDTH : width;
}

/* "12:34:56 UTC" of "2026-01-31T12:34:56.789Z". */
static void put_title(const struct top_view *view, struct buf *out)
{
	const char *time = view->rates ? view_text(view->rates, "time") : "";
	const char *clock = strchr(time, 'T');
	_cleanup_buf_ struct buf line;
	size_t columns;

	buf_init(&line);
	buf_put_str(&line, "sluice top  ");
	text_put_escaped(&line, view->url, strlen(view->url));
	columns = line.failed ? 0 : text_columns(line.data, line.len);
	if (clock && strlen(clock) > 9 && columns + 14 <= width_of(view)) {
		text_put_blanks(&line, width_of(view) - columns - 12);
		text_put_escaped(&line, clock + 1, 8);
		buf_put_str(&line, " UTC");
	}
	put_line(out, &line, width_of(view));
}

static void put_figure(struct buf *line, double rate, const char *what)
{
	char text[TOP_RATE_SIZE];

	top_format_rate(rate, text);
	buf_printf(line, "  %s %s", text, what);
}

static void put_checks(const struct top_view *view, struct buf *out)
{
	const struct json *checks = view->rates ? json_member(view->rates, "checks") : NULL;
	double of = view->rates ? real_member(view->rates, "sampled_1_of") : 1;
	_cleanup_buf_ struct buf line;

	buf_init(&line);
	buf_put_str(&line, "checks/s");
	if (checks) {
		put_figure(&line, real_member(checks, "allowed_per_s"), "allowed");
		put_figure(&line, real_member(checks, "denied_per_s"), "denied");
		put_figure(&line, real_member(checks, "peeked_per_s"), "peeked");
		put_figure(&line,
			   real_member(checks, "invalid_per_s") +
				   real_member(checks, "keys_max_per_s") +
				   real_member(checks, "failed_per_s"),
			   "in error");
	}
	if (of > 1.005)
		buf_printf(&line, "  keys of 1 in %.0f", of < 1e9 ? of : 1e9);
	put_line(out, &line, width_of(view));
}

/* Of the host; another tenant is not told. */
static void put_host(const struct top_view *view, struct buf *out)
{
	const struct json *packets = view->rates ? json_member(view->rates, "packets") : NULL;
	_cleanup_buf_ struct buf line;

	buf_init(&line);
	buf_put_str(&line, "");
	if (packets && json_type_of(packets) == JSON_OBJECT) {
		buf_put_str(&line, "packets/s");
		put_figure(&line, real_member(packets, "passed_per_s"), "passed");
		put_figure(&line, real_member(packets, "admitted_per_s"), "admitted");
		put_figure(&line, real_member(packets, "refused_per_s"), "refused");
	} else if (packets) {
		buf_put_str(&line, "packets off");
	}
	if (packets)
		buf_printf(&line, "  keys live %" PRId64,
			   view_integer(view->rates, "keys_live", 0));
	put_line(out, &line, width_of(view));
}

static void put_state(const struct top_view *view, struct buf *out)
{
	_cleanup_buf_ struct buf line;

	buf_init(&line);
	if (*view->state)
		text_put_escaped(&line, view->state, strlen(view->state));
	else if (!view->rates)
		buf_put_str(&line, "waiting for the first second");
	put_line(out, &line, width_of(view));
}

static void put_titles(const struct top_view *view, struct buf *out)
{
	text_put_cell(out, "LIMIT, BUSIEST KEYS", name_width(view), false);
	if (width_of(view) >= RULE_FROM)
		text_put_cell(out, "RULE", RULE_WIDTH, false);
	buf_put_str(out, "  ALLOWED/s   DENIED/s\n");
}

/* Of what it tells: limits of bytes tell bytes. */
static double flow_of(const struct json *limit, enum top_sort sort)
{
	bool bytes = strcmp(view_text(limit, "unit"), "bytes") == 0;
	double allowed = real_member(limit, bytes ? "allowed_bytes_per_s" : "allowed_per_s");
	double denied = real_member(limit, bytes ? "denied_bytes_per_s" : "denied_per_s");

	return sort == TOP_BY_ALLOWED ? allowed : sort == TOP_BY_DENIED ? denied : allowed + denied;
}

static void put_row(const struct top_view *view, const char *name, const char *rule,
		    const struct json *rates, struct buf *rows)
{
	const char *unit = strcmp(view_text(rates, "unit"), "bytes") == 0 ? "B" : "";

	text_put_cell(rows, name, name_width(view) - 1, false);
	buf_put_char(rows, ' ');
	if (width_of(view) >= RULE_FROM) {
		text_put_cell(rows, rule, RULE_WIDTH - 1, false);
		buf_put_char(rows, ' ');
	}
	put_rate(rows, flow_of(rates, TOP_BY_ALLOWED), unit);
	put_rate(rows, flow_of(rates, TOP_BY_DENIED), unit);
	buf_put_char(rows, '\n');
}

/* Whoever sends packets is not told yet. */
static void put_keys(const struct top_view *view, const struct json *limit, struct buf *rows)
{
	const struct json *keys = json_member(limit, "keys");
	size_t n = keys && json_type_of(keys) == JSON_ARRAY ? json_array_len(keys) : 0;
	_cleanup_buf_ struct buf name;

	buf_init(&name);
	if (strcmp(view_text(limit, "scope"), "packet") == 0)
		buf_put_str(rows, "  -\n");
	for (size_t i = 0; i < n && i < view->keys; i++) {
		const struct json *key = json_array_at(keys, i);
		const char *text = view_text(key, "key");

		/* One that has faded away. */
		if (flow_of(key, TOP_BY_RATE) < 0.05)
			continue;
		buf_clear(&name);
		buf_put_str(&name, "  ");
		text_put_escaped(&name, text, strlen(text));
		rows->failed |= name.failed;
		if (!rows->failed)
			put_row(view, name.data, "", key, rows);
	}
}

/* "(shadow) name  what it counts", escaped. */
static void put_limit_name(const struct json *limit, struct buf *ret)
{
	const char *name = view_text(limit, "name"), *mode = view_text(limit, "mode");
	_cleanup_buf_ struct buf subject, plain;

	buf_init(&subject);
	buf_init(&plain);
	limit_view_subject(limit, &subject);
	if (*mode && strcmp(mode, "enforce") != 0)
		buf_printf(&plain, "(%s) ", mode);
	buf_printf(&plain, "%s%s%s", name, *name ? "  " : "", subject.len ? subject.data : "");
	ret->failed |= subject.failed || plain.failed;
	if (!plain.failed)
		text_put_escaped(ret, plain.data, plain.len);
}

static void put_limit(const struct top_view *view, const struct json *limit, struct buf *rows)
{
	const char *interval = view_text(limit, "interval");
	_cleanup_buf_ struct buf name, rule;

	buf_init(&name);
	buf_init(&rule);
	put_limit_name(limit, &name);
	buf_printf(&rule, "%" PRId64 "/", view_integer(limit, "limit", 0));
	text_put_escaped(&rule, interval, strlen(interval));
	rows->failed |= name.failed || rule.failed;
	if (rows->failed)
		return;
	put_row(view, name.len > 0 ? name.data : "", rule.data, limit, rows);
	put_keys(view, limit, rows);
}

/* A limit on its way into the order. */
struct place {
	const struct json *limit;
	double flow;
	size_t at; /* equal ones stay as the server has them */
};

static int compare_place(const void *a, const void *b)
{
	const struct place *x = a, *y = b;

	if (x->flow != y->flow)
		return x->flow > y->flow ? -1 : 1;
	return x->at < y->at ? -1 : 1;
}

static void put_limits(const struct top_view *view, const struct json *limits, struct buf *rows)
{
	size_t n = json_array_len(limits);
	struct place *places;

	n = n < ROWS_MAX ? n : ROWS_MAX;
	places = calloc(n + 1, sizeof(*places));
	if (!places) {
		rows->failed = true;
		return;
	}
	for (size_t i = 0; i < n; i++) {
		places[i].limit = json_array_at(limits, i);
		places[i].flow = flow_of(places[i].limit, view->sort);
		places[i].at = i;
	}
	qsort(places, n, sizeof(*places), compare_place);
	for (size_t i = 0; i < n; i++)
		put_limit(view, places[i].limit, rows);
	free(places);
}

static void put_rows(const struct top_view *view, struct buf *rows)
{
	const struct json *limits = json_member(view->rates, "limits");
	const struct json *others = json_member(view->rates, "others");
	int64_t n_others = others ? view_integer(others, "limits", 0) : 0;
	char name[48];

	if (limits && json_type_of(limits) == JSON_ARRAY)
		put_limits(view, limits, rows);
	snprintf(name, sizeof(name), "%" PRId64 " others", n_others);
	if (n_others > 0)
		put_row(view, name, "", others, rows);
}

/* The beginning of the line that n lines come before. */
static const char *skip_lines(const char *at, size_t n)
{
	while (n-- > 0)
		at = strchr(at, '\n') + 1;
	return at;
}

static size_t count_lines(const struct buf *text)
{
	size_t n = 0;

	for (size_t i = 0; i < text->len; i++)
		n += text->data[i] == '\n';
	return n;
}

static void put_foot(const struct top_view *view, size_t shown, size_t n, struct buf *out)
{
	static const char *const sorts[] = {"rate", "allowed", "denied"};
	_cleanup_buf_ struct buf line;

	buf_init(&line);
	buf_printf(&line, "%zu-%zu of %zu by %s  q quit  r a d sort  p pause  j k scroll",
		   n ? view->scroll + 1 : 0, view->scroll + shown, n, sorts[view->sort]);
	put_line(out, &line, width_of(view));
}

void top_view_write(struct top_view *view, struct buf *out)
{
	size_t most = view->height > HEAD_LINES + 1 ? view->height - HEAD_LINES - 1 : 1, room, n;
	_cleanup_buf_ struct buf rows;
	const char *from, *to;

	buf_init(&rows);
	buf_put_str(&rows, "");
	put_title(view, out);
	put_checks(view, out);
	put_host(view, out);
	put_state(view, out);
	put_titles(view, out);
	if (view->rates)
		put_rows(view, &rows);
	out->failed |= rows.failed;
	if (out->failed)
		return;
	n = count_lines(&rows);
	room = view->height == 0 || most > n ? n : most;
	if (view->scroll > n - room)
		view->scroll = n - room;
	from = skip_lines(rows.data, view->scroll);
	to = skip_lines(from, room);
	buf_put(out, from, (size_t)(to - from));
	if (view->height == 0)
		return;
	for (size_t i = room; i < most; i++)
		buf_put_char(out, '\n');
	put_foot(view, room, n, out);
}
