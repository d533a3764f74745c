/* Turns each item of a file of limits into JSON, as a caller of the API would have sent it. */
/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <string.h>

#include "base/number.h"
#include "conf/yaml_events_priv.h"
#include "conf/yaml_limits.h"
#include "json/writer.h"

struct item {
	struct yaml_events *events;
	struct yaml_limit limit;
	struct buf json;
	struct json_writer writer;
};

/* The scalar at hand. */
static const char *text_of(const struct yaml_events *events)
{
	return (const char *)events->event.data.scalar.value;
}

static size_t len_of(const struct yaml_events *events)
{
	return events->event.data.scalar.length;
}

static bool is_one_of(const char *text, const char *const *words)
{
	for (; *words; words++)
		if (strcmp(text, *words) == 0)
			return true;
	return false;
}

static int put_scalar(struct item *item)
{
	static const char *const nulls[] = {"", "~", "null", "Null", "NULL", NULL};
	const struct yaml_events *events = item->events;
	const char *text = text_of(events);
	bool plain = events->event.data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
	int64_t number;

	if (strlen(text) != len_of(events))
		return yaml_events_refuse_here(item->events, "holds a NUL");
	if (plain && is_one_of(text, nulls))
		json_put_null(&item->writer);
	else if (plain && (strcmp(text, "true") == 0 || strcmp(text, "false") == 0))
		json_put_bool(&item->writer, *text == 't');
	else if (plain && number_parse_s64(text, strlen(text), &number) == 0)
		json_put_s64(&item->writer, number);
	else
		json_put_string(&item->writer, text, len_of(events));
	return 0;
}

/* Names of ours need no escapes; one that does is none of ours. */
static bool is_name(const char *text, size_t len)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				      "0123456789_-.";

	return len > 0 && len < sizeof(((struct yaml_limit *)0)->members[0].name) &&
	       strspn(text, letters) == len;
}

static int put_name(struct item *item, unsigned int depth)
{
	struct yaml_events *events = item->events;
	struct yaml_limit *limit = &item->limit;

	if (events->event.type != YAML_SCALAR_EVENT || !is_name(text_of(events), len_of(events)))
		return yaml_events_refuse_here(events, "a field's name must be a word");
	json_name(&item->writer, text_of(events));
	if (depth > 1)
		return 0;
	for (size_t i = 0; i < limit->n_members; i++)
		if (strcmp(limit->members[i].name, text_of(events)) == 0)
			return yaml_events_refuse(events, events->event.start_mark.line + 1,
						  "%s is there twice, first in line %u",
						  text_of(events), limit->members[i].line);
	if (limit->n_members == YAML_MEMBERS_MAX)
		return yaml_events_refuse_here(events, "a limit has no so many fields");
	memcpy(limit->members[limit->n_members].name, text_of(events), len_of(events) + 1);
	limit->members[limit->n_members++].line = (uint32_t)events->event.start_mark.line + 1;
	return 0;
}

static int put_value(struct item *item, unsigned int depth);

static int put_list(struct item *item, unsigned int depth)
{
	int err;

	json_begin_array(&item->writer);
	while (!(err = yaml_events_next(item->events)) &&
	       item->events->event.type != YAML_SEQUENCE_END_EVENT)
		if ((err = put_value(item, depth)))
			return err;
	json_end_array(&item->writer);
	return err;
}

static int put_mapping(struct item *item, unsigned int depth)
{
	int err;

	json_begin_object(&item->writer);
	while (!(err = yaml_events_next(item->events)) &&
	       item->events->event.type != YAML_MAPPING_END_EVENT) {
		err = put_name(item, depth);
		if (!err)
			err = yaml_events_next(item->events);
		if (!err)
			err = put_value(item, depth);
		if (err)
			return err;
	}
	json_end_object(&item->writer);
	return err;
}

/* The event at hand begins it; depth counts what it lies in. Recursion is bounded by that. */
static int put_value(struct item *item, unsigned int depth)
{
	yaml_event_type_t type = item->events->event.type;

	if (type == YAML_SCALAR_EVENT)
		return put_scalar(item);
	if (depth == YAML_LIMIT_DEPTH_MAX)
		return yaml_events_refuse_here(item->events, "is nested too deep for a limit");
	return type == YAML_SEQUENCE_START_EVENT ? put_list(item, depth + 1) :
						   put_mapping(item, depth + 1);
}

static int read_item(struct yaml_events *events, yaml_limit_fn visit, void *data)
{
	struct item item = {.events = events};
	int err;

	if (events->event.type != YAML_MAPPING_START_EVENT)
		return yaml_events_refuse_here(events, "a limit must be lines of FIELD: VALUE");
	item.limit.line = (uint32_t)events->event.start_mark.line + 1;
	buf_init(&item.json);
	json_writer_init(&item.writer, &item.json);
	err = put_value(&item, 0);
	if (!err && item.json.failed)
		err = -ENOMEM;
	if (!err) {
		item.limit.json = item.json.data;
		item.limit.len = item.json.len;
		err = visit(&item.limit, data);
	}
	buf_done(&item.json);
	return err;
}

static int read_items(struct yaml_events *events, yaml_limit_fn visit, void *data)
{
	int err = yaml_events_next(events);

	if (err || yaml_is_nothing(&events->event))
		return err;
	if (events->event.type != YAML_SEQUENCE_START_EVENT)
		return yaml_events_refuse_here(events, "must be a list of limits");
	while (!(err = yaml_events_next(events)) && events->event.type != YAML_SEQUENCE_END_EVENT)
		if ((err = read_item(events, visit, data)))
			return err;
	return err;
}

/* `limits:` and nothing beside it. Not nothing at all: so looks a file that is being written. */
static int read_root(struct yaml_events *events, yaml_limit_fn visit, void *data)
{
	int err = yaml_events_next(events);

	if (err)
		return err;
	if (events->event.type != YAML_MAPPING_START_EVENT)
		return yaml_events_refuse_here(events, "must be `limits:` and a list");
	err = yaml_events_next(events);
	if (err)
		return err;
	if (events->event.type != YAML_SCALAR_EVENT || strcmp(text_of(events), "limits") != 0)
		return yaml_events_refuse_here(events, "must be `limits:` and a list");
	events->name = "limits";
	err = read_items(events, visit, data);
	if (!err)
		err = yaml_events_next(events);
	if (!err && events->event.type != YAML_MAPPING_END_EVENT)
		return yaml_events_refuse_here(events, "nothing may stand beside it");
	return err;
}

static int read_stream(struct yaml_events *events, yaml_limit_fn visit, void *data)
{
	int err = yaml_events_next(events); /* the stream's start */

	if (!err)
		err = yaml_events_next(events);
	if (err)
		return err;
	if (events->event.type == YAML_STREAM_END_EVENT)
		return yaml_events_refuse(events, 1, "is empty: must be `limits:` and a list");
	err = read_root(events, visit, data);
	if (!err)
		err = yaml_events_next(events); /* the document's end */
	if (!err)
		err = yaml_events_next(events);
	if (!err && events->event.type != YAML_STREAM_END_EVENT)
		return yaml_events_refuse_here(events, "a second document begins: one is taken");
	return err;
}

int yaml_limits_read(const char *text, size_t len, struct yaml_error *error, yaml_limit_fn visit,
		     void *data)
{
	_cleanup_(yaml_events_close) struct yaml_events events = {
		.text = text, .name = "", .error = error};
	int err = yaml_events_open(&events, len);

	return err ? err : read_stream(&events, visit, data);
}
