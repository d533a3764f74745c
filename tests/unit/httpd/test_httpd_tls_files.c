/* Which certificates and keys are taken, and what is said of the others. */
/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "httpd/httpd.h"
#include "unit/httpd/certificate.h"

static struct certificate own, other;

static void expect_refused(const char *cert, const char *key, int outcome, const char *message)
{
	struct field_error error = {.message = ""};
	struct httpd_tls *tls = NULL;

	assert_int_equal(httpd_tls_new(cert, key, &error, &tls), outcome);
	assert_null(tls);
	if (!strstr(error.message, message))
		print_error("%s\n", error.message);
	assert_non_null(strstr(error.message, message));
	/* The file comes first. */
	assert_memory_equal(error.message, outcome == HTTPD_E_KEY ? key : cert, 10);
}

static char *read_text(const char *path)
{
	char *text = calloc(1, 10000);
	FILE *file = fopen(path, "re");

	assert_non_null(file);
	assert_true(fread(text, 1, 9999, file) > 0);
	fclose(file);
	return text;
}

static void file_that_cannot_be_read_is_named(void **state)
{
	char path[96];

	snprintf(path, sizeof(path), "%s/none.pem", own.dir);
	expect_refused(path, own.key, HTTPD_E_CERTIFICATE, "none.pem: No such file or directory");
	expect_refused(own.cert, path, HTTPD_E_KEY, "none.pem: No such file or directory");
	expect_refused(own.dir, own.key, HTTPD_E_CERTIFICATE, ": Is a directory");
	expect_refused(own.cert, own.dir, HTTPD_E_KEY, ": Is a directory");
	snprintf(path, sizeof(path), "%s/pipe", own.dir);
	assert_int_equal(mkfifo(path, 0600), 0);
	expect_refused(path, own.key, HTTPD_E_CERTIFICATE, ": is no file");
	snprintf(path, sizeof(path), "%s/large", own.dir);
	certificate_write(&own, "large", "", path);
	assert_int_equal(truncate(path, 2 << 20), 0);
	expect_refused(own.cert, path, HTTPD_E_KEY, ": File too large");
}

static void file_that_holds_something_else_is_refused(void **state)
{
	char path[96];

	certificate_write(&own, "empty", "", path);
	expect_refused(path, own.key, HTTPD_E_CERTIFICATE, "holds no certificate in PEM form");
	expect_refused(own.cert, path, HTTPD_E_KEY, "holds no private key in PEM form");
	certificate_write(&own, "garbage", "\x01\x02hello\n-----BEGIN", path);
	expect_refused(path, own.key, HTTPD_E_CERTIFICATE, "holds no certificate in PEM form");
	expect_refused(own.cert, path, HTTPD_E_KEY, "holds no private key in PEM form");
	expect_refused(own.key, own.key, HTTPD_E_CERTIFICATE, "holds no certificate in PEM form");
	expect_refused(own.cert, own.cert, HTTPD_E_KEY, "holds no private key in PEM form");
	certificate_write(&own, "bad",
			  "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", path);
	expect_refused(path, own.key, HTTPD_E_CERTIFICATE, "the certificate cannot be read");
}

/* Half of a file that is being written. */
static void file_cut_anywhere_is_refused(void **state)
{
	char *cert = read_text(own.cert), *key = read_text(own.key);
	struct httpd_tls *tls;
	char path[96];

	for (size_t len = strlen(cert) - 2; len > 0; len -= len > 40 ? 37 : 1) {
		cert[len] = '\0';
		certificate_write(&own, "cut", cert, path);
		assert_int_equal(httpd_tls_new(path, own.key, NULL, &tls), HTTPD_E_CERTIFICATE);
	}
	for (size_t len = strlen(key) - 2; len > 0; len -= len > 40 ? 37 : 1) {
		key[len] = '\0';
		certificate_write(&own, "cut", key, path);
		assert_int_equal(httpd_tls_new(own.cert, path, NULL, &tls), HTTPD_E_KEY);
	}
	free(cert);
	free(key);
}

static void key_of_another_certificate_is_refused(void **state)
{
	expect_refused(own.cert, other.key, HTTPD_E_KEY, "is not the key of the certificate");
	expect_refused(other.cert, own.key, HTTPD_E_KEY, "is not the key of the certificate");
}

