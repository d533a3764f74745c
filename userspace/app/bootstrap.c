/* The first boot: who may come in, from the environment or made up. */
/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "app/bootstrap.h"
#include "app/data_dir.h"
#include "base/log.h"
#include "base/random.h"
#include "json/writer.h"
#include "service/admin.h"

#define BOOTSTRAP_FILE "bootstrap.json"

enum {
	SECRET_SIZE = 41, /* 40 base62 characters: 238 bits */
};

/* Made up, where the environment gives nothing. */
struct secrets {
	char admin_token[SECRET_SIZE];
	char check_token[SECRET_SIZE];
	char password[SECRET_SIZE];
};

static int visit_any(const struct store_record *record, void *data)
{
	(void)record;
	*(bool *)data = true;
	return 1;
}

static const char *get_or(const char *name, const char *otherwise)
{
	const char *value = getenv(name);

	return value && *value ? value : otherwise;
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
	log_info("first boot: API keys, email and password are in %s/" BOOTSTRAP_FILE, data_dir);
	if (isatty(STDERR_FILENO) != 1)
		return;
	fprintf(stderr, "\n  API key (all rights):  %s\n  API key (checks only): %s\n\n",
		first->admin_token, first->check_token);
}

static int take_first_steps(struct store *store, const struct clock *clock, const char *data_dir,
			    struct field_error *error)
{
	struct secrets made;
	struct admin_bootstrap first;
	bool done;
	int err;

	secret_make(made.admin_token, sizeof(made.admin_token));
	secret_make(made.check_token, sizeof(made.check_token));
	secret_make(made.password, sizeof(made.password));
	first = (struct admin_bootstrap){
		.email = get_or("SLUICE_BOOTSTRAP_EMAIL", "admin@localhost"),
		.password = get_or("SLUICE_BOOTSTRAP_PASSWORD", made.password),
		.admin_token = get_or("SLUICE_BOOTSTRAP_KEY", made.admin_token),
		.check_token = get_or("SLUICE_BOOTSTRAP_CHECK_KEY", made.check_token),
	};
	err = admin_bootstrap_validate(&first, error) ? BOOTSTRAP_E_REFUSED : 0;
	/* Whoever finds the file may rely on it: nothing that the store would refuse gets there. */
	if (!err)
		err = write_file(&first, data_dir);
	if (!err)
		err = admin_bootstrap(store, clock, &first, error, &done);
	if (!err && done)
		show_once(&first, data_dir);
	explicit_bzero(&made, sizeof(made));
	return err;
}

int bootstrap_run(struct store *store, const struct clock *clock, const char *data_dir,
		  struct field_error *error)
{
	bool has_tenant = false;
	uint64_t revision;
	int err = store_range(store, "tenants/", visit_any, &has_tenant, &revision);

	if (has_tenant)
		return 0;
	return err ? err : take_first_steps(store, clock, data_dir, error);
}
