/* The table of settings, and how their names are spelt in each source. */
/* SPDX-License-Identifier: MIT */
#include <assert.h>
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "conf/table_priv.h"

enum {
	DAY_MS = 24 * 3600 * 1000,
	TYPOS_MAX = 2, /* in a name that is still recognized */
};

/* In the order of the enums that the fields of struct settings hold. */
static const char *const log_levels[] = {"error", "warning", "info", "debug", NULL};
static const char *const log_formats[] = {"auto", "json", "text", NULL};
static const char *const log_requests[] = {"none", "changes", "errors", "all", NULL};

#define KEEP_MIN_MS (DAY_MS / 24)
#define KEEP_MAX_MS (3660ULL * DAY_MS)

#define FIELD(name) .offset = offsetof(struct settings, name)

const struct setting settings_table[] = {
	{"listen", &type_address, "ADDRESS:PORT", "127.0.0.1:4000", 0, 0, BY_RESTART,
	 "where to answer HTTP; port 0 takes any free one", FIELD(listen)},
	{"tls_cert", &type_path, "FILE", NULL, 0, 0, BY_SIGHUP,
	 "certificate chain (PEM) to answer HTTPS with; read again when it changes",
	 FIELD(tls_cert)},
	{"tls_key", &type_path, "FILE", NULL, 0, 0, BY_SIGHUP,
	 "the private key of tls_cert (PEM, without a passphrase)", FIELD(tls_key)},
	{"data", &type_path, "DIR", "sluice-data", 0, 0, BY_RESTART,
	 "where limits and keys are kept; made if absent", FIELD(data)},
	{"limits", &type_path, "DIR", NULL, 0, 0, BY_SIGHUP,
	 "limits that stand in files, DIR/*.yaml; read again when they change", FIELD(limits)},
	{"keys_max", &type_number, "N", "1000000", 1, UINT64_MAX, BY_SIGHUP,
	 "keys that one tenant may have in use at a time", FIELD(keys_max)},
	{"snapshot_interval", &type_time, "TIME", "10s", 100, DAY_MS, BY_SIGHUP,
	 "how often what keys consumed is written down for the next start",
	 FIELD(snapshot_interval_ms)},
	{"audit_keep", &type_time, "TIME", "90d", KEEP_MIN_MS, KEEP_MAX_MS, BY_SIGHUP,
	 "how long it is remembered who changed what", FIELD(audit_keep_ms)},
	{"usage_keep", &type_time, "TIME", "400d", KEEP_MIN_MS, KEEP_MAX_MS, BY_SIGHUP,
	 "how long it is remembered how much was asked", FIELD(usage_keep_ms)},
	{"http_threads", &type_number, "N", "0", 0, 256, BY_RESTART,
	 "threads that answer HTTP; 0: half the CPUs, at most 4", FIELD(http_threads)},
	{"http_memory", &type_size, "SIZE", "256MiB", CONF_HTTP_BYTES_MIN, CONF_HTTP_BYTES_MAX,
	 BY_RESTART,
	 "of all requests and answers that are on their way, rounded down to a power of two",
	 FIELD(http_bytes)},
	{"header_timeout", &type_time, "TIME", "10s", 1, DAY_MS, BY_SIGHUP,
	 "a request's headers must be complete after this", FIELD(header_timeout_ms)},
	{"body_timeout", &type_time, "TIME", "30s", 1, DAY_MS, BY_SIGHUP, "and its body after this",
	 FIELD(body_timeout_ms)},
	{"idle_timeout", &type_time, "TIME", "60s", 1, DAY_MS, BY_SIGHUP,
	 "how long an unused connection stays open", FIELD(idle_timeout_ms)},
	{"events_max", &type_number, "N", "64", 0, 2048, BY_RESTART,
	 "streams of events (/api/events, sluice top) at a time; 0: none", FIELD(events_max)},
	{"metrics_listen", &type_address, "ADDRESS:PORT", NULL, 0, 0, BY_RESTART,
	 "where to answer /metrics, and nothing else, to whoever asks; absent: nowhere",
	 FIELD(metrics_listen)},
	{"iface", &type_interfaces, "NAME", NULL, 0, CONF_INTERFACES_MAX, BY_RESTART,
	 "limit packets that come in here; repeat it for more", FIELD(interfaces)},
	{"pin_dir", &type_path, "DIR", "/sys/fs/bpf/sluice", 0, 0, BY_RESTART,
	 "where packet limits outlive this process", FIELD(pin_dir)},
	{"packet_memory", &type_size, "SIZE", "16MiB", CONF_PACKET_BYTES_MIN, CONF_PACKET_BYTES_MAX,
	 BY_RESTART, "of all buckets of packets, rounded down to a power of two",
	 FIELD(packet_bytes)},
	{"detach_on_exit", &type_flag, NULL, "false", 0, 0, BY_RESTART,
	 "stop limiting packets on exit and remove what is pinned", FIELD(detach_on_exit)},
	{"bootstrap_email", &type_text, "EMAIL", "admin@localhost", 0, 0, BY_NOTHING,
	 "first start: who the first user is", FIELD(bootstrap_email)},
	{"bootstrap_key", &type_secret, "FILE", NULL, CONF_TOKEN_MIN, CONF_TOKEN_MAX, BY_NOTHING,
	 "first start: holds the API key with all rights; absent: made up", FIELD(bootstrap_key)},
	{"bootstrap_check_key", &type_secret, "FILE", NULL, CONF_TOKEN_MIN, CONF_TOKEN_MAX,
	 BY_NOTHING, "first start: holds the API key that only checks; absent: made up",
	 FIELD(bootstrap_check_key)},
	{"bootstrap_password", &type_secret, "FILE", NULL, CONF_PASSWORD_MIN, CONF_PASSWORD_MAX,
	 BY_NOTHING, "first start: holds the first user's password; absent: made up",
	 FIELD(bootstrap_password)},
	{"log_level", &type_choice, "LEVEL", "info", 0, 0, BY_SIGHUP,
	 "lines of this level and graver ones are logged", FIELD(log_level), .choices = log_levels},
	{"log_format", &type_choice, "FORMAT", "auto", 0, 0, BY_SIGHUP,
	 "of a line: one JSON object, or text; auto: text if stderr is a terminal",
	 FIELD(log_format), .choices = log_formats},
	{"log_requests", &type_choice, "WHICH", "changes", 0, 0, BY_SIGHUP,
	 "requests that are logged: changes to what is configured and 5xx; those and 4xx; all",
	 FIELD(log_requests), .choices = log_requests},
	{"test_clock", &type_flag, NULL, "false", 0, 0, BY_RESTART,
	 "for tests: the clock stands still but for POST /test/clock (loopback only)",
	 FIELD(test_clock)},
};

