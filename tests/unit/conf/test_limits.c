/* Directories of limits: what they hold, and what is refused in which file and line. */
/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "conf/limits.h"

#define N_OF(rows) (sizeof(rows) / sizeof((rows)[0]))

enum { PATH_SIZE = 96 };

/* A directory of the test's own, removed with all that was put into it. */
struct folder {
	char dir[32];
	char files[4][PATH_SIZE];
	size_t n;
};

static int make_folder(void **state)
{
	struct folder *folder = calloc(1, sizeof(*folder));

	strcpy(folder->dir, "/tmp/sluice-limits-XXXXXX");
	*state = folder;
	return mkdtemp(folder->dir) ? 0 : -1;
}

static void empty_folder(struct folder *folder)
{
	while (folder->n > 0)
		unlink(folder->files[--folder->n]);
}

static int remove_folder(void **state)
{
	struct folder *folder = *state;

	empty_folder(folder);
	rmdir(folder->dir);
	free(folder);
	return 0;
}

static void put_file(struct folder *folder, const char *name, const char *text)
{
	char path[PATH_SIZE];
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", folder->dir, name);
	strcpy(folder->files[folder->n++], path);
	file = fopen(path, "we");
	assert_non_null(file);
	fputs(text, file);
	fclose(file);
}

static void limits_of_all_files_are_one_set_in_order(void **state)
{
	_cleanup_conf_limits_ struct conf_limits *limits = NULL;
	struct conf_error error;

	put_file(*state, "b.yaml", "limits:\n- {key: b, limit: 2, interval: 1m}\n");
	put_file(
		*state, "a.yaml",
		"# ours\nlimits:\n- key: \"123\"\n  limit: 1\n  interval: 1m\n  burst: null\n"
		"- scope: packet\n  match:\n    proto: [udp, 6]\n    dst_port: 53\n"
		"    dst: 2001:db8::/32\n  per: src\n  limit: 3\n  interval: 1s\n  name: 'true'\n");
	put_file(*state, ".c.yaml", "no limits\n");
	put_file(*state, "d.yml", "no limits\n");
	*error.what.message = '\0';
	conf_limits_load(((struct folder *)*state)->dir, &error, &limits);
	assert_string_equal(error.what.message, "");
	assert_int_equal(limits->n, 3);
	assert_string_equal(limits->at[0].key, "123");
	assert_int_equal(limits->at[0].limit, 1);
	assert_int_equal(limits->places[0].line, 3);
	assert_int_equal(limits->at[1].scope, LIMIT_SCOPE_PACKET);
	assert_int_equal(limits->at[1].match->dst_port[0].first, 53);
	assert_int_equal(limits->at[1].match->n_dst, 1);
	assert_string_equal(limits->at[1].name, "true");
	assert_int_equal(limits->places[1].line, 7);
	assert_string_equal(limits->at[2].key, "b");
	assert_int_equal(limits->places[2].file, 1);
}

static void directory_without_limits_is_an_empty_set(void **state)
{
	static const char *const rows[] = {"limits:\n", "limits: []\n", "# ours\nlimits: # none\n"};
	struct folder *folder = *state;

	for (size_t i = 0; i <= N_OF(rows); i++) {
		_cleanup_conf_limits_ struct conf_limits *limits = NULL;
		struct conf_error error;

		if (i < N_OF(rows))
			put_file(folder, "a.yaml", rows[i]);
		assert_int_equal(conf_limits_load(folder->dir, &error, &limits), 0);
		assert_int_equal(limits->n, 0);
		empty_folder(folder);
	}
}

