/* What a certificate and a connection's transport have in common: OpenSSL's objects. */
/* SPDX-License-Identifier: MIT */
#pragma once

#include <openssl/ssl.h>

#include "base/snapshot.h"
#include "httpd/httpd.h"

struct httpd_tls {
	struct snapshot snapshot;
	SSL_CTX *context; /* with certificate, key and the keys of session tickets */
	struct httpd_tls_facts facts;
};

/* One more reference. */
struct httpd_tls *tls_hold(struct httpd_tls *tls);

/* tls_files.c: what an operator hands in. 0, -errno, or HTTPD_E_* with *error. */

/* Reads the chain, then the key, into the context; fills *ret. */
int tls_load(SSL_CTX *context, const char *cert_file, const char *key_file,
	     struct field_error *error, struct httpd_tls_facts *ret);
