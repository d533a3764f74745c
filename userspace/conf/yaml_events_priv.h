/* Events of libyaml, without what we never take, and faults with their lines. */
/* SPDX-License-Identifier: MIT */
#pragma once

#include <yaml.h>

#include "conf/yaml_reader.h"

/* A text being read. */
struct yaml_events {
	const char *text;
	const char *name; /* of the entry that is being read; "" outside of one */
	struct yaml_error *error;
	yaml_parser_t parser;
	yaml_event_t event; /* the present one; of type YAML_NO_EVENT at first */
	bool open;
};

/*
 * text, name and error are set. Refuses NUL, text that is not UTF-8 and directives at once. 0,
 * YAML_E_INVALID or -ENOMEM, like the others.
 */
int yaml_events_open(struct yaml_events *events, size_t len);
void yaml_events_close(struct yaml_events *events);

/* The next event becomes the present one. Anchors, aliases and tags are refused. */
int yaml_events_next(struct yaml_events *events);

/* Both return YAML_E_INVALID. */
int yaml_events_refuse(struct yaml_events *events, size_t line, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
int yaml_events_refuse_here(struct yaml_events *events, const char *message);

/* A scalar of no characters and without quotes. */
bool yaml_is_nothing(const yaml_event_t *event);
