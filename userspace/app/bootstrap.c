/* The first boot: who may come in, from the settings or made up. */
/* SPDX-License-Identifier: MIT */
#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "app/bootstrap.h"
#include "app/data_dir.h"
#include "auth/auth.h"
#include "base/log.h"
#include "base/random.h"
#include "json/writer.h"
#include "service/admin.h"

#define BOOTSTRAP_FILE "bootstrap.json"

enum {
	PASSWORD_SIZE = 41, /* 40 base62 characters: 238 bits */
};

/* Made up, where the settings give nothing. */
struct secrets {
	char admin_token[AUTH_TOKEN_SIZE];
	char check_token[AUTH_TOKEN_SIZE];
	char password[PASSWORD_SIZE];
};

static int visit_any(const struct store_record *record, void *data)
{
	(void)record;
	*(bool *)data = true;
	return 1;
}

static_assert((int)CONF_TOKEN_MIN == AUTH_TOKEN_MIN && (int)CONF_TOKEN_MAX == AUTH_TOKEN_MAX &&
		      (int)CONF_PASSWORD_MIN == AUTH_PASSWORD_MIN,
	      "the help says what the service takes");

/* What the settings give, and the rest made up. */
static struct admin_bootstrap collect(const struct settings *settings, struct secrets *made)
{
	auth_token_make(made->admin_token);
	auth_token_make(made->check_token);
	secret_make(made->password, sizeof(made->password));
	return (struct admin_bootstrap){
		.email = settings->bootstrap_email,
		.password = settings->bootstrap_password ?: made->password,
		.admin_token = settings->bootstrap_key ?: made->admin_token,
		.check_token = settings->bootstrap_check_key ?: made->check_token,
	};
}

static int write_file(const struct admin_bootstrap *first, const char *data_dir)
{
	_cleanup_buf_ struct buf text;
	struct json_writer writer;

	buf_init(&text);
	json_writer_init(&writer, &text);
	json_begin_object(&writer);
	json_name(&writer, "api_key");
	json_put_str(&writer, first->admin_token);
	json_name(&writer, "check_api_key");
	json_put_str(&writer, first->check_token);
	json_name(&writer, "email");
	json_put_str(&writer, first->email);
	json_name(&writer, "password");
	json_put_str(&writer, first->password);
	json_end_object(&writer);
	buf_put_char(&text, '\n');
	return text.failed ? -ENOMEM :
			     data_dir_write(data_dir, BOOTSTRAP_FILE, text.data, text.len);
}

static void show_once(const struct admin_bootstrap *first, const char *data_dir)
{
	log_info("first boot: API keys, email and password are in %s/" BOOTSTRAP_FILE
		 "; keep them elsewhere and delete it",
		 data_dir);
	if (isatty(STDERR_FILENO) != 1)
		return;
	fprintf(stderr, "\n  API key (all rights):  %s\n  API key (checks only): %s\n\n",
		first->admin_token, first->check_token);
}

static int take_first_steps(struct store *store, const struct clock *clock,
			    const struct settings *settings, struct field_error *error,
			    bool *ret_done)
{
	struct secrets made;
	struct admin_bootstrap first = collect(settings, &made);
	int err;

	err = admin_bootstrap_validate(&first, error) ? BOOTSTRAP_E_REFUSED : 0;
	/* Whoever finds the file may rely on it: nothing that the store would refuse gets there. */
	if (!err)
		err = write_file(&first, settings->data);
	if (!err)
		err = admin_bootstrap(store, clock, &first, error, ret_done);
	if (!err && *ret_done)
		show_once(&first, settings->data);
	explicit_bzero(&made, sizeof(made));
	return err;
}

int bootstrap_check(const struct settings *settings, struct field_error *error)
{
	struct secrets made;
	struct admin_bootstrap first = collect(settings, &made);
	int err = admin_bootstrap_validate(&first, error) ? BOOTSTRAP_E_REFUSED : 0;

	explicit_bzero(&made, sizeof(made));
	return err;
}

int bootstrap_run(struct store *store, const struct clock *clock, const struct settings *settings,
		  struct field_error *error, bool *ret_first)
{
	bool has_tenant = false;
	uint64_t revision;
	int err = store_range(store, "tenants/", visit_any, &has_tenant, &revision);

	*ret_first = false;
	if (has_tenant)
		return 0;
	return err ? err : take_first_steps(store, clock, settings, error, ret_first);
}

void bootstrap_warn(struct store *store, const struct settings *settings)
{
	const struct admin_bootstrap given = {
		.admin_token = settings->bootstrap_key,
		.check_token = settings->bootstrap_check_key,
		.password = settings->bootstrap_password,
	};
	_cleanup_buf_ struct buf names;
	int err;

	buf_init(&names);
	err = admin_bootstrap_unknown(store, &given, &names);
	if (err)
		log_warning(
			"cannot tell whether the keys of the first start are still those of the "
			"settings: %s",
			strerror(-err));
	else if (names.len > 0)
		log_warning(
			"%s: not used: it counts at the first start, and this store has others. "
			"Make keys with `sluice key add`; if all are lost, stop the server and "
			"run `sluice key recover --data %s`",
			names.data, settings->data);
}
