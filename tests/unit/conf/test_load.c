/* Loading: every setting from every source, which source wins, and what is refused where. */
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

#include "base/log.h"
#include "conf/table_priv.h"
#include "unit/conf/kit.h"

#define N_OF(rows) (sizeof(rows) / sizeof((rows)[0]))

/* A value other than the default, as written; `shown` where that differs. */
static const struct example {
	const char *name, *value, *shown;
} examples[] = {
	{"listen", "127.0.0.2:99", NULL},
	{"tls_cert", "/t/c", NULL},
	{"tls_key", "/t/k", NULL},
	{"data", "/d/x", NULL},
	{"limits", "/l/x", NULL},
	{"keys_max", "77", NULL},
	{"snapshot_interval", "3s", NULL},
	{"audit_keep", "7d", NULL},
	{"usage_keep", "30d", NULL},
	{"http_threads", "3", NULL},
	{"http_memory", "8MiB", NULL},
	{"header_timeout", "7s", NULL},
	{"body_timeout", "250ms", NULL},
	{"idle_timeout", "2h", NULL},
	{"events_max", "7", NULL},
	{"metrics_listen", "127.0.0.3:98", NULL},
	{"iface", "eth7", NULL},
	{"pin_dir", "/sys/fs/bpf/y", NULL},
	{"packet_memory", "1GiB", NULL},
	{"detach_on_exit", "true", NULL},
	{"bootstrap_email", "a@example.org", NULL},
	{"bootstrap_key", NULL, "(secret)"},
	{"bootstrap_check_key", NULL, "(secret)"},
	{"bootstrap_password", NULL, "(secret)"},
	{"log_level", "debug", NULL},
	{"log_format", "text", NULL},
	{"log_requests", "all", NULL},
	{"test_clock", "true", NULL},
};

/* The line of a setting in conf_show() has this value and origin. */
static void assert_shown(const struct kit *kit, const char *name, const char *value,
			 const char *origin)
{
	char wanted[512], *shown = kit_show(kit);

	snprintf(wanted, sizeof(wanted), "%-20s %-24s %s\n", name, value, origin);
	if (!strstr(shown, wanted))
		print_message("wanted:\n%sgot:\n%s", wanted, shown);
	assert_non_null(strstr(shown, wanted));
	free(shown);
}

static void defaults_hold_without_any_source(void **state)
{
	struct kit kit;
	const struct settings *settings;

	assert_int_equal(kit_load(&kit, NULL, NULL, NULL), 0);
	settings = conf_settings(kit.conf);
	assert_true(settings->listen.loopback);
	assert_int_equal(address_port(&settings->listen), 4000);
	assert_string_equal(settings->data, "sluice-data");
	assert_int_equal(settings->keys_max, 1000000);
	assert_int_equal(settings->header_timeout_ms, 10000);
	assert_int_equal(settings->n_interfaces, 0);
	assert_int_equal(settings->packet_bytes, 16 << 20);
	assert_false(settings->detach_on_exit);
	assert_false(settings->test_clock);
	assert_int_equal(settings->log_level, LOG_LEVEL_INFO);
	assert_int_equal(settings->log_format, LOG_FORMAT_AUTO);
	assert_int_equal(settings->log_requests, CONF_LOG_CHANGES);
	assert_null(settings->bootstrap_key);
	assert_shown(&kit, "iface", "-", "default");
	kit_done(&kit);
}

static void every_setting_has_an_example(void **state)
{
	assert_int_equal(N_OF(examples), n_settings);
	for (size_t i = 0; i < n_settings; i++)
		assert_string_equal(examples[i].name, settings_table[i].name);
}

/* The variable without which it is refused; "": none. */
static const char *needed_beside(const struct setting *row)
{
	if (strcmp(row->name, "tls_cert") == 0)
		return "SLUICE_TLS_KEY=/t/k";
	return strcmp(row->name, "tls_key") == 0 ? "SLUICE_TLS_CERT=/t/c" : "";
}