const size_t n_settings = sizeof(settings_table) / sizeof(settings_table[0]);
static_assert(sizeof(settings_table) / sizeof(settings_table[0]) <= SETTINGS_MAX,
	      "raise SETTINGS_MAX");

void setting_name(const struct setting *row, enum setting_style style, char text[SETTING_NAME_SIZE])
{
	static const char *const prefixes[] = {"", "--", "SLUICE_"};
	const char *suffix = row->type->secret && style != STYLE_ENVIRONMENT ? "_file" : "";

	snprintf(text, SETTING_NAME_SIZE, "%s%s%s", prefixes[style], row->name, suffix);
	for (char *at = text; *at; at++) {
		if (style == STYLE_FLAG && *at == '_')
			*at = '-';
		if (style == STYLE_ENVIRONMENT)
			*at = (char)toupper((unsigned char)*at);
	}
}

const struct setting *setting_find(enum setting_style style, const char *text, size_t len)
{
	char name[SETTING_NAME_SIZE];

	for (size_t i = 0; i < n_settings; i++) {
		setting_name(&settings_table[i], style, name);
		if (strlen(name) == len && memcmp(name, text, len) == 0)
			return &settings_table[i];
	}
	return NULL;
}

static size_t min_of(size_t a, size_t b)
{
	return a < b ? a : b;
}

/* How many characters to add, drop or change until a is b (Levenshtein); b fits a name. */
static size_t count_typos(const char *a, size_t a_len, const char *b)
{
	size_t b_len = strlen(b), row[SETTING_NAME_SIZE];

	for (size_t j = 0; j <= b_len; j++)
		row[j] = j;
	for (size_t i = 1; i <= a_len; i++) {
		size_t diagonal = row[0];

		row[0] = i;
		for (size_t j = 1; j <= b_len; j++) {
			size_t changed = diagonal + (a[i - 1] != b[j - 1]);

			diagonal = row[j];
			row[j] = min_of(changed, 1 + min_of(row[j], row[j - 1]));
		}
	}
	return row[b_len];
}

void setting_suggest(enum setting_style style, const char *text, size_t len, struct buf *ret)
{
	char name[SETTING_NAME_SIZE], best[SETTING_NAME_SIZE] = "";
	size_t fewest = TYPOS_MAX + 1;

	if (len >= SETTING_NAME_SIZE)
		return;
	for (size_t i = 0; i < n_settings; i++) {
		bool secret = settings_table[i].type->secret && style == STYLE_FILE;
		size_t typos;

		setting_name(&settings_table[i], style, name);
		typos = count_typos(text, len, name);
		/* Whoever writes a secret itself into the file is shown the way. */
		if (secret && strlen(settings_table[i].name) == len &&
		    memcmp(settings_table[i].name, text, len) == 0)
			typos = 0;
		if (typos >= fewest)
			continue;
		fewest = typos;
		memcpy(best, name, sizeof(name));
	}
	if (*best)
		buf_printf(ret, "; did you mean '%s'?", best);
}
