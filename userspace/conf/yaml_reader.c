/* Walks the events of libyaml; what is deeper than a list of values is refused as soon as seen. */
/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <yaml.h>

#include "base/utf8.h"
#include "conf/yaml_reader.h"

struct reader {
	const char *text;
	yaml_parser_t parser;
	yaml_event_t event; /* the present one */
	const char *name;   /* of the entry that is being read; "" outside of one */
	struct yaml_error *error;
};

__attribute__((format(printf, 3, 4))) static int refuse(struct reader *reader, size_t line,
							const char *format, ...)
{
	char message[FIELD_MESSAGE_SIZE];
	va_list args;

	va_start(args, format);
	vsnprintf(message, sizeof(message), format, args);
	va_end(args);
	reader->error->line = (uint32_t)line;
	field_error_set(&reader->error->what, reader->name, "%s", message);
	return YAML_E_INVALID;
}

static int refuse_here(struct reader *reader, const char *message)
{
	return refuse(reader, reader->event.start_mark.line + 1, "%s", message);
}

static uint32_t count_lines(const char *text, size_t len)
{
	uint32_t lines = 1;

	for (size_t i = 0; i < len; i++)
		lines += text[i] == '\n';
	return lines;
}

/* libyaml's own words, with the line where it stopped. */
static int explain(struct reader *reader)
{
	const yaml_parser_t *parser = &reader->parser;

	if (parser->error == YAML_MEMORY_ERROR)
		return -ENOMEM;
	if (parser->error == YAML_READER_ERROR)
		return refuse(reader, count_lines(reader->text, parser->problem_offset), "%s",
			      parser->problem);
	return refuse(reader, parser->problem_mark.line + 1, "not YAML: %s%s%s",
		      parser->context ? parser->context : "", parser->context ? ", " : "",
		      parser->problem ? parser->problem : "cannot be read");
}

static bool is_marked(const yaml_event_t *event)
{
	switch (event->type) {
	case YAML_SCALAR_EVENT:
		return event->data.scalar.anchor || event->data.scalar.tag;
	case YAML_SEQUENCE_START_EVENT:
		return event->data.sequence_start.anchor || event->data.sequence_start.tag;
	case YAML_MAPPING_START_EVENT:
		return event->data.mapping_start.anchor || event->data.mapping_start.tag;
	default:
		return event->type == YAML_ALIAS_EVENT;
	}
}

static int next(struct reader *reader)
{
	yaml_event_delete(&reader->event);
	if (!yaml_parser_parse(&reader->parser, &reader->event))
		return explain(reader);
	if (is_marked(&reader->event))
		return refuse_here(reader, "anchors (&), aliases (*) and tags (!) are not taken");
	return 0;
}

/* A copy of the scalar at hand. */
static int take_text(struct reader *reader, char **ret)
{
	const char *text = (const char *)reader->event.data.scalar.value;

	if (strlen(text) != reader->event.data.scalar.length)
		return refuse_here(reader, "holds a NUL");
	*ret = strdup(text);
	return *ret ? 0 : -ENOMEM;
}

static bool is_nothing(const yaml_event_t *event)
{
	return event->type == YAML_SCALAR_EVENT && event->data.scalar.length == 0 &&
	       event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
}

/* Where nothing stands, libyaml's mark may be past the end of the text. */
static uint32_t line_of_value(const struct reader *reader, const struct yaml_entry *entry)
{
	if (!is_nothing(&reader->event))
		return (uint32_t)reader->event.start_mark.line + 1;
	return entry->n_values > 0 ? entry->values[entry->n_values - 1].line : entry->line;
}

static int add_value(struct reader *reader, struct yaml_entry *entry)
{
	struct yaml_value *values,
		value = {
			.line = line_of_value(reader, entry),
			.plain = reader->event.data.scalar.style == YAML_PLAIN_SCALAR_STYLE,
		};
	int err;

	if (entry->n_values == YAML_VALUES_MAX)
		return refuse(reader, value.line, "has more than %d values", YAML_VALUES_MAX);
	values = realloc(entry->values, (entry->n_values + 1) * sizeof(*values));
	if (!values)
		return -ENOMEM;
	entry->values = values;
	err = take_text(reader, &value.text);
	if (!err)
		entry->values[entry->n_values++] = value;
	return err;
}

static int read_list(struct reader *reader, struct yaml_entry *entry)
{
	int err;

	entry->list = true;
	while (!(err = next(reader)) && reader->event.type == YAML_SCALAR_EVENT)
		if ((err = add_value(reader, entry)))
			return err;
	if (!err && reader->event.type != YAML_SEQUENCE_END_EVENT)
		return refuse_here(reader, "its list may hold values only");
	return err;
}

