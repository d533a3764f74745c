/* `sluice key recover`: makes one more key with every right, straight in the store. */
/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "app/config.h"
#include "app/data_dir.h"
#include "app/recover.h"
#include "auth/auth.h"
#include "base/clock.h"
#include "base/random.h"
#include "json/writer.h"
#include "service/admin.h"
#include "store/backends.h"

#define RECOVERED_FILE "recovered.json"

enum {
	EXIT_CANNOT = 2,
};

static const char help[] =
	"usage: sluice key recover [--data DIR | --config FILE]\n\n"
	"Makes an API key with every right when all such keys are lost. It runs on the server's\n"
	"host, as the user whom the data directory belongs to or as root, while the server is\n"
	"stopped. On a terminal the key is shown, once; else it is written to DIR/recovered.json\n"
	"(mode 0600), which --api-key-file takes. Other keys stay as they are: `sluice key list`\n"
	"shows them, `sluice key rm` revokes those that may be in wrong hands.\n";

/* One line, whatever went wrong. */
static int fail(int err, const struct field_error *error)
{
	if (*error->message)
		fprintf(stderr, "sluice: %s%s%s\n", error->field, *error->field ? ": " : "",
			error->message);
	else
		fprintf(stderr, "sluice: key recover: %s\n",
			err < 0 ? strerror(-err) : "an unexpected outcome");
	return EXIT_CANNOT;
}

/* Only a store that is there: a directory that was mistyped must not become one. */
static int open_store(const char *dir, struct field_error *error, struct store **ret)
{
	char path[PATH_MAX];

	if (snprintf(path, sizeof(path), "%s/store.db", dir) >= (int)sizeof(path))
		return -ENAMETOOLONG;
	if (access(path, F_OK) != 0) {
		field_error_set(error, "--data",
				"%s holds no store.db (%s): name the server's data directory with "
				"--data or --config",
				dir, strerror(errno));
		return STORE_E_REFUSED;
	}
	return store_open_sqlite(path, error, ret);
}

static int write_file(const char *dir, const char *token, struct field_error *error)
{
	_cleanup_buf_ struct buf text;
	struct json_writer writer;
	int err;

	buf_init(&text);
	json_writer_init(&writer, &text);
	json_begin_object(&writer);
	json_name(&writer, "api_key");
	json_put_str(&writer, token);
	json_end_object(&writer);
	buf_put_char(&text, '\n');
	err = text.failed ? -ENOMEM : data_dir_write(dir, RECOVERED_FILE, text.data, text.len);
	if (!text.failed)
		explicit_bzero(text.data, text.len);
	if (err)
		field_error_set(error, "", "cannot write %s/" RECOVERED_FILE ": %s", dir,
				strerror(-err));
	return err;
}

/* What is in force stands in the file already, whatever ends this in between. */
static int recover_to_file(struct store *store, const struct clock *clock, const char *dir,
			   const char *token, struct field_error *error)
{
	char path[PATH_MAX], id[ID_SIZE];
	int err = write_file(dir, token, error);

	if (err)
		return err;
	snprintf(path, sizeof(path), "%s/" RECOVERED_FILE, dir);
	err = admin_recover(store, clock, token, error, id);
	if (err) {
		unlink(path);
		return err;
	}
	printf("%s\n", path);
	fprintf(stderr,
		"sluice: API key %s with every right is in that file: use it with "
		"--api-key-file, and keep the file from others\n",
		id);
	return 0;
}

static int recover_to_terminal(struct store *store, const struct clock *clock, const char *token,
			       struct field_error *error)
{
	char id[ID_SIZE];
	int err = admin_recover(store, clock, token, error, id);

	if (err)
		return err;
	printf("%s\n", token);
	fprintf(stderr,
		"sluice: API key %s has every right; keep its token now: nobody can show it again\n",
		id);
	return 0;
}

static int recover(const char *dir, struct field_error *error)
{
	char token[AUTH_TOKEN_SIZE];
	struct store *store = NULL;
	struct clock clock;
	int err = random_init();

	clock_init_real(&clock);
	if (!err)
		err = open_store(dir, error, &store);
	if (err)
		return err;
	auth_token_make(token);
	if (isatty(STDOUT_FILENO) == 1)
		err = recover_to_terminal(store, &clock, token, error);
	else
		err = recover_to_file(store, &clock, dir, token, error);
	explicit_bzero(token, sizeof(token));
	store_close(store);
	if (!err && (fflush(stdout) != 0 || ferror(stdout)))
		err = -errno;
	return err;
}

int recover_run(int n_args, char *const *args)
{
	const struct conf_sources sources = {
		.environment = environ, .n_args = n_args, .args = args};
	_cleanup_conf_ struct conf *conf = NULL;
	struct field_error error = {.field = ""};
	int err;

	if (n_args == 1 && strcmp(args[0], "--help") == 0) {
		printf("%s", help);
		return 0;
	}
	if (config_load(&sources, &conf))
		return EXIT_CANNOT;
	err = recover(conf_settings(conf)->data, &error);
	return err ? fail(err, &error) : 0;
}
