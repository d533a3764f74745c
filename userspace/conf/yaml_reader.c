/* Walks the events of libyaml; what is deeper than a list of values is refused as soon as seen. */
/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "conf/yaml_events_priv.h"
#include "conf/yaml_reader.h"

/* A copy of the scalar at hand. */
static int take_text(struct yaml_events *events, char **ret)
{
	const char *text = (const char *)events->event.data.scalar.value;

	if (strlen(text) != events->event.data.scalar.length)
		return yaml_events_refuse_here(events, "holds a NUL");
	*ret = strdup(text);
	return *ret ? 0 : -ENOMEM;
}

/* Where nothing stands, libyaml's mark may be past the end of the text. */
static uint32_t line_of_value(const struct yaml_events *events, const struct yaml_entry *entry)
{
	if (!yaml_is_nothing(&events->event))
		return (uint32_t)events->event.start_mark.line + 1;
	return entry->n_values > 0 ? entry->values[entry->n_values - 1].line : entry->line;
}

static int add_value(struct yaml_events *events, struct yaml_entry *entry)
{
	struct yaml_value *values,
		value = {
			.line = line_of_value(events, entry),
			.plain = events->event.data.scalar.style == YAML_PLAIN_SCALAR_STYLE,
		};
	int err;

	if (entry->n_values == YAML_VALUES_MAX)
		return yaml_events_refuse(events, value.line, "has more than %d values",
					  YAML_VALUES_MAX);
	values = realloc(entry->values, (entry->n_values + 1) * sizeof(*values));
	if (!values)
		return -ENOMEM;
	entry->values = values;
	err = take_text(events, &value.text);
	if (!err)
		entry->values[entry->n_values++] = value;
	return err;
}

static int read_list(struct yaml_events *events, struct yaml_entry *entry)
{
	int err;

	entry->list = true;
	while (!(err = yaml_events_next(events)) && events->event.type == YAML_SCALAR_EVENT)
		if ((err = add_value(events, entry)))
			return err;
	if (!err && events->event.type != YAML_SEQUENCE_END_EVENT)
		return yaml_events_refuse_here(events, "its list may hold values only");
	return err;
}

static int read_value(struct yaml_events *events, struct yaml_entry *entry)
{
	int err = yaml_events_next(events);

	if (err)
		return err;
	if (events->event.type == YAML_SCALAR_EVENT)
		return add_value(events, entry);
	if (events->event.type == YAML_SEQUENCE_START_EVENT)
		return read_list(events, entry);
	return yaml_events_refuse_here(events,
				       "must be a value or a list of values, not a mapping");
}

static const struct yaml_entry *find_entry(const struct yaml_file *file, const char *name)
{
	for (size_t i = 0; i < file->n_entries; i++)
		if (strcmp(file->entries[i].name, name) == 0)
			return &file->entries[i];
	return NULL;
}

/* The event at hand is its name. */
static int read_entry(struct yaml_events *events, struct yaml_file *file)
{
	struct yaml_entry *entry = &file->entries[file->n_entries];
	const struct yaml_entry *first;
	char *name = NULL;
	int err;

	if (events->event.type != YAML_SCALAR_EVENT || yaml_is_nothing(&events->event))
		return yaml_events_refuse_here(events, "a setting's name must be a word");
	if (file->n_entries == YAML_ENTRIES_MAX)
		return yaml_events_refuse_here(events, "too many settings");
	err = take_text(events, &name);
	if (err)
		return err;
	first = find_entry(file, name);
	*entry = (struct yaml_entry){name, (uint32_t)events->event.start_mark.line + 1,
				     .n_values = 0};
	file->n_entries++;
	events->name = name;
	if (first)
		return yaml_events_refuse(events, entry->line, "is there twice, first in line %u",
					  first->line);
	err = read_value(events, entry);
	if (!err)
		events->name = "";
	return err;
}

static int read_mapping(struct yaml_events *events, struct yaml_file *file)
{
	int err;

	while (!(err = yaml_events_next(events)) && events->event.type != YAML_MAPPING_END_EVENT)
		if ((err = read_entry(events, file)))
			return err;
	return err;
}

static int read_root(struct yaml_events *events, struct yaml_file *file)
{
	int err = yaml_events_next(events);

	if (err || yaml_is_nothing(&events->event))
		return err;
	if (events->event.type != YAML_MAPPING_START_EVENT)
		return yaml_events_refuse_here(events, "must be lines of NAME: VALUE");
	return read_mapping(events, file);
}

static int read_stream(struct yaml_events *events, struct yaml_file *file)
{
	int err = yaml_events_next(events); /* the stream's start */

	if (!err)
		err = yaml_events_next(events);
	if (err || events->event.type == YAML_STREAM_END_EVENT)
		return err;
	err = read_root(events, file);
	if (!err)
		err = yaml_events_next(events); /* the document's end */
	if (!err)
		err = yaml_events_next(events);
	if (!err && events->event.type != YAML_STREAM_END_EVENT)
		return yaml_events_refuse_here(events, "a second document begins: one is taken");
	return err;
}

int yaml_read(const char *text, size_t len, struct yaml_error *error, struct yaml_file **ret)
{
	struct yaml_file *file = calloc(1, sizeof(*file));
	_cleanup_(yaml_events_close) struct yaml_events events = {
		.text = text, .name = "", .error = error};
	int err = file ? yaml_events_open(&events, len) : -ENOMEM;

	if (!err)
		err = read_stream(&events, file);
	if (err)
		yaml_file_free(file);
	else
		*ret = file;
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
