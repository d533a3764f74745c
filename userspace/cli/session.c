/* Finds the server and its key, and asks. */
/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/number.h"
#include "cli/session_priv.h"
#include "cli/view_priv.h"

#define URL_BY_DEFAULT "http://127.0.0.1:4000"
#define KEY_VARIABLE   "SLUICE_API_KEY"

enum {
	KEY_FILE_MAX = 4096,
	TIMEOUT_BY_DEFAULT_MS = 10000,
};

void cli_reply_done(struct cli_reply *reply)
{
	json_document_free(reply->document);
	buf_done(&reply->answer.body);
}

/* 0 or -errno; a file that is too long is -EFBIG. */
static int read_file(const char *path, struct buf *ret)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	ssize_t n = 1;
	int err = fd < 0 ? -errno : 0;

	while (!err && n > 0) {
		char *at = buf_reserve(ret, KEY_FILE_MAX);

		n = at ? read(fd, at, KEY_FILE_MAX) : -1;
		if (n > 0)
			buf_advance(ret, (size_t)n);
		else if (n < 0)
			err = at ? -errno : -ENOMEM;
		if (!err && ret->len > KEY_FILE_MAX)
			err = -EFBIG;
	}
	if (fd >= 0)
		close(fd);
	return err;
}

/* bootstrap.json of a data directory holds the key of that server's first boot. */
static void take_from_bootstrap(const struct buf *file, struct buf *key)
{
	_cleanup_json_ struct json_document *document = NULL;
	struct field_error error;

	if (json_parse(file->data, file->len, &error, &document) == 0)
		buf_put_str(key, view_text(json_root(document), "api_key"));
}

static enum cli_status read_key_file(struct cli *cli, const char *path)
{
	_cleanup_buf_ struct buf file;
	size_t len;
	int err;

	buf_init(&file);
	err = read_file(path, &file);
	if (err)
		return cli_fail(cli, "--api-key-file: %s: %s%s", path, strerror(-err),
				err == -EACCES ? ": run this as its owner or as root" : "");
	len = file.len;
	while (len > 0 && (file.data[len - 1] == '\n' || file.data[len - 1] == '\r'))
		len--;
	if (len > 0 && file.data[0] == '{')
		take_from_bootstrap(&file, &cli->key);
	else if (len > 0)
		buf_put(&cli->key, file.data, len);
	return CLI_DONE;
}

/* The key never comes from the command line, where every user of the host could read it. */
static enum cli_status read_key(struct cli *cli)
{
	const char *path = cli_text(&cli->arguments, CLI_API_KEY_FILE);
	const char *text = getenv(KEY_VARIABLE);

	cli->key_from = path ? path : KEY_VARIABLE;
	if (path && read_key_file(cli, path))
		return CLI_ERROR;
	if (!path && text)
		buf_put_str(&cli->key, text);
	if (cli->key.len == 0 && path)
		return cli_fail(cli, "--api-key-file: %s holds no API key", path);
	if (cli->key.len == 0)
		return cli_fail(
			cli, KEY_VARIABLE
			" is not set: give it the api_key of bootstrap.json in the server's "
			"data directory, or name that file with --api-key-file");
	for (size_t i = 0; i < cli->key.len; i++)
		if (cli->key.data[i] <= ' ' || cli->key.data[i] >= 0x7F)
			return cli_fail(cli,
					"%s: an API key is visible ASCII on one line, "
					"and this is not",
					cli->key_from);
	return CLI_DONE;
}

static const char *find_url(const struct cli *cli)
{
	const char *url = cli_text(&cli->arguments, CLI_URL);

	if (!url)
		url = getenv("SLUICE_URL");
	return url && *url ? url : URL_BY_DEFAULT;
}

/* NULL: none. */
static const char *find_cacert(const struct cli *cli)
{
	const char *path = cli_text(&cli->arguments, CLI_CACERT);

	if (!path)
		path = getenv("SLUICE_CACERT");
	return path && *path ? path : NULL;
}

enum cli_status cli_connect(struct cli *cli)
{
	struct httpc_config config = {.url = find_url(cli), .timeout_ms = TIMEOUT_BY_DEFAULT_MS};
	const char *timeout = cli_text(&cli->arguments, CLI_TIMEOUT);
	struct field_error error = {.field = ""};
	uint64_t ns;
	int err;

