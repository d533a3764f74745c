/* Lines of HELP, TYPE and samples, with what must be escaped in them. */
/* SPDX-License-Identifier: MIT */
#include <stdio.h>

#include "metrics/exposition.h"

/* A line ends at LF and nowhere else; `quote` is 0 where quotes stand for themselves. */
static void put_escaped(struct buf *buf, const char *text, char quote)
{
	for (; *text; text++) {
		if (*text == '\n') {
			buf_put_str(buf, "\\n");
			continue;
		}
		if (*text == '\\' || *text == quote)
			buf_put_char(buf, '\\');
		buf_put_char(buf, *text);
	}
}

void exposition_begin(struct exposition *out, const char *name, const char *type, const char *help)
{
	buf_put_str(out->buf, "# HELP ");
	buf_put_str(out->buf, name);
	buf_put_char(out->buf, ' ');
	put_escaped(out->buf, help, '\0');
	buf_put_str(out->buf, "\n# TYPE ");
	buf_put_str(out->buf, name);
	buf_put_char(out->buf, ' ');
	buf_put_str(out->buf, type);
	buf_put_char(out->buf, '\n');
}

void exposition_text(struct exposition *out, const char *name,
		     const struct exposition_label *labels, size_t n, const char *value)
{
	buf_put_str(out->buf, name);
	for (size_t i = 0; i < n; i++) {
		buf_put_char(out->buf, i ? ',' : '{');
		buf_put_str(out->buf, labels[i].name);
		buf_put_str(out->buf, "=\"");
		put_escaped(out->buf, labels[i].value, '"');
		buf_put_char(out->buf, '"');
	}
	if (n > 0)
		buf_put_char(out->buf, '}');
	buf_put_char(out->buf, ' ');
	buf_put_str(out->buf, value);
	buf_put_char(out->buf, '\n');
}

void exposition_u64(struct exposition *out, const char *name, const struct exposition_label *labels,
		    size_t n, uint64_t value)
{
	char text[24];

	snprintf(text, sizeof(text), "%llu", (unsigned long long)value);
	exposition_text(out, name, labels, n, text);
}

void exposition_double(struct exposition *out, const char *name,
		       const struct exposition_label *labels, size_t n, double value)
{
	char text[32];

	snprintf(text, sizeof(text), "%.9g", value);
	exposition_text(out, name, labels, n, text);
}