static void key_with_a_passphrase_is_refused(void **state)
{
	const struct certificate_form form = {.passphrase = "secret"};
	struct certificate locked;

	certificate_make(&locked, &form);
	expect_refused(locked.cert, locked.key, HTTPD_E_KEY, "the key has a passphrase");
	certificate_remove(&locked);
}

static void chain_is_taken_whole_or_refused(void **state)
{
	char *cert = read_text(own.cert), *next = read_text(other.cert);
	char *chain = calloc(20, 10000), path[96];
	struct httpd_tls *tls;

	sprintf(chain, "%s%s", cert, next);
	certificate_write(&own, "chain", chain, path);
	assert_int_equal(httpd_tls_new(path, own.key, NULL, &tls), 0);
	httpd_tls_free(tls);
	/* The server's own comes first. */
	sprintf(chain, "%s%s", next, cert);
	certificate_write(&own, "chain", chain, path);
	expect_refused(path, own.key, HTTPD_E_KEY, "is not the key of the certificate");
	sprintf(chain, "%s%s", cert, next);
	chain[strlen(chain) - 40] = '\0';
	certificate_write(&own, "chain", chain, path);
	expect_refused(path, own.key, HTTPD_E_CERTIFICATE,
		       "a certificate of the chain cannot be read");
	*chain = '\0';
	for (int i = 0; i < 18; i++)
		strcat(chain, i == 0 ? cert : next);
	certificate_write(&own, "chain", chain, path);
	expect_refused(path, own.key, HTTPD_E_CERTIFICATE, "more than 17 certificates");
	free(cert);
	free(next);
	free(chain);
}

static void both_may_stand_in_one_file(void **state)
{
	char *cert = read_text(own.cert), *key = read_text(own.key);
	char *both = calloc(2, 10000), path[96];
	struct httpd_tls *tls;

	sprintf(both, "%s%s", key, cert);
	certificate_write(&own, "both", both, path);
	assert_int_equal(httpd_tls_new(path, path, NULL, &tls), 0);
	httpd_tls_free(tls);
	free(cert);
	free(key);
	free(both);
}

static void certificate_out_of_its_time_is_taken_and_its_time_told(void **state)
{
	static const struct certificate_form forms[] = {
		{.begins_s = -7200, .ends_s = -3600},
		{.begins_s = 3600, .ends_s = 7200},
		{.begins_s = 0, .ends_s = 86400},
	};

	for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
		const struct httpd_tls_facts *facts;
		struct certificate files;
		struct httpd_tls *tls;
		time_t now = time(NULL);

		certificate_make(&files, &forms[i]);
		assert_int_equal(httpd_tls_new(files.cert, files.key, NULL, &tls), 0);
		facts = httpd_tls_facts(tls);
		assert_in_range(facts->begins, now + forms[i].begins_s - 2,
				now + forms[i].begins_s + 5);
		assert_in_range(facts->expires, now + forms[i].ends_s - 2,
				now + forms[i].ends_s + 5);
		httpd_tls_free(tls);
		certificate_remove(&files);
	}
}

static void key_that_everybody_may_read_is_told(void **state)
{
	static const struct {
		mode_t mode;
		bool open;
	} rows[] = {{0600, false}, {0640, false}, {0644, true}, {0602, true}, {0604, true}};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct httpd_tls *tls;

		assert_int_equal(chmod(own.key, rows[i].mode), 0);
		assert_int_equal(httpd_tls_new(own.cert, own.key, NULL, &tls), 0);
		assert_int_equal(httpd_tls_facts(tls)->key_open, rows[i].open);
		httpd_tls_free(tls);
	}
}

static int make_certificates(void **state)
{
	certificate_make(&own, NULL);
	certificate_make(&other, NULL);
	return 0;
}

static int remove_certificates(void **state)
{
	certificate_remove(&own);
	certificate_remove(&other);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(file_that_cannot_be_read_is_named),
		cmocka_unit_test(file_that_holds_something_else_is_refused),
		cmocka_unit_test(file_cut_anywhere_is_refused),
		cmocka_unit_test(key_of_another_certificate_is_refused),
		cmocka_unit_test(key_with_a_passphrase_is_refused),
		cmocka_unit_test(chain_is_taken_whole_or_refused),
		cmocka_unit_test(both_may_stand_in_one_file),
		cmocka_unit_test(certificate_out_of_its_time_is_taken_and_its_time_told),
		cmocka_unit_test(key_that_everybody_may_read_is_told),
	};

	return cmocka_run_group_tests_name("httpd_tls_files", tests, make_certificates,
					   remove_certificates);
}
