/* The certificate of both listeners: read at the start, and replaced while they answer. */
/* SPDX-License-Identifier: MIT */

#include "base/utc.h"
#include "doors/http/certificate.h"
#include "httpd/httpd.h"

/* httpd does not know what the settings are called. */
static int read_files(const char *cert, const char *key, struct field_error *error,
		      struct httpd_tls **ret)
{
	struct field_error why = {.message = ""};
	int err = httpd_tls_new(cert, key, &why, ret);

	if (err <= 0)
		return err;
	field_error_set(error, err == HTTPD_E_KEY ? "tls_key" : "tls_cert", "%s", why.message);
	return HTTP_E_TLS;
}

int http_check_tls(const char *cert, const char *key, struct field_error *error)
{
	_cleanup_httpd_tls_ struct httpd_tls *tls = NULL;

	return read_files(cert, key, error, &tls);
}

static void take_over(struct http *http, struct httpd_tls *tls)
{
	httpd_tls_free(http->tls);
	http->tls = tls;
	atomic_store(&http->tls_expires, httpd_tls_facts(tls)->expires);
}

int certificate_load(struct http *http, struct field_error *error)
{
	const struct http_config *config = &http->config;
	struct httpd_tls *tls;
	int err;

	if (!config->tls_cert)
		return 0;
	err = read_files(config->tls_cert, config->tls_key, error, &tls);
	if (!err)
		take_over(http, tls);
	return err;
}

void certificate_done(struct http *http)
{
	httpd_tls_free(http->tls);
}

bool http_certificate(const struct http *http, struct http_certificate *ret)
{
	const struct httpd_tls_facts *facts;

	if (!http->tls)
		return false;
	facts = httpd_tls_facts(http->tls);
	*ret = (struct http_certificate){facts->begins, facts->expires, facts->key_open};
	return true;
}

static int64_t now_s(const struct http *http)
{
	return (int64_t)(clock_utc_ms(service_clock(http->config.service)) / 1000);
}

static bool in_its_time(const struct httpd_tls_facts *facts, int64_t now)
{
	return facts->begins <= now && now < facts->expires;
}

/* Whether it is better to go on with the former. */
static bool refuse_time(const struct http *http, const char *cert, const struct httpd_tls *tls,
			struct field_error *error)
{
	const struct httpd_tls_facts *facts = httpd_tls_facts(tls);
	char text[UTC_TEXT_SIZE];
	int64_t now = now_s(http);

	if (in_its_time(facts, now) || !in_its_time(httpd_tls_facts(http->tls), now))
		return false;
	utc_format((uint64_t)(facts->begins > now ? facts->begins : facts->expires) * 1000, text);
	field_error_set(error, "tls_cert", "%s: %s %s", cert,
			facts->begins > now ? "is not valid before" : "has expired at", text);
	return true;
}

/* Sets *ret unless it is to be refused. */
static int read_anew(const struct http *http, const char *cert, const char *key,
		     struct field_error *error, struct httpd_tls **ret)
{
	_cleanup_httpd_tls_ struct httpd_tls *tls = NULL;
	int err;

	if (!http->tls != !cert) {
		field_error_set(error, "tls_cert", "TLS begins and ends with a restart only");
		return HTTP_E_TLS;
	}
	if (!cert)
		return 0;
	err = read_files(cert, key, error, &tls);
	if (err)
		return err;
	if (refuse_time(http, cert, tls, error))
		return HTTP_E_TLS;
	*ret = TAKE_PTR(tls);
	return 0;
}

int http_reload_tls(struct http *http, const char *cert, const char *key, struct field_error *error)
{
	struct httpd_tls *tls = NULL;
	int err = read_anew(http, cert, key, error, &tls);

	atomic_store(&http->tls_refused, err != 0);
	if (!tls)
		return err;
	httpd_set_tls(http->httpd, tls);
	if (http->metrics_httpd)
		httpd_set_tls(http->metrics_httpd, tls);
	take_over(http, tls);
	return 0;
}

const char *certificate_state(const struct http *http)
{
	int64_t expires = atomic_load(&http->tls_expires);

	if (atomic_load(&http->tls_refused))
		return "what the files hold is refused, the former is in force; see the log";
	if (expires == 0)
		return "off";
	return expires > now_s(http) ? "ok" : "the certificate has expired";
}
