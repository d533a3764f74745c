/* Any bytes as a file of settings, and of limits: no fault, and what comes keeps its promises. */
/* SPDX-License-Identifier: MIT */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"
#include "conf/table_priv.h"
#include "conf/yaml_limits.h"
#include "conf/yaml_reader.h"
#include "json/json.h"
#include "model/limit.h"

static void check(bool holds)
{
	if (!holds)
		abort();
}

static void check_text(const char *text)
{
	check(utf8_valid(text, strlen(text)));
}

/* As the loader does with values, but for secrets, which name files. */
static void apply(const struct yaml_entry *entry, struct settings *settings)
{
	const struct setting *row = setting_find(STYLE_FILE, entry->name, strlen(entry->name));
	struct field_error error = {.message = ""};
	struct buf text;

	if (!row || row->type->secret)
		return;
	for (size_t i = 0; i < entry->n_values; i++)
		check(row->type->parse(row, entry->values[i].text, &error, settings) ||
		      *error.message);
	if (*error.message || entry->n_values == 0)
		return;
	buf_init(&text);
	check(row->type->format(row, settings, &text));
	check(text.len > 0 && !text.failed);
	buf_done(&text);
}

static void check_file(const struct yaml_file *file, size_t lines)
{
	struct settings settings = {.n_interfaces = 0};

	check(file->n_entries <= YAML_ENTRIES_MAX);
	for (size_t i = 0; i < file->n_entries; i++) {
		const struct yaml_entry *entry = &file->entries[i];

		check_text(entry->name);
		check(entry->line >= 1 && entry->line <= lines);
		check(entry->n_values <= YAML_VALUES_MAX && (entry->list || entry->n_values == 1));
		for (size_t j = 0; j < i; j++)
			check(strcmp(file->entries[j].name, entry->name) != 0);
		for (size_t j = 0; j < entry->n_values; j++) {
			check_text(entry->values[j].text);
			check(entry->values[j].line >= entry->line &&
			      entry->values[j].line <= lines);
		}
		apply(entry, &settings);
	}
}

/* What comes is JSON, but for a name twice in a member. */
static int check_limit(const struct yaml_limit *item, void *data)
{
	struct json_document *document = NULL;
	struct field_error error = {.message = ""};
	struct limit limit;
	int err = json_parse(item->json, item->len, &error, &document);

	(void)data;
	check(item->line >= 1 && item->n_members <= YAML_MEMBERS_MAX);
	check(err == 0 || strstr(error.message, "twice"));
	if (err)
		return 0;
	check(json_type_of(json_root(document)) == JSON_OBJECT);
	limit_init(&limit);
	if (limit_parse(json_root(document), &error, &limit) == 0)
		limit_done(&limit);
	else
		check(*error.message);
	json_document_free(document);
	return 0;
}

/* At most: YAML has more line ends than newline. */
static size_t count_lines(const uint8_t *data, size_t size)
{
	size_t lines = 1;

	for (size_t i = 0; i < size; i++)
		lines += data[i] == '\n' || data[i] == '\r' || data[i] >= 0x80;
	return lines;
}

static void check_error(int err, const struct yaml_error *error, size_t lines)
{
	check(err == YAML_E_INVALID);
	check(error->line >= 1 && error->line <= lines + 1);
	check(*error->what.message);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	/* Exact size, so that the sanitizer sees a byte too far. */
	char *text = malloc(size ? size : 1);
	struct yaml_error error = {.line = 0};
	struct yaml_file *file = NULL;
	size_t lines = count_lines(data, size);
	int err;

	memcpy(text, data, size);
	err = yaml_read(text, size, &error, &file);
	if (err == 0)
		check_file(file, lines);
	else
		check_error(err, &error, lines);
	err = yaml_limits_read(text, size, &error, check_limit, NULL);
	if (err)
		check_error(err, &error, lines);
	free(text);
	yaml_file_free(file);
	return 0;
}
