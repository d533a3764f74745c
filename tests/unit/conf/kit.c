/* Loads settings for tests: files with a given text, command lines, environments. */
/* SPDX-License-Identifier: MIT */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "unit/conf/kit.h"

void kit_write(const void *bytes, size_t len, char path[KIT_PATH_SIZE])
{
	int fd;

	strcpy(path, "/tmp/sluice-conf-XXXXXX");
	fd = mkstemp(path);
	assert(fd >= 0);
	assert(write(fd, bytes, len) == (ssize_t)len);
	close(fd);
}

static int split(char **text, const char *words, char *ret[KIT_ARGS_MAX])
{
	char *rest;
	int n = 0;

	*text = strdup(words ? words : "");
	rest = *text;
	while (n < KIT_ARGS_MAX && (ret[n] = strtok_r(rest, " ", &rest)))
		n++;
	assert(n < KIT_ARGS_MAX);
	return n;
}

int kit_load(struct kit *kit, const char *file, const char *environment, const char *args)
{
	struct conf_sources sources = {.file = file};

	memset(kit, 0, sizeof(*kit));
	sources.n_args = split(&kit->line, args, kit->args);
	sources.args = kit->args;
	split(&kit->variables, environment, kit->environment);
	sources.environment = kit->environment;
	return conf_load(&sources, &kit->error, &kit->conf);
}

int kit_load_text(struct kit *kit, const char *text, const char *environment, const char *args)
{
	char *path = malloc(KIT_PATH_SIZE);
	int err;

	assert(path);
	kit_write(text, strlen(text), path);
	err = kit_load(kit, path, environment, args);
	kit->path = path;
	unlink(path);
	/* The path differs from run to run: tests see FILE:LINE. */
	if (err && strncmp(kit->error.where, path, strlen(path)) == 0) {
		char line[32];

		snprintf(line, sizeof(line), "FILE%s", kit->error.where + strlen(path));
		strcpy(kit->error.where, line);
	}
	return err;
}

void kit_done(struct kit *kit)
{
	conf_free(kit->conf);
	free(kit->path);
	free(kit->line);
	free(kit->variables);
}

char *kit_show(const struct kit *kit)
{
	struct buf text;

	buf_init(&text);
	conf_show(kit->conf, &text);
	return buf_take(&text, NULL);
}