static int read_value(struct reader *reader, struct yaml_entry *entry)
{
	int err = next(reader);

	if (err)
		return err;
	if (reader->event.type == YAML_SCALAR_EVENT)
		return add_value(reader, entry);
	if (reader->event.type == YAML_SEQUENCE_START_EVENT)
		return read_list(reader, entry);
	return refuse_here(reader, "must be a value or a list of values, not a mapping");
}

static const struct yaml_entry *find_entry(const struct yaml_file *file, const char *name)
{
	for (size_t i = 0; i < file->n_entries; i++)
		if (strcmp(file->entries[i].name, name) == 0)
			return &file->entries[i];
	return NULL;
}

/* The event at hand is its name. */
static int read_entry(struct reader *reader, struct yaml_file *file)
{
	struct yaml_entry *entry = &file->entries[file->n_entries];
	const struct yaml_entry *first;
	char *name = NULL;
	int err;

	if (reader->event.type != YAML_SCALAR_EVENT || is_nothing(&reader->event))
		return refuse_here(reader, "a setting's name must be a word");
	if (file->n_entries == YAML_ENTRIES_MAX)
		return refuse_here(reader, "too many settings");
	err = take_text(reader, &name);
	if (err)
		return err;
	first = find_entry(file, name);
	*entry = (struct yaml_entry){name, (uint32_t)reader->event.start_mark.line + 1,
				     .n_values = 0};
	file->n_entries++;
	reader->name = name;
	if (first)
		return refuse(reader, entry->line, "is there twice, first in line %u", first->line);
	err = read_value(reader, entry);
	if (!err)
		reader->name = "";
	return err;
}

static int read_mapping(struct reader *reader, struct yaml_file *file)
{
	int err;

	while (!(err = next(reader)) && reader->event.type != YAML_MAPPING_END_EVENT)
		if ((err = read_entry(reader, file)))
			return err;
	return err;
}

static int read_root(struct reader *reader, struct yaml_file *file)
{
	int err = next(reader);

	if (err || is_nothing(&reader->event))
		return err;
	if (reader->event.type != YAML_MAPPING_START_EVENT)
		return refuse_here(reader, "must be lines of NAME: VALUE");
	return read_mapping(reader, file);
}

static int read_stream(struct reader *reader, struct yaml_file *file)
{
	int err = next(reader); /* the stream's start */

	if (!err)
		err = next(reader);
	if (err || reader->event.type == YAML_STREAM_END_EVENT)
		return err;
	err = read_root(reader, file);
	if (!err)
		err = next(reader); /* the document's end */
	if (!err)
		err = next(reader);
	if (!err && reader->event.type != YAML_STREAM_END_EVENT)
		return refuse_here(reader, "a second document begins: one is taken");
	return err;
}

/* What libyaml would end at, misread, or take more than linear time for. */
static int check_text(struct reader *reader, size_t len)
{
	const char *at = reader->text, *end = at + len;

	for (size_t line = 1; at < end; line++) {
		const char *newline = memchr(at, '\n', (size_t)(end - at));
		size_t line_len = (size_t)((newline ? newline : end) - at);

		if (*at == '%')
			return refuse(reader, line, "directives (%%) are not taken");
		if (memchr(at, '\0', line_len))
			return refuse(reader, line, "holds a NUL");
		if (!utf8_valid(at, line_len))
			return refuse(reader, line, "is not UTF-8");
		at += line_len + (newline ? 1 : 0);
	}
	return 0;
}

int yaml_read(const char *text, size_t len, struct yaml_error *error, struct yaml_file **ret)
{
	_cleanup_yaml_ struct yaml_file *file = calloc(1, sizeof(*file));
	struct reader reader = {.text = text, .name = "", .error = error};
	int err = file ? check_text(&reader, len) : -ENOMEM;

	if (err)
		return err;
	if (!yaml_parser_initialize(&reader.parser))
		return -ENOMEM;
	yaml_parser_set_encoding(&reader.parser, YAML_UTF8_ENCODING);
	yaml_parser_set_input_string(&reader.parser, (const unsigned char *)text, len);
	err = read_stream(&reader, file);
	yaml_event_delete(&reader.event);
	yaml_parser_delete(&reader.parser);
	if (!err)
		*ret = TAKE_PTR(file);
	return err;
}

void yaml_file_free(struct yaml_file *file)
{
	if (!file)
		return;
	for (size_t i = 0; i < file->n_entries; i++) {
		for (size_t j = 0; j < file->entries[i].n_values; j++)
			free(file->entries[i].values[j].text);
		free(file->entries[i].values);
		free(file->entries[i].name);
	}
	free(file);
}
