/* Events of libyaml, without what we never take, and faults with their lines. */
/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/utf8.h"
#include "conf/yaml_events_priv.h"

int yaml_events_refuse(struct yaml_events *events, size_t line, const char *format, ...)
{
	char message[FIELD_MESSAGE_SIZE];
	va_list args;

	va_start(args, format);
	vsnprintf(message, sizeof(message), format, args);
	va_end(args);
	events->error->line = (uint32_t)line;
	field_error_set(&events->error->what, events->name, "%s", message);
	return YAML_E_INVALID;
}

int yaml_events_refuse_here(struct yaml_events *events, const char *message)
{
	return yaml_events_refuse(events, events->event.start_mark.line + 1, "%s", message);
}

static uint32_t count_lines(const char *text, size_t len)
{
	uint32_t lines = 1;

	for (size_t i = 0; i < len; i++)
		lines += text[i] == '\n';
	return lines;
}

/* libyaml's own words, with the line where it stopped. */
static int explain(struct yaml_events *events)
{
	const yaml_parser_t *parser = &events->parser;

	if (parser->error == YAML_MEMORY_ERROR)
		return -ENOMEM;
	if (parser->error == YAML_READER_ERROR)
		return yaml_events_refuse(events, count_lines(events->text, parser->problem_offset),
					  "%s", parser->problem);
	return yaml_events_refuse(events, parser->problem_mark.line + 1, "not YAML: %s%s%s",
				  parser->context ? parser->context : "",
				  parser->context ? ", " : "",
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

int yaml_events_next(struct yaml_events *events)
{
	yaml_event_delete(&events->event);
	if (!yaml_parser_parse(&events->parser, &events->event))
		return explain(events);
	if (is_marked(&events->event))
		return yaml_events_refuse_here(
			events, "anchors (&), aliases (*) and tags (!) are not taken");
	return 0;
}

/* What libyaml would end at, misread, or take more than linear time for. */
static int check_text(struct yaml_events *events, size_t len)
{
	const char *at = events->text, *end = at + len;

	for (size_t line = 1; at < end; line++) {
		const char *newline = memchr(at, '\n', (size_t)(end - at));
		size_t line_len = (size_t)((newline ? newline : end) - at);

		if (*at == '%')
			return yaml_events_refuse(events, line, "directives (%%) are not taken");
		if (memchr(at, '\0', line_len))
			return yaml_events_refuse(events, line, "holds a NUL");
		if (!utf8_valid(at, line_len))
			return yaml_events_refuse(events, line, "is not UTF-8");
		at += line_len + (newline ? 1 : 0);
	}
	return 0;
}

bool yaml_is_nothing(const yaml_event_t *event)
{
	return event->type == YAML_SCALAR_EVENT && event->data.scalar.length == 0 &&
	       event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
}

int yaml_events_open(struct yaml_events *events, size_t len)
{
	int err = check_text(events, len);

	if (err)
		return err;
	if (!yaml_parser_initialize(&events->parser))
		return -ENOMEM;
	events->open = true;
	yaml_parser_set_encoding(&events->parser, YAML_UTF8_ENCODING);
	yaml_parser_set_input_string(&events->parser, (const unsigned char *)events->text, len);
	return 0;
}

void yaml_events_close(struct yaml_events *events)
{
	if (!events->open)
		return;
	yaml_event_delete(&events->event);
	yaml_parser_delete(&events->parser);
	events->open = false;
}
