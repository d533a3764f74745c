/* Makes keys on P-256 and certificates signed by themselves. */
/* SPDX-License-Identifier: MIT */
#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <openssl/ec.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "unit/httpd/certificate.h"

enum { HOUR_S = 3600 };

static void name_it(X509 *x509, const char *name)
{
	X509_NAME *subject = X509_get_subject_name(x509);
	char other[200];
	X509_EXTENSION *names;

	X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC, (const unsigned char *)name, -1, -1,
				   0);
	X509_set_issuer_name(x509, subject);
	snprintf(other, sizeof(other), "DNS:%s,IP:127.0.0.1", name);
	names = X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, other);
	assert_non_null(names);
	X509_add_ext(x509, names, -1);
	X509_EXTENSION_free(names);
}

static X509 *make_x509(EVP_PKEY *key, const struct certificate_form *form)
{
	bool by_default = form->begins_s == 0 && form->ends_s == 0;
	static long serial;
	X509 *x509 = X509_new();

	X509_set_version(x509, X509_VERSION_3);
	ASN1_INTEGER_set(X509_get_serialNumber(x509), ++serial);
	X509_gmtime_adj(X509_getm_notBefore(x509), by_default ? -HOUR_S : form->begins_s);
	X509_gmtime_adj(X509_getm_notAfter(x509), by_default ? HOUR_S : form->ends_s);
	X509_set_pubkey(x509, key);
	name_it(x509, form->name ? form->name : "localhost");
	assert_true(X509_sign(x509, key, EVP_sha256()) > 0);
	return x509;
}

static FILE *open_in(const struct certificate *certificate, const char *name, char path[96])
{
	FILE *file;

	snprintf(path, 96, "%s/%s", certificate->dir, name);
	file = fopen(path, "we");
	assert_non_null(file);
	return file;
}

void certificate_make(struct certificate *certificate, const struct certificate_form *form)
{
	static const struct certificate_form plain;
	EVP_PKEY *key = EVP_EC_gen("P-256");
	const char *passphrase;
	X509 *x509;
	FILE *file;

	form = form ? form : &plain;
	passphrase = form->passphrase;
	strcpy(certificate->dir, "/tmp/httpd-tls-XXXXXX");
	assert_non_null(mkdtemp(certificate->dir));
	x509 = make_x509(key, form);
	file = open_in(certificate, "cert.pem", certificate->cert);
	assert_true(PEM_write_X509(file, x509));
	fclose(file);
	file = open_in(certificate, "key.pem", certificate->key);
	assert_true(PEM_write_PrivateKey(file, key, passphrase ? EVP_aes_256_cbc() : NULL,
					 (const unsigned char *)passphrase,
					 passphrase ? (int)strlen(passphrase) : 0, NULL, NULL));
	fclose(file);
	X509_free(x509);
	EVP_PKEY_free(key);
}

void certificate_write(const struct certificate *certificate, const char *name, const char *text,
		       char path[96])
{
	FILE *file = open_in(certificate, name, path);

	fputs(text, file);
	fclose(file);
}

void certificate_remove(const struct certificate *certificate)
{
	DIR *dir = opendir(certificate->dir);
	struct dirent *entry;

	while ((entry = readdir(dir)))
		unlinkat(dirfd(dir), entry->d_name, 0);
	closedir(dir);
	rmdir(certificate->dir);
}
