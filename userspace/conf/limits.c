/* Reads a directory of limits, and refuses what could not be one set. */
/* SPDX-License-Identifier: MIT */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conf/conf_priv.h"
#include "conf/limits.h"
#include "conf/yaml_limits.h"
#include "json/json.h"

/* A directory under way. */
struct loading {
	struct conf_limits *limits;
	size_t room;
	size_t file; /* the present one */
	size_t n_packets;
	struct conf_error *error;
};

static int refuse(struct loading *loading, uint32_t line, const char *field, const char *message)
{
	struct conf_error *error = loading->error;
	const char *path = loading->limits->files[loading->file];

	if (line)
		snprintf(error->where, sizeof(error->where), "%s:%u", path, line);
	else
		snprintf(error->where, sizeof(error->where), "%s", path);
	field_error_set(&error->what, field, "%s", message);
	return CONF_E_INVALID;
}

/* Of the field's outermost part; of the limit when that does not stand in it. */
static uint32_t line_of(const struct yaml_limit *item, const char *field)
{
	size_t len = strcspn(field, ".[");

	for (size_t i = 0; i < item->n_members; i++)
		if (len > 0 && strlen(item->members[i].name) == len &&
		    memcmp(item->members[i].name, field, len) == 0)
			return item->members[i].line;
	return item->line;
}

static int reserve(struct loading *loading)
{
	struct conf_limits *limits = loading->limits;
	size_t room = loading->room ? 2 * loading->room : 16;
	struct conf_place *places;
	struct limit *at;

	if (limits->n < loading->room)
		return 0;
	at = reallocarray(limits->at, room, sizeof(*at));
	if (!at)
		return -ENOMEM;
	limits->at = at;
	places = reallocarray(limits->places, room, sizeof(*places));
	if (!places)
		return -ENOMEM;
	limits->places = places;
	loading->room = room;
	return 0;
}

/* Says with which: the other's place is no secret. */
static int refuse_double(struct loading *loading, uint32_t line, const char *field, size_t other,
			 const char *what)
{
	const struct conf_limits *limits = loading->limits;
	const char *path = limits->files[limits->places[other].file];
	const char *slash = strrchr(path, '/');
	char message[FIELD_MESSAGE_SIZE];

	snprintf(message, sizeof(message), "%s as the limit in %s:%u", what,
		 slash ? slash + 1 : path, limits->places[other].line);
	return refuse(loading, line, field, message);
}

static int check_others(struct loading *loading, const struct limit *limit,
			const struct yaml_limit *item)
{
	const struct conf_limits *limits = loading->limits;
	bool packets = limit->scope == LIMIT_SCOPE_PACKET;

	for (size_t i = 0; i < limits->n; i++) {
		if (*limit->name && strcmp(limits->at[i].name, limit->name) == 0)
			return refuse_double(loading, line_of(item, "name"), "name", i,
					     "is the same");
		if (limit_same_subject(&limits->at[i], limit))
			return refuse_double(loading, item->line, packets ? "match" : "key", i,
					     packets ? "counts the same packets" :
						       "is, with algorithm and interval, the same");
	}
	return 0;
}

static int parse_item(struct loading *loading, const struct yaml_limit *item, struct limit *limit)
{
	_cleanup_json_ struct json_document *document = NULL;
	struct field_error why = {.field = ""};
	int err = json_parse(item->json, item->len, &why, &document);

	if (!err)
		err = limit_parse(json_root(document), &why, limit);
	if (err > 0)
		return refuse(loading, line_of(item, why.field), why.field, why.message);
	if (!err && limit->confirm_ms)
		return refuse(loading, line_of(item, "confirm"), "confirm",
			      "belongs to limits made over the API");
	return err;
}

/* Before each is compared with all others, which takes longer than for those of requests. */
static int check_packets(struct loading *loading, const struct yaml_limit *item,
			 const struct limit *limit)
{
	char message[FIELD_MESSAGE_SIZE];

	if (limit->scope != LIMIT_SCOPE_PACKET || ++loading->n_packets <= SLUICE_RULES_MAX)
		return 0;
	snprintf(message, sizeof(message), "there is room for %d limits of packets",
		 SLUICE_RULES_MAX);
	return refuse(loading, line_of(item, "scope"), "scope", message);
}

