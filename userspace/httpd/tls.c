/* How this server speaks TLS: versions, protocol, what it keeps; the certificate as an object. */
/* SPDX-License-Identifier: MIT */

#include <errno.h>
#include <stdlib.h>

#include <openssl/err.h>

#include "httpd/tls_priv.h"
#include "httpd/transport_priv.h"

/* RFC 7301: a client that names protocols, but none of ours, is told that there is none for it. */
static int choose_protocol(SSL *ssl, const unsigned char **ret, unsigned char *ret_len,
			   const unsigned char *offered, unsigned int len, void *data)
{
	static const unsigned char ours[] = "\x08http/1.1\x08http/1.0";
	unsigned char *chosen;

	(void)ssl;
	(void)data;
	/* Without an overlap it would name the first that is offered. */
	if (SSL_select_next_proto(&chosen, ret_len, ours, sizeof(ours) - 1, offered, len) !=
	    OPENSSL_NPN_NEGOTIATED)
		return SSL_TLSEXT_ERR_ALERT_FATAL;
	*ret = chosen;
	return SSL_TLSEXT_ERR_OK;
}

static SSL_CTX *make_context(void)
{
	SSL_CTX *context = SSL_CTX_new(TLS_server_method());

	if (!context)
		return NULL;
	SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
	SSL_CTX_set_options(context, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION);
	/* An idle connection keeps no buffers; a send is taken up again from wherever the rest lies. */
	SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
					  SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	/* Clients keep their sessions themselves, as tickets: here they would pile up. */
	SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
	/* One recv for a whole record instead of one for its head and one for the rest. */
	SSL_CTX_set_read_ahead(context, 1);
	SSL_CTX_set_alpn_select_cb(context, choose_protocol, NULL);
	return context;
}

static void free_tls(struct snapshot *snapshot)
{
	struct httpd_tls *tls = (struct httpd_tls *)snapshot;

	SSL_CTX_free(tls->context);
	free(tls);
}

int httpd_tls_new(const char *cert_file, const char *key_file, struct field_error *error,
		  struct httpd_tls **ret)
{
	struct httpd_tls *tls = calloc(1, sizeof(*tls));
	int err = -ENOMEM;

	if (!tls || transport_tls_prepare()) {
		free(tls);
		return -ENOMEM;
	}
	snapshot_init(&tls->snapshot, free_tls);
	tls->context = make_context();
	if (tls->context)
		err = tls_load(tls->context, cert_file, key_file, error, &tls->facts);
	ERR_clear_error();
	if (err) {
		httpd_tls_free(tls);
		return err;
	}
	*ret = tls;
	return 0;
}

struct httpd_tls *tls_hold(struct httpd_tls *tls)
{
	/* The caller's own reference keeps it alive here, so no order is needed. */
	atomic_fetch_add_explicit(&tls->snapshot.references, 1, memory_order_relaxed);
	return tls;
}

void httpd_tls_free(struct httpd_tls *tls)
{
	if (tls)
		snapshot_put(&tls->snapshot);
}

const struct httpd_tls_facts *httpd_tls_facts(const struct httpd_tls *tls)
{
	return &tls->facts;
}
