/* What the table and a loaded set look like: help, documentation, values with their origins. */
/* SPDX-License-Identifier: MIT */
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "conf/conf_priv.h"
#include "json/writer.h"

/* Behind the help of a setting. */
static void put_allowed(const struct setting *row, struct buf *text)
{
	if (!row->by_default || !row->value)
		return;
	buf_put_str(text, " (");
	if (row->choices) {
		row->type->range(row, text);
		buf_put_str(text, "; ");
	}
	buf_printf(text, "default %s)", row->by_default);
}

void conf_help(struct buf *text)
{
	buf_printf(text, "  %-31s %s\n", "--config FILE", "read settings from it (YAML)");
	for (size_t i = 0; i < n_settings; i++) {
		const struct setting *row = &settings_table[i];
		char name[SETTING_NAME_SIZE], left[2 * SETTING_NAME_SIZE];

		setting_name(row, STYLE_FLAG, name);
		snprintf(left, sizeof(left), "%s%s%s", name, row->value ? " " : "",
			 row->value ? row->value : "");
		buf_printf(text, "  %-31s %s", left, row->help);
		put_allowed(row, text);
		buf_put_char(text, '\n');
	}
}

void conf_put_options(struct buf *text)
{
	char name[SETTING_NAME_SIZE];

	buf_put_str(text, "--config");
	for (size_t i = 0; i < n_settings; i++) {
		setting_name(&settings_table[i], STYLE_FLAG, name);
		buf_printf(text, " %s", name);
	}
}

void conf_each_choice(void (*visit)(const char *option, const char *words))
{
	char name[SETTING_NAME_SIZE], memory[256];
	struct buf words;

	for (size_t i = 0; i < n_settings; i++) {
		const char *const *choice = settings_table[i].choices;

		if (!choice)
			continue;
		buf_init_fixed(&words, memory, sizeof(memory));
		for (; *choice; choice++)
			buf_printf(&words, "%s%s", words.len ? " " : "", *choice);
		setting_name(&settings_table[i], STYLE_FLAG, name);
		visit(name, memory);
	}
}

static const char *const changes[] = {
	[BY_RESTART] = "restart",
	[BY_SIGHUP] = "SIGHUP",
	[BY_NOTHING] = "",
};

void conf_document(struct buf *text)
{
	buf_put_str(text, "| in the file | in the environment | takes | default | a change takes | "
			  "what it does |\n"
			  "|---|---|---|---|---|---|\n");
	for (size_t i = 0; i < n_settings; i++) {
		const struct setting *row = &settings_table[i];
		char in_file[SETTING_NAME_SIZE], in_environment[SETTING_NAME_SIZE];

		setting_name(row, STYLE_FILE, in_file);
		setting_name(row, STYLE_ENVIRONMENT, in_environment);
		buf_printf(text, "| `%s` | `%s`%s | ", in_file, in_environment,
			   row->type->secret ? " or `..._FILE`" : "");
		buf_put_str(text, row->value ? row->value : "true or false");
		if (row->type->range) {
			buf_put_str(text, ", ");
			row->type->range(row, text);
		}
		if (row->by_default)
			buf_printf(text, " | `%s` |", row->by_default);
		else
			buf_put_str(text, " | |");
		buf_printf(text, " %s | %s |\n", changes[row->change], row->help);
	}
}

static const char *text_of(const struct setting *row, const struct settings *settings)
{
	return *(const char *const *)((const char *)settings + row->offset) ?: "";
}

/* By how they are written, but for secrets, which nothing writes. */
static bool is_same(const struct setting *row, const struct settings *a, const struct settings *b)
{
	_cleanup_buf_ struct buf text_a, text_b;

	if (row->type->secret)
		return strcmp(text_of(row, a), text_of(row, b)) == 0;
	buf_init(&text_a);
	buf_init(&text_b);
	row->type->format(row, a, &text_a);
	row->type->format(row, b, &text_b);
	if (text_a.failed || text_b.failed || text_a.len != text_b.len)
		return false;
	return text_a.len == 0 || memcmp(text_a.data, text_b.data, text_a.len) == 0;
}