static void wrong_limit_is_refused_with_line_and_field(void **state)
{
	static const struct {
		const char *text;
		int line; /* 0: none */
		const char *field, *words;
	} rows[] = {
		{"limits:\n- key: a\n  limit: 0\n  interval: 1m\n", 3, "limit", "at least 1"},
		{"limits:\n- key: a\n  limit: '5'\n  interval: 1m\n", 3, "limit", "integer"},
		{"limits:\n- key: 5\n  limit: 5\n  interval: 1m\n", 2, "key", "string"},
		{"limits:\n\n- key: a\n  limit: 5\n", 3, "interval", "required"},
		{"limits:\n- key: a\n  limit: 5\n  intervall: 1m\n", 4, "intervall", "interval"},
		{"limits:\n- key: a\n  limit: 5\n  interval: 1m\n  limit: 6\n", 5, "limits",
		 "limit is there twice, first in line 3"},
		{"limits:\n- key: a\n  limit: 5\n  interval: 1m\n  id: x\n", 5, "id", "read-only"},
		{"limits:\n- key: a\n  limit: 5\n  interval: 1m\n  origin: api\n", 5, "origin",
		 "read-only"},
		{"limits:\n- scope: packet\n  match:\n    dst: x\n  limit: 5\n  interval: 1s\n", 3,
		 "match.dst", ""},
		{"limits:\n- scope: packet\n  algorithm: fixed_window\n  limit: 5\n  interval: 1s\n",
		 3, "algorithm", "token_bucket"},
		{"limits:\n- scope: packet\n  limit: 5\n  interval: 1s\n  confirm: 60s\n", 5,
		 "confirm", "API"},
		{"limits:\n- {key: a, limit: 5, interval: 1m}\n- {key: a, limit: 6, interval: 60s}\n",
		 3, "key", "a.yaml:2"},
		{"limits:\n- {key: a, limit: 5, interval: 1m, name: n}\n"
		 "- {key: b, limit: 6, interval: 1m, name: n}\n",
		 3, "name", "a.yaml:2"},
		{"limits:\n- key\n", 2, "limits", "FIELD: VALUE"},
		{"limits:\n  key: a\n", 2, "limits", "list of limits"},
		{"limits: a\n", 1, "limits", "list of limits"},
		{"limit:\n- key: a\n", 1, "", "`limits:`"},
		{"- key: a\n", 1, "", "`limits:`"},
		{"", 1, "", "empty"},
		{"\n# half written", 1, "", "empty"},
		{"---\n", 2, "", "`limits:`"},
		{"{}\n", 1, "", "`limits:`"},
		{"limits: []\nkeys_max: 5\n", 2, "limits", "beside"},
		{"limits: []\n---\nlimits: []\n", 2, "limits", "second document"},
		{"limits:\n- &a {key: a, limit: 5, interval: 1m}\n- *a\n", 2, "limits", "anchors"},
		{"limits:\n- key: [[[[[a]]]]]\n", 2, "limits", "too deep"},
		{"limits:\n- {a: {b: {c: {d: {e: f}}}}}\n", 2, "limits", "too deep"},
		{"limits:\n- {'a b': c}\n", 2, "limits", "must be a word"},
		{"limits:\n- {? [a] : c}\n", 2, "limits", "must be a word"},
		{"limits:\n- key: \"a\\0b\"\n", 2, "limits", "NUL"},
		{"limits:\n- key: a\n\tlimit: 5\n", 3, "limits", "not YAML"},
		{"limits:\n- key: \xff\n", 2, "", "UTF-8"},
	};
	struct folder *folder = *state;

	for (size_t i = 0; i < N_OF(rows); i++) {
		struct conf_limits *limits = NULL;
		struct conf_error error;
		char where[PATH_SIZE + 16];

		put_file(folder, "a.yaml", rows[i].text);
		print_message("# row %zu\n", i);
		assert_int_equal(conf_limits_load(folder->dir, &error, &limits), CONF_E_INVALID);
		print_message("#   %s: %s: %s\n", error.where, error.what.field,
			      error.what.message);
		snprintf(where, sizeof(where), "%s/a.yaml:%d", folder->dir, rows[i].line);
		assert_string_equal(error.where, where);
		assert_string_equal(error.what.field, rows[i].field);
		assert_non_null(strstr(error.what.message, rows[i].words));
		assert_null(limits);
		empty_folder(folder);
	}
}

static void limits_equal_across_files_are_refused(void **state)
{
	struct folder *folder = *state;
	struct conf_limits *limits = NULL;
	struct conf_error error;

	put_file(folder, "a.yaml", "limits:\n- {key: a, limit: 5, interval: 1m}\n");
	put_file(folder, "b.yaml", "limits:\n\n- {key: a, limit: 5, interval: 1m}\n");
	assert_int_equal(conf_limits_load(folder->dir, &error, &limits), CONF_E_INVALID);
	assert_non_null(strstr(error.where, "/b.yaml:3"));
	assert_non_null(strstr(error.what.message, "a.yaml:2"));
}

static void packet_limits_beyond_their_room_are_refused(void **state)
{
	struct folder *folder = *state;
	struct conf_limits *limits = NULL;
	struct conf_error error;
	char text[8192] = "limits:\n", *at = text + strlen(text);

	for (int i = 0; i <= SLUICE_RULES_MAX; i++) {
		if (i == SLUICE_RULES_MAX) {
			put_file(folder, "a.yaml", text);
			assert_int_equal(conf_limits_load(folder->dir, &error, &limits), 0);
			conf_limits_free(limits);
			empty_folder(folder);
			limits = NULL;
		}
		at += sprintf(at,
			      "- {scope: packet, match: {dst_port: %d}, limit: 1, interval: 1s}\n",
			      i + 1);
	}
	put_file(folder, "a.yaml", text);
	assert_int_equal(conf_limits_load(folder->dir, &error, &limits), CONF_E_INVALID);
	assert_non_null(strstr(error.where, "a.yaml:66"));
	assert_non_null(strstr(error.what.message, "room for 64"));
}

static void directory_or_file_that_cannot_be_read_is_refused(void **state)
{
	struct folder *folder = *state;
	struct conf_limits *limits = NULL;
	struct conf_error error;
	char *big = malloc(CONF_FILE_MAX + 2);

	assert_int_equal(conf_limits_load("/nowhere", &error, &limits), CONF_E_INVALID);
	assert_string_equal(error.where, "/nowhere");
	memset(big, '#', CONF_FILE_MAX + 1);
	big[CONF_FILE_MAX + 1] = '\0';
	put_file(folder, "a.yaml", big);
	free(big);
	assert_int_equal(conf_limits_load(folder->dir, &error, &limits), CONF_E_INVALID);
	assert_string_equal(error.where, folder->files[0]);
	assert_non_null(strstr(error.what.message, "1 MiB"));
}

#define WITH_FOLDER(test) cmocka_unit_test_setup_teardown(test, make_folder, remove_folder)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_FOLDER(limits_of_all_files_are_one_set_in_order),
		WITH_FOLDER(directory_without_limits_is_an_empty_set),
		WITH_FOLDER(wrong_limit_is_refused_with_line_and_field),
		WITH_FOLDER(limits_equal_across_files_are_refused),
		WITH_FOLDER(packet_limits_beyond_their_room_are_refused),
		WITH_FOLDER(directory_or_file_that_cannot_be_read_is_refused),
	};

	return cmocka_run_group_tests_name("conf/limits", tests, NULL, NULL);
}