static void every_setting_comes_from_every_source(void **state)
{
	char path[KIT_PATH_SIZE];

	kit_write("a secret\n", 9, path);
	for (size_t i = 0; i < n_settings; i++) {
		const struct setting *row = &settings_table[i];
		const char *value = examples[i].value ?: path, *shown = examples[i].shown ?: value;
		const char *beside = needed_beside(row);
		char file[SETTING_NAME_SIZE], flag[SETTING_NAME_SIZE], variable[SETTING_NAME_SIZE];
		char text[256], origin[256];
		struct kit kit;

		print_message("# %s\n", row->name);
		setting_name(row, STYLE_FILE, file);
		setting_name(row, STYLE_FLAG, flag);
		setting_name(row, STYLE_ENVIRONMENT, variable);

		snprintf(text, sizeof(text), row->type->list ? "\n%s: [%s]\n" : "\n%s: %s\n", file,
			 value);
		assert_int_equal(kit_load_text(&kit, text, beside, NULL), 0);
		free(kit_show(&kit));
		kit_done(&kit);

		snprintf(text, sizeof(text), "%s%s=%s %s", variable,
			 row->type->secret ? "_FILE" : "", value, beside);
		snprintf(origin, sizeof(origin), "environment %s%s", variable,
			 row->type->secret ? "_FILE" : "");
		assert_int_equal(kit_load(&kit, NULL, text, NULL), 0);
		assert_shown(&kit, row->name, shown, origin);
		kit_done(&kit);

		snprintf(text, sizeof(text), "%s=%s", flag, value);
		snprintf(origin, sizeof(origin), "flag %s", flag);
		assert_int_equal(kit_load(&kit, NULL, beside, text), 0);
		assert_shown(&kit, row->name, shown, origin);
		kit_done(&kit);

		snprintf(text, sizeof(text), row->type->flag ? "%s" : "%s %s", flag, value);
		assert_int_equal(kit_load(&kit, NULL, beside, text), 0);
		assert_shown(&kit, row->name, shown, origin);
		kit_done(&kit);
	}
	unlink(path);
}

static void every_setting_of_a_file_is_shown_with_its_line(void **state)
{
	char secret[KIT_PATH_SIZE], path[KIT_PATH_SIZE], origin[128];
	struct kit kit;
	struct buf text;

	kit_write("a secret\n", 9, secret);
	buf_init(&text);
	for (size_t i = 0; i + 1 < n_settings; i++) {
		char name[SETTING_NAME_SIZE];

		setting_name(&settings_table[i], STYLE_FILE, name);
		buf_printf(&text, settings_table[i].type->list ? "%s: [%s]\n" : "%s: %s\n", name,
			   examples[i].value ?: secret);
	}
	kit_write(text.data, text.len, path);
	assert_int_equal(kit_load(&kit, path, NULL, NULL), 0);
	for (size_t i = 0; i + 1 < n_settings; i++) {
		snprintf(origin, sizeof(origin), "%s:%zu", path, i + 1);
		assert_shown(&kit, settings_table[i].name, examples[i].shown ?: examples[i].value,
			     origin);
	}
	kit_done(&kit);
	buf_done(&text);
	unlink(secret);
	unlink(path);
}

static void stronger_source_wins(void **state)
{
	static const char text[] = "keys_max: 2\niface: [a, b]\ndetach_on_exit: true\n";
	static const char variables[] = "SLUICE_KEYS_MAX=3 SLUICE_IFACE=c,d";
	const struct settings *settings;
	struct kit kit;

	assert_int_equal(kit_load_text(&kit, text, NULL, NULL), 0);
	settings = conf_settings(kit.conf);
	assert_int_equal(settings->keys_max, 2);
	assert_int_equal(settings->n_interfaces, 2);
	assert_string_equal(settings->interfaces[1], "b");
	kit_done(&kit);

	assert_int_equal(kit_load_text(&kit, text, variables, NULL), 0);
	settings = conf_settings(kit.conf);
	assert_int_equal(settings->keys_max, 3);
	assert_int_equal(settings->n_interfaces, 2);
	assert_string_equal(settings->interfaces[0], "c");
	kit_done(&kit);

	assert_int_equal(
		kit_load_text(&kit, text, variables,
			      "--iface e --keys-max=4 --iface=f --detach-on-exit=false --iface a"),
		0);
	settings = conf_settings(kit.conf);
	assert_int_equal(settings->keys_max, 4);
	assert_int_equal(settings->n_interfaces, 3);
	assert_string_equal(settings->interfaces[0], "e");
	assert_string_equal(settings->interfaces[2], "a");
	assert_false(settings->detach_on_exit);
	kit_done(&kit);
}

