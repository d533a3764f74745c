/* The settings, each from the command line, the environment, a file or its default. */
/* SPDX-License-Identifier: MIT */
#pragma once

#include <limits.h>
#include <net/if.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/field_error.h"

/* What somebody wrote is wrong; *error says what and where. */
#define CONF_E_INVALID 1

enum {
	CONF_INTERFACES_MAX = 16,
	CONF_FILE_MAX = 1 << 20, /* bytes of a file of settings */
	CONF_SECRET_MAX = 4096,  /* bytes of a file that holds one secret */
	CONF_HTTP_BYTES_MIN = 4 << 20,
	CONF_HTTP_BYTES_MAX = 1 << 30,
	CONF_PACKET_BYTES_MIN = 64 << 10,
	CONF_PACKET_BYTES_MAX = 1 << 30,
	CONF_TOKEN_MIN = 24, /* characters of an API key, for the help; the service checks them */
	CONF_TOKEN_MAX = 256,
	CONF_PASSWORD_MIN = 10,
	CONF_PASSWORD_MAX = 1024,
	ADDRESS_TEXT_SIZE = 64, /* "[ipv6]:port" and a NUL */
};

/* Which requests have a line in the log; see enum http_log_requests of the door. */
enum conf_log_requests {
	CONF_LOG_NONE,
	CONF_LOG_CHANGES,
	CONF_LOG_ERRORS,
	CONF_LOG_ALL,
};

struct conf_address {
	struct sockaddr_storage at;
	socklen_t len; /* 0: none */
	bool loopback; /* reached from this host only */
};

/* What the rows of the table write; texts are borrowed from the conf. */
struct settings {
	struct conf_address listen;
	struct conf_address metrics_listen; /* may be none */
	const char *tls_cert;               /* NULL: plain, and then so is tls_key */
	const char *tls_key;
	const char *data;
	const char *limits; /* a directory; NULL: none */
	uint64_t keys_max;
	uint64_t snapshot_interval_ms;
	uint64_t audit_keep_ms;
	uint64_t usage_keep_ms;
	uint64_t http_threads; /* 0: by the number of CPUs */
	uint64_t http_bytes;   /* a power of two */
	uint64_t header_timeout_ms;
	uint64_t body_timeout_ms;
	uint64_t idle_timeout_ms;
	uint64_t events_max;
	char interfaces[CONF_INTERFACES_MAX][IF_NAMESIZE]; /* in the order named, each once */
	size_t n_interfaces;
	const char *pin_dir;
	uint64_t packet_bytes; /* a power of two */
	bool detach_on_exit;
	bool test_clock;
	unsigned int log_level;    /* enum log_level */
	unsigned int log_format;   /* enum log_format */
	unsigned int log_requests; /* enum conf_log_requests */
	const char *bootstrap_email;
	const char *bootstrap_key;       /* NULL: none given, here and below */
	const char *bootstrap_check_key; /* secrets: conf_show() keeps them to itself */
	const char *bootstrap_password;
};

/* Where settings come from, weakest first: default, file, environment, arguments. */
struct conf_sources {
	const char *file;         /* NULL: the one of `--config`, if any */
	char *const *environment; /* "NAME=VALUE" and a NULL, like environ; NULL: none */
	int n_args;
	char *const *args; /* `--name VALUE`, `--name=VALUE`, flags */
};

struct conf_error {
	char where[PATH_MAX + 16]; /* "FILE", "FILE:LINE" or "" */
	struct field_error what;   /* field: the setting as it was written there, or "" */
};

enum {
	CONF_ERROR_SIZE = PATH_MAX + 16 + FIELD_NAME_SIZE + FIELD_MESSAGE_SIZE + 8,
};

struct conf;

/*
 * Reads all sources; each is checked whole, also where a stronger one overrules it. The texts of
 * *sources are borrowed until conf_free(). An empty variable counts as absent. 0, CONF_E_INVALID or
 * -ENOMEM. A conf is immutable.
 */
int conf_load(const struct conf_sources *sources, struct conf_error *error, struct conf **ret);
/*
 * Reads the sources of `conf` again: what files hold may be another by now. The texts stay borrowed
 * from whoever gave them to conf_load().
 */
int conf_load_again(const struct conf *conf, struct conf_error *error, struct conf **ret);
/* Names, with commas between, of the settings that differ and that SIGHUP, or else only a restart,
 * puts in force. */
void conf_put_changed(const struct conf *from, const struct conf *to, bool by_sighup,
		      struct buf *text);
/* NULL is fine; wipes secrets that were read from files. */
void conf_free(struct conf *conf);
static inline void conf_freep(struct conf **conf)
{
	conf_free(*conf);
}
#define _cleanup_conf_ _cleanup_(conf_freep)

const struct settings *conf_settings(const struct conf *conf);
/* Whether a file was among the sources. */
bool conf_has_file(const struct conf *conf);

/* "WHERE: FIELD: MESSAGE" of what is there, without control characters. */
void conf_error_format(const struct conf_error *error, char text[CONF_ERROR_SIZE]);

/* Each setting with its value and origin, for people or as one JSON object; no secrets. */
void conf_show(const struct conf *conf, struct buf *text);
void conf_show_json(const struct conf *conf, struct buf *text);

/* The options of the command line, a line each. */
void conf_help(struct buf *text);
/* Their names, with blanks between. */
void conf_put_options(struct buf *text);
/* Calls visit for each option that takes one of a few words, with these and blanks between. */
void conf_each_choice(void (*visit)(const char *option, const char *words));
/* The rows of the table in docs/configuration.md. */
void conf_document(struct buf *text);

/* "192.0.2.1:4000" or "[2001:db8::1]:4000". */
bool address_parse(const char *text, struct conf_address *ret);
/* The same form, with another port. */
void address_format(const struct conf_address *address, uint16_t port,
		    char text[ADDRESS_TEXT_SIZE]);
uint16_t address_port(const struct conf_address *address);
