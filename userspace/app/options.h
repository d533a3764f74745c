/* The command line: one table of options that parsing and help both read. */
/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#include "base/field_error.h"
#include "datapath/datapath.h"

#define SLUICE_VERSION "0.1.0"

/* What was typed is wrong; *error names the option. */
#define OPTIONS_E_INVALID 1

enum {
	ADDRESS_TEXT_SIZE = 64, /* "[ipv6]:port" and a NUL */
};

struct options {
	struct sockaddr_storage listen;
	socklen_t listen_len;
	bool loopback; /* listen is reached from this host only */
	const char *data;
	bool test_clock;
	uint64_t keys_max;
	uint32_t http_threads; /* 0: by the number of CPUs */
	uint32_t header_timeout_ms;
	uint32_t body_timeout_ms;
	uint32_t idle_timeout_ms;
	const char *interfaces[DATAPATH_INTERFACES_MAX]; /* in the order named, each once */
	size_t n_interfaces;
	const char *pin_dir;
	uint32_t packet_lines; /* a power of two */
	bool detach_on_exit;
};

/* Reads `--name VALUE`, `--name=VALUE` and flags; args are borrowed by *ret. 0 or
 * OPTIONS_E_INVALID. */
int options_parse(int n_args, char *const *args, struct field_error *error, struct options *ret);
/* The options, one or more lines each, to stdout. */
void options_print(void);

/* Adds a name to options->interfaces. 0 or OPTIONS_E_INVALID with *error. */
int interface_parse(const char *text, struct field_error *error, struct options *options);
/* "16MiB": a whole number and KiB, MiB or GiB, of lines that a datapath can have, rounded down to a
 * power of two. 0 or OPTIONS_E_INVALID with *error. */
int packet_memory_parse(const char *text, struct field_error *error, uint32_t *ret_lines);

/* "192.0.2.1:4000" or "[2001:db8::1]:4000". 0 or OPTIONS_E_INVALID with *error. */
int address_parse(const char *text, struct field_error *error, struct options *ret);
/* The same form, with another port. */
void address_format(const struct options *options, uint16_t port, char text[ADDRESS_TEXT_SIZE]);