static void empty_variable_counts_as_absent(void **state)
{
	struct kit kit;

	assert_int_equal(kit_load_text(&kit, "keys_max: 2\n",
				       "SLUICE_KEYS_MAX= SLUICE_BOOTSTRAP_KEY= SLUICE_KEYS_MAXI=5",
				       NULL),
			 0);
	assert_int_equal(conf_settings(kit.conf)->keys_max, 2);
	assert_null(conf_settings(kit.conf)->bootstrap_key);
	kit_done(&kit);
}

static void refused_names_source_and_setting(void **state)
{
	static const struct {
		const char *text, *variables, *args; /* text NULL: no file */
		const char *where, *field, *words;
	} rows[] = {
		{"\nlisen: x\n", NULL, NULL, "FILE:2", "lisen", "did you mean 'listen'?"},
		{"keys-max: 5\n", NULL, NULL, "FILE:1", "keys-max", "did you mean 'keys_max'?"},
		{"colour: x\n", NULL, NULL, "FILE:1", "colour", "there is no such setting"},
		{"colour: {a: b}\n", NULL, NULL, "FILE:1", "colour", "there is no such setting"},
		{"bootstrap_key: x\n", NULL, NULL, "FILE:1", "bootstrap_key",
		 "'bootstrap_key_file'"},
		{"keys_max: 5\n\nkeys_max: 5\n", NULL, NULL, "FILE:3", "keys_max",
		 "first in line 1"},
		{"keys_max: '5'\n", NULL, NULL, "FILE:1", "keys_max", "without quotes"},
		{"test_clock: \"true\"\n", NULL, NULL, "FILE:1", "test_clock", "without quotes"},
		{"keys_max: 0\n", NULL, NULL, "FILE:1", "keys_max", "at least 1"},
		{"keys_max: many\n", NULL, NULL, "FILE:1", "keys_max", "'many'"},
		{"keys_max: [5]\n", NULL, NULL, "FILE:1", "keys_max", "not a list"},
		{"keys_max: {a: 5}\n", NULL, NULL, "FILE:1", "keys_max", "not a mapping"},
		{"data:\n", NULL, NULL, "FILE:1", "data", "has no value"},
		{"data: ~\n", NULL, NULL, "FILE:1", "data", "has no value"},
		{"data: Null\n", NULL, NULL, "FILE:1", "data", "has no value"},
		{"data: ''\n", NULL, NULL, "FILE:1", "data", "must not be empty"},
		{"test_clock: yes\n", NULL, NULL, "FILE:1", "test_clock", "true or false"},
		{"log_level: loud\n", NULL, NULL, "FILE:1", "log_level",
		 "takes a word, error, warning, info or debug, not 'loud'"},
		{"iface: eth0\n", NULL, NULL, "FILE:1", "iface", "must be a list"},
		{"iface:\n- eth0\n- a/b\n", NULL, NULL, "FILE:3", "iface", "'a/b'"},
		{"iface: [eth0,\n eth0]\n", NULL, NULL, "FILE:2", "iface", "there twice"},
		{"iface: [a,b,c,d,e,f,g,h,i,j,k,l,m,n,o,p,q]\n", NULL, NULL, "FILE:1", "iface",
		 "at most 16"},
		{"bootstrap_key_file: /nowhere/x\n", NULL, NULL, "FILE:1", "bootstrap_key_file",
		 "/nowhere/x"},
		{"bootstrap_key_file: /dev/null\n", NULL, NULL, "FILE:1", "bootstrap_key_file",
		 "empty"},
		{"bootstrap_key_file: /dev/zero\n", NULL, NULL, "FILE:1", "bootstrap_key_file",
		 "4096"},
		{"bootstrap_key_file: ''\n", NULL, NULL, "FILE:1", "bootstrap_key_file", "empty"},
		{"test_clock: true\niface: [a]\n", NULL, NULL, "FILE:1", "test_clock",
		 "real clock"},
		{"test_clock: true\n", NULL, "--listen 0.0.0.0:1", "FILE:1", "test_clock",
		 "loopback"},
		{"tls_cert: c\n", NULL, NULL, "FILE:1", "tls_cert", "set tls_key too"},
		{NULL, "SLUICE_TLS_KEY=k", NULL, "", "SLUICE_TLS_KEY", "set tls_cert too"},
		{NULL, NULL, "--tls-cert c", "", "--tls-cert", "set tls_key too"},
		/* Weaker sources are checked as well. */
		{"keys_max: 0\n", NULL, "--keys-max 5", "FILE:1", "keys_max", "at least 1"},
		{NULL, "SLUICE_KEYS_MAX=x", "--keys-max 5", "", "SLUICE_KEYS_MAX", "'x'"},
		{NULL, "SLUICE_IFACE=a,,b", NULL, "", "SLUICE_IFACE", "''"},
		{NULL, "SLUICE_IFACE=a,b,a", NULL, "", "SLUICE_IFACE", "'a' is there twice"},
		{NULL, "SLUICE_TEST_CLOCK=1", NULL, "", "SLUICE_TEST_CLOCK", "true or false"},
		{NULL, "SLUICE_BOOTSTRAP_KEY_FILE=/nowhere/x", NULL, "",
		 "SLUICE_BOOTSTRAP_KEY_FILE", "/nowhere"},
		{NULL, "SLUICE_BOOTSTRAP_KEY=x SLUICE_BOOTSTRAP_KEY_FILE=/dev/null", NULL, "",
		 "SLUICE_BOOTSTRAP_KEY", "_FILE"},
		{NULL, NULL, "--test-clock --iface eth0", "", "--test-clock", "real clock"},
		{NULL, NULL, "--iface eth0 --test-clock", "", "--test-clock", "real clock"},
		{NULL, NULL, "--test-clock --listen 192.0.2.1:4000", "", "--test-clock",
		 "loopback"},
		{NULL, NULL, "--iface eth0 --iface eth1 --iface eth0", "", "--iface",
		 "there twice"},
		{NULL, NULL, "--iface", "", "--iface", "needs a value: NAME"},
		{NULL, NULL, "--detach-on-exit=yes", "", "--detach-on-exit", "true or false"},
		{NULL, NULL, "--pin-dir=", "", "--pin-dir", "empty"},
		{NULL, NULL, "--ifaces eth0", "", "--ifaces", "did you mean '--iface'?"},
		{NULL, NULL, "--keys_max 1", "", "--keys_max", "did you mean '--keys-max'?"},
		{NULL, NULL, "--bootstrap-key x", "", "--bootstrap-key", "no such option"},
		{NULL, NULL, "word", "", "word", "no such option"},
		{NULL, NULL, "--config", "", "--config", "needs a value: FILE"},
		{NULL, NULL, "--config=", "", "--config", "needs a value: FILE"},
		{NULL, NULL, "--config=a --config=b", "", "--config", "twice"},
		{NULL, NULL, "--config /nowhere/x", "/nowhere/x", "", "No such file"},
	};

	for (size_t i = 0; i < N_OF(rows); i++) {
		struct kit kit;
		int err;

		print_message("# row %zu\n", i);
		err = rows[i].text ?
			      kit_load_text(&kit, rows[i].text, rows[i].variables, rows[i].args) :
			      kit_load(&kit, NULL, rows[i].variables, rows[i].args);
		assert_int_equal(err, CONF_E_INVALID);
		print_message("#   %s: %s: %s\n", kit.error.where, kit.error.what.field,
			      kit.error.what.message);
		assert_string_equal(kit.error.where, rows[i].where);
		assert_string_equal(kit.error.what.field, rows[i].field);
		assert_non_null(strstr(kit.error.what.message, rows[i].words));
		assert_null(kit.conf);
		kit_done(&kit);
	}
}