static int take_item(const struct yaml_limit *item, void *data)
{
	struct loading *loading = data;
	struct conf_limits *limits = loading->limits;
	_cleanup_limit_ struct limit limit;
	int err;

	limit_init(&limit);
	if (limits->n == CONF_LIMITS_MAX)
		return refuse(loading, item->line, "", "files may hold 4096 limits in all");
	err = parse_item(loading, item, &limit);
	if (!err)
		err = check_packets(loading, item, &limit);
	if (!err)
		err = check_others(loading, &limit, item);
	if (!err)
		err = reserve(loading);
	if (err)
		return err;
	limits->places[limits->n] = (struct conf_place){loading->file, item->line};
	limits->at[limits->n++] = limit;
	limit_init(&limit);
	return 0;
}

static const char *describe_failure(int err)
{
	switch (err) {
	case -EFBIG:
		return "it has more than 1 MiB";
	case -EINVAL:
		return "it is no plain file";
	default:
		return strerror(-err);
	}
}

static int read_limits_file(struct loading *loading)
{
	const char *path = loading->limits->files[loading->file];
	struct yaml_error why = {.line = 0};
	char message[FIELD_MESSAGE_SIZE], *text;
	size_t len;
	int err = conf_read_plain_file(path, CONF_FILE_MAX, &text, &len);

	if (err == -ENOMEM)
		return err;
	if (err) {
		snprintf(message, sizeof(message), "cannot be read: %s", describe_failure(err));
		return refuse(loading, 0, "", message);
	}
	/* A refused limit has filled loading->error, a fault of the text fills `why`. */
	err = yaml_limits_read(text, len, &why, take_item, loading);
	free(text);
	if (err == YAML_E_INVALID && *why.what.message)
		return refuse(loading, why.line, why.what.field, why.what.message);
	return err;
}

static int is_limits_file(const struct dirent *entry)
{
	size_t len = strlen(entry->d_name);

	return entry->d_name[0] != '.' && len > 5 && strcmp(entry->d_name + len - 5, ".yaml") == 0;
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

static int refuse_dir(struct conf_error *error, const char *dir, const char *message)
{
	snprintf(error->where, sizeof(error->where), "%s", dir);
	field_error_set(&error->what, "", "%s", message);
	return CONF_E_INVALID;
}

static int list_files(const char *dir, struct conf_limits *limits, struct conf_error *error)
{
	struct dirent **entries;
	int n = scandir(dir, &entries, is_limits_file, by_name), err = 0;
	char message[FIELD_MESSAGE_SIZE];

	if (n < 0) {
		snprintf(message, sizeof(message), "cannot be read: %s", strerror(errno));
		return refuse_dir(error, dir, message);
	}
	limits->files = calloc((size_t)n + 1, sizeof(*limits->files));
	for (int i = 0; i < n; i++) {
		char *path = NULL;

		if (!limits->files || asprintf(&path, "%s/%s", dir, entries[i]->d_name) < 0)
			err = -ENOMEM;
		else
			limits->files[limits->n_files++] = path;
		free(entries[i]);
	}
	free(entries);
	if (!limits->files)
		return -ENOMEM;
	if (!err && limits->n_files > CONF_LIMITS_FILES_MAX)
		return refuse_dir(error, dir, "has more than 256 files of limits");
	return err;
}

int conf_limits_load(const char *dir, struct conf_error *error, struct conf_limits **ret)
{
	struct conf_limits *limits = calloc(1, sizeof(*limits));
	struct loading loading = {.limits = limits, .error = error};
	int err = limits ? list_files(dir, limits, error) : -ENOMEM;

	for (; !err && loading.file < limits->n_files; loading.file++)
		err = read_limits_file(&loading);
	if (err)
		conf_limits_free(limits);
	else
		*ret = limits;
	return err;
}

void conf_limits_free(struct conf_limits *limits)
{
	if (!limits)
		return;
	for (size_t i = 0; i < limits->n; i++)
		limit_done(&limits->at[i]);
	for (size_t i = 0; i < limits->n_files; i++)
		free(limits->files[i]);
	free(limits->at);
	free(limits->places);
	free(limits->files);
	free(limits);
}

void conf_limits_refuse(const struct conf_limits *limits, size_t i, const struct field_error *why,
			struct conf_error *error)
{
	const struct conf_place *place = &limits->places[i];

	snprintf(error->where, sizeof(error->where), "%s:%u", limits->files[place->file],
		 place->line);
	error->what = *why;
}
