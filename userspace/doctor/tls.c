/* The certificate and key that a server would answer with. */
/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <string.h>
#include <time.h>

#include "base/utc.h"
#include "doctor/doctor_priv.h"
#include "httpd/httpd.h"

static void explain_failure(struct doctor *doctor, int r, const struct field_error *error)
{
	const char *setting = r == HTTPD_E_KEY ? "tls_key" : "tls_cert";

	doctor_say(doctor, DOCTOR_FAIL, "correct it: a start refuses it, and so does a reload",
		   "%s: %s", setting, r > 0 ? error->message : strerror(-r));
}

static void explain_times(struct doctor *doctor, const struct httpd_tls_facts *facts)
{
	int64_t now = time(NULL);
	char text[UTC_TEXT_SIZE];

	utc_format((uint64_t)(facts->begins > now ? facts->begins : facts->expires) * 1000, text);
	if (facts->begins > now)
		doctor_say(doctor, DOCTOR_WARN, "clients refuse it until then; is the clock right?",
			   "the certificate is valid only from %s", text);
	else if (facts->expires <= now)
		doctor_say(doctor, DOCTOR_WARN, "renew it: clients refuse it",
			   "the certificate has expired at %s", text);
	else if (facts->expires - now < HTTPD_TLS_SOON_S)
		doctor_say(doctor, DOCTOR_WARN, "renew it; a running server notices",
			   "the certificate expires at %s", text);
	else
		doctor_say(doctor, DOCTOR_OK, NULL, "the certificate is valid until %s", text);
}

void check_tls(struct doctor *doctor)
{
	const struct settings *settings = doctor->settings;
	struct httpd_tls *tls = NULL;
	struct field_error error;
	int r;

	if (!settings->tls_cert)
		return;
	r = httpd_tls_new(settings->tls_cert, settings->tls_key, &error, &tls);
	if (r) {
		explain_failure(doctor, r, &error);
		return;
	}
	explain_times(doctor, httpd_tls_facts(tls));
	if (httpd_tls_facts(tls)->key_open)
		doctor_say(doctor, DOCTOR_WARN, "chmod 600",
			   "%s can be read by everybody on this host", settings->tls_key);
	httpd_tls_free(tls);
}