static void config_is_found_wherever_it_stands(void **state)
{
	char path[KIT_PATH_SIZE], args[256];
	struct kit kit;

	kit_write("keys_max: 2\nhttp_threads: 2\n", 28, path);
	snprintf(args, sizeof(args),
		 "--test-clock --keys-max 5 --data --config --config %s --idle-timeout 1s", path);
	assert_int_equal(kit_load(&kit, NULL, NULL, args), 0);
	assert_int_equal(conf_settings(kit.conf)->keys_max, 5);
	assert_int_equal(conf_settings(kit.conf)->http_threads, 2);
	assert_string_equal(conf_settings(kit.conf)->data, "--config");
	assert_true(conf_has_file(kit.conf));
	kit_done(&kit);
	unlink(path);
}

static void file_of_over_a_mebibyte_is_refused(void **state)
{
	char path[KIT_PATH_SIZE], *text = malloc(CONF_FILE_MAX + 1);
	struct kit kit;

	memset(text, '#', CONF_FILE_MAX + 1);
	kit_write(text, CONF_FILE_MAX, path);
	assert_int_equal(kit_load(&kit, path, NULL, NULL), 0);
	kit_done(&kit);
	unlink(path);
	kit_write(text, CONF_FILE_MAX + 1, path);
	assert_int_equal(kit_load(&kit, path, NULL, NULL), CONF_E_INVALID);
	assert_string_equal(kit.error.where, path);
	assert_non_null(strstr(kit.error.what.message, "1 MiB"));
	kit_done(&kit);
	unlink(path);
	free(text);
}

