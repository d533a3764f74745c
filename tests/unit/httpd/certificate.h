/* Certificates that tests make: a key and a certificate that it signs itself, in PEM files. */
/* SPDX-License-Identifier: MIT */
#pragma once

#include <limits.h>

/* A directory below /tmp with a pair in it, gone with certificate_remove(). */
struct certificate {
	char dir[64];
	char cert[96];
	char key[96];
};

struct certificate_form {
	const char *name;       /* common name, and DNS name; NULL: localhost */
	long begins_s, ends_s;  /* from now; both 0: an hour around now */
	const char *passphrase; /* of the key; NULL: none */
};

/* form NULL: all by default. */
void certificate_make(struct certificate *certificate, const struct certificate_form *form);
/* Puts text into a file of the directory and its path into `path`. */
void certificate_write(const struct certificate *certificate, const char *name, const char *text,
		       char path[96]);
void certificate_remove(const struct certificate *certificate);
