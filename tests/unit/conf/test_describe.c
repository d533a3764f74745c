/* What is printed: the documentation is the table, secrets are nowhere, JSON is JSON. */
/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "conf/conf_priv.h"
#include "json/json.h"
#include "unit/conf/kit.h"

static void documentation_holds_the_table(void **state)
{
	_cleanup_buf_ struct buf table;
	char *page;
	size_t len;

	buf_init(&table);
	conf_document(&table);
	assert_int_equal(conf_read_file("docs/configuration.md", CONF_FILE_MAX, &page, &len), 0);
	if (!strstr(page, table.data))
		print_message("docs/configuration.md must hold:\n%s", table.data);
	assert_non_null(strstr(page, table.data));
	free(page);
}

static void help_has_every_option(void **state)
{
	_cleanup_buf_ struct buf help;
	char name[SETTING_NAME_SIZE + 3];

	buf_init(&help);
	conf_help(&help);
	for (size_t i = 0; i < n_settings; i++) {
		strcpy(name, "  ");
		setting_name(&settings_table[i], STYLE_FLAG, name + 2);
		assert_non_null(strstr(help.data, name));
		assert_non_null(strstr(help.data, settings_table[i].help));
	}
}

static const char secrets[] = "SLUICE_BOOTSTRAP_KEY=hush-1 SLUICE_BOOTSTRAP_CHECK_KEY=hush-2 "
			      "SLUICE_BOOTSTRAP_PASSWORD=hush-3 SLUICE_IFACE=eth0,eth1";

static void secrets_are_never_shown(void **state)
{
	_cleanup_buf_ struct buf json;
	struct kit kit;
	char *shown;

	buf_init(&json);
	assert_int_equal(kit_load(&kit, NULL, secrets, NULL), 0);
	shown = kit_show(&kit);
	conf_show_json(kit.conf, &json);
	assert_null(strstr(shown, "hush"));
	assert_null(strstr(json.data, "hush"));
	assert_non_null(strstr(shown, "(secret)"));
	free(shown);
	kit_done(&kit);
}

static const struct json *member(const struct json_document *document, const char *name,
				 const char *part)
{
	return json_member(json_member(json_root(document), name), part);
}

static void shown_json_has_types_and_origins(void **state)
{
	_cleanup_json_ struct json_document *document = NULL;
	_cleanup_buf_ struct buf text;
	struct field_error error;
	struct kit kit;

	buf_init(&text);
	assert_int_equal(kit_load(&kit, NULL, secrets, "--keys-max 5"), 0);
	conf_show_json(kit.conf, &text);
	assert_int_equal(json_parse(text.data, text.len, &error, &document), 0);
	assert_int_equal(json_integer(member(document, "keys_max", "value")), 5);
	assert_string_equal(json_string(member(document, "keys_max", "origin"), NULL),
			    "flag --keys-max");
	assert_false(json_bool(member(document, "test_clock", "value")));
	assert_string_equal(json_string(member(document, "test_clock", "origin"), NULL), "default");
	assert_int_equal(json_array_len(member(document, "iface", "value")), 2);
	assert_string_equal(json_string(member(document, "bootstrap_key", "value"), NULL),
			    "(secret)");
	assert_string_equal(json_string(member(document, "idle_timeout", "value"), NULL), "1m");
	assert_true(json_bool(member(document, "idle_timeout", "reload")));
	assert_false(json_bool(member(document, "listen", "reload")));
	for (size_t i = 0; i < n_settings; i++)
		assert_non_null(member(document, settings_table[i].name, "value"));
	kit_done(&kit);
}

static void changed_settings_are_named_by_what_puts_them_in_force(void **state)
{
	static const char former[] =
		"keys_max: 5\nidle_timeout: 60s\niface: [a, b]\nhttp_threads: 2\n";
	static const char latter[] =
		"keys_max: 6\nidle_timeout: 1m\niface: [b, a]\nhttp_threads: 2\n"
		"bootstrap_email: b@example.org\nlimits: x\n";
	_cleanup_buf_ struct buf names;
	struct kit from, to;

	buf_init(&names);
	assert_int_equal(kit_load_text(&from, former, NULL, NULL), 0);
	assert_int_equal(kit_load_text(&to, latter, NULL, NULL), 0);
	conf_put_changed(from.conf, to.conf, true, &names);
	assert_string_equal(names.data, "limits, keys_max");
	buf_clear(&names);
	conf_put_changed(from.conf, to.conf, false, &names);
	assert_string_equal(names.data, "iface");
	buf_clear(&names);
	conf_put_changed(to.conf, to.conf, true, &names);
	conf_put_changed(to.conf, to.conf, false, &names);
	assert_int_equal(names.len, 0);
	kit_done(&from);
	kit_done(&to);
}

static void unset_secret_is_null_in_json(void **state)
{
	_cleanup_json_ struct json_document *document = NULL;
	_cleanup_buf_ struct buf text;
	struct field_error error;
	struct kit kit;

	buf_init(&text);
	assert_int_equal(kit_load(&kit, NULL, NULL, NULL), 0);
	conf_show_json(kit.conf, &text);
	assert_int_equal(json_parse(text.data, text.len, &error, &document), 0);
	assert_int_equal(json_type_of(member(document, "bootstrap_key", "value")), JSON_NULL);
	assert_int_equal(json_array_len(member(document, "iface", "value")), 0);
	kit_done(&kit);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(documentation_holds_the_table),
		cmocka_unit_test(help_has_every_option),
		cmocka_unit_test(secrets_are_never_shown),
		cmocka_unit_test(shown_json_has_types_and_origins),
		cmocka_unit_test(changed_settings_are_named_by_what_puts_them_in_force),
		cmocka_unit_test(unset_secret_is_null_in_json),
	};

	return cmocka_run_group_tests_name("conf/describe", tests, NULL, NULL);
}