	if (read_key(cli))
		return CLI_ERROR;
	if (timeout && duration_parse_ns(timeout, strlen(timeout), &ns) == 0)
		config.timeout_ms = (uint32_t)(ns / 1000000);
	cli->url = config.url;
	config.bearer = cli->key.data;
	config.ca_file = find_cacert(cli);
	err = httpc_new(&config, &error, &cli->httpc);
	if (err == HTTPC_E_INVALID)
		return cli_fail(cli, "%s %s: set SLUICE_URL or --url", error.field, error.message);
	return err ? cli_fail(cli, "cannot start: %s", strerror(-err)) : CLI_DONE;
}

enum cli_status cli_fail_transfer(struct cli *cli, int err, const struct field_error *error)
{
	if (err < 0)
		return cli_fail(cli, "cannot ask: %s", strerror(-err));
	if (err == HTTPC_E_REFUSED)
		return cli_fail(cli,
				"%s: %s: start `sluice serve` there, or name another server "
				"with SLUICE_URL or --url",
				error->field, error->message);
	if (err == HTTPC_E_TIMEOUT)
		return cli_fail(cli,
				"%s: %s: is this the address of a Sluice? --timeout waits longer",
				error->field, error->message);
	if (err == HTTPC_E_CA)
		return cli_fail(cli, "--cacert, SLUICE_CACERT: %s: %s", error->field,
				error->message);
	if (err == HTTPC_E_STRANGER)
		return cli_fail(cli,
				"%s: %s: name the file of the authority that signed the server's "
				"certificate with --cacert or SLUICE_CACERT",
				error->field, error->message);
	return cli_fail(cli, "%s: %s: see SLUICE_URL or --url", error->field, error->message);
}

static enum cli_status read_reply(struct cli *cli, const struct cli_question *question,
				  struct cli_reply *reply)
{
	const struct buf *body = &reply->answer.body;
	unsigned int status = reply->answer.status;
	struct field_error error;
	int err;

	if (status >= 400 && !question->any_status)
		return cli_fail_answer(cli, status, body);
	if (status == 204)
		return CLI_DONE;
	err = json_parse(body->len ? body->data : "", body->len, &error, &reply->document);
	if (err < 0)
		return cli_fail(cli, "cannot read the answer: %s", strerror(-err));
	if (err)
		return cli_fail(cli,
				"%s answered %u without JSON: is this the address of a Sluice? "
				"See SLUICE_URL or --url",
				cli->url, status);
	return CLI_DONE;
}

enum cli_status cli_ask(struct cli *cli, const struct cli_question *question, struct cli_reply *ret)
{
	_cleanup_buf_ struct buf path = {0};
	struct httpc_request request = {.method = question->method, .if_match = question->if_match};
	struct field_error error = {.field = ""};
	int err = -ENOMEM;

	if (question->id && !*question->id)
		return cli_fail(cli, "ID: must not be empty: see `sluice %s list`", cli_group(cli));
	buf_put_str(&path, question->path);
	if (question->id)
		httpc_put_escaped(&path, question->id, strlen(question->id));
	if (question->verb)
		buf_put_str(&path, question->verb);
	request.path = path.data;
	if (question->body) {
		request.json = question->body->data;
		request.json_len = question->body->len;
	}
	json_document_free(ret->document);
	ret->document = NULL;
	if (!path.failed && !(question->body && question->body->failed))
		err = httpc_ask(cli->httpc, &request, &error, &ret->answer);
	return err ? cli_fail_transfer(cli, err, &error) : read_reply(cli, question, ret);
}

enum cli_status cli_ask_object(struct cli *cli, const struct cli_question *question,
			       struct cli_reply *ret)
{
	if (cli_ask(cli, question, ret))
		return CLI_ERROR;
	if (ret->document && json_type_of(json_root(ret->document)) == JSON_OBJECT)
		return CLI_DONE;
	return cli_fail(cli, "%s answered %u, but not as a Sluice does: see SLUICE_URL or --url",
			cli->url, ret->answer.status);
}