void conf_put_changed(const struct conf *from, const struct conf *to, bool by_sighup,
		      struct buf *text)
{
	const enum setting_change change = by_sighup ? BY_SIGHUP : BY_RESTART;

	for (size_t i = 0; i < n_settings; i++) {
		const struct setting *row = &settings_table[i];

		if (row->change == change && !is_same(row, &from->settings, &to->settings))
			buf_printf(text, "%s%s", text->len ? ", " : "", row->name);
	}
}

/* Paths and interfaces may hold anything; a terminal gets none of it. */
static void drop_controls(char *text)
{
	for (; *text; text++)
		if (iscntrl((unsigned char)*text) && *text != '\n')
			*text = '?';
}

void conf_show(const struct conf *conf, struct buf *text)
{
	_cleanup_buf_ struct buf value, origin;

	buf_init(&value);
	buf_init(&origin);
	for (size_t i = 0; i < n_settings; i++) {
		const struct setting *row = &settings_table[i];
		bool given;

		buf_clear(&value);
		buf_clear(&origin);
		given = row->type->format(row, &conf->settings, &value);
		conf_origin_format(conf, i, &origin);
		if (value.failed || origin.failed) {
			text->failed = true;
			return;
		}
		if (given)
			drop_controls(value.data);
		drop_controls(origin.data);
		buf_printf(text, "%-20s %-24s %s\n", row->name, given ? value.data : "-",
			   origin.data);
	}
}

static void put_value(const struct setting *row, const struct settings *settings,
		      const struct buf *value, struct json_writer *writer)
{
	if (row->type->list) {
		json_begin_array(writer);
		for (size_t i = 0; i < settings->n_interfaces; i++)
			json_put_str(writer, settings->interfaces[i]);
		json_end_array(writer);
	} else if (row->type->flag) {
		json_put_bool(writer, strcmp(value->data, "true") == 0);
	} else if (row->type->plain) {
		json_put_u64(writer, *(const uint64_t *)((const char *)settings + row->offset));
	} else {
		json_put_string(writer, value->data, value->len);
	}
}

static void put_setting(const struct conf *conf, size_t i, struct json_writer *writer)
{
	const struct setting *row = &settings_table[i];
	_cleanup_buf_ struct buf value, origin;
	bool given;

	buf_init(&value);
	buf_init(&origin);
	given = row->type->format(row, &conf->settings, &value);
	conf_origin_format(conf, i, &origin);
	if (value.failed || origin.failed) {
		writer->buf->failed = true;
		return;
	}
	json_name(writer, row->name);
	json_begin_object(writer);
	json_name(writer, "value");
	if (given || row->type->list)
		put_value(row, &conf->settings, &value, writer);
	else
		json_put_null(writer);
	json_name(writer, "origin");
	json_put_string(writer, origin.data, origin.len);
	json_name(writer, "reload");
	json_put_bool(writer, row->change == BY_SIGHUP);
	json_end_object(writer);
}

void conf_show_json(const struct conf *conf, struct buf *text)
{
	struct json_writer writer;

	json_writer_init(&writer, text);
	json_begin_object(&writer);
	for (size_t i = 0; i < n_settings; i++)
		put_setting(conf, i, &writer);
	json_end_object(&writer);
	buf_put_char(text, '\n');
}

void conf_error_format(const struct conf_error *error, char text[CONF_ERROR_SIZE])
{
	const char *where = error->where, *field = error->what.field;

	snprintf(text, CONF_ERROR_SIZE, "%s%s%s%s%s", where, *where ? ": " : "", field,
		 *field ? ": " : "", error->what.message);
	for (char *at = text; *at; at++)
		if (iscntrl((unsigned char)*at))
			*at = '?';
}