static void secret_of_a_file_ends_at_the_line(void **state)
{
	static const struct {
		const char *bytes;
		size_t len;
		const char *secret; /* NULL: refused */
	} rows[] = {
		{"s3cret", 6, "s3cret"}, {"s3cret\n", 7, "s3cret"}, {"s3cret\r\n", 8, "s3cret"},
		{" s\n\n", 4, " s\n"},   {"\n", 1, NULL},           {"", 0, NULL},
		{"a\0b", 3, NULL},
	};

	for (size_t i = 0; i < N_OF(rows); i++) {
		char path[KIT_PATH_SIZE], args[128];
		struct kit kit;

		kit_write(rows[i].bytes, rows[i].len, path);
		snprintf(args, sizeof(args), "--bootstrap-password-file %s", path);
		assert_int_equal(kit_load(&kit, NULL, NULL, args),
				 rows[i].secret ? 0 : CONF_E_INVALID);
		if (rows[i].secret)
			assert_string_equal(conf_settings(kit.conf)->bootstrap_password,
					    rows[i].secret);
		kit_done(&kit);
		unlink(path);
	}
}

static void error_text_holds_no_control_characters(void **state)
{
	char text[CONF_ERROR_SIZE];
	struct kit kit;

	assert_int_equal(kit_load_text(&kit, "keys_max: \"\\e[31m\"\n", NULL, NULL),
			 CONF_E_INVALID);
	kit_done(&kit);
	assert_int_equal(kit_load_text(&kit, "listen: \"\\e[31m\\n\"\n", NULL, NULL),
			 CONF_E_INVALID);
	conf_error_format(&kit.error, text);
	assert_non_null(strstr(text, "FILE:1: listen: "));
	assert_non_null(strstr(text, "'?[31m?'"));
	kit_done(&kit);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(defaults_hold_without_any_source),
		cmocka_unit_test(every_setting_has_an_example),
		cmocka_unit_test(every_setting_comes_from_every_source),
		cmocka_unit_test(every_setting_of_a_file_is_shown_with_its_line),
		cmocka_unit_test(stronger_source_wins),
		cmocka_unit_test(empty_variable_counts_as_absent),
		cmocka_unit_test(refused_names_source_and_setting),
		cmocka_unit_test(config_is_found_wherever_it_stands),
		cmocka_unit_test(file_of_over_a_mebibyte_is_refused),
		cmocka_unit_test(secret_of_a_file_ends_at_the_line),
		cmocka_unit_test(error_text_holds_no_control_characters),
	};

	return cmocka_run_group_tests_name("conf/load", tests, NULL, NULL);
}
