/* Reads a certificate chain and its key from PEM files, and says what is wrong with them. */
/* SPDX-License-Identifier: MIT */

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "httpd/tls_priv.h"

enum {
	FILE_MAX = 1 << 20, /* bytes */
	CHAIN_MAX = 16,     /* certificates behind the first */
};

/* A file that was read. */
struct pem {
	BIO *bio; /* of secure memory: wiped when freed, since it may hold a key */
	mode_t mode;
};

static void pem_done(struct pem *pem)
{
	BIO_free(pem->bio);
}

static void free_x509(X509 **x509)
{
	X509_free(*x509);
}

static void free_pkey(EVP_PKEY **key)
{
	EVP_PKEY_free(*key);
}

/* Up to the file's end. 0 or -errno. */
static int read_all(int fd, BIO *bio)
{
	char bytes[4096];
	size_t len = 0;
	int err = 0;
	ssize_t n;

	do {
		n = read(fd, bytes, sizeof(bytes));
		len += n > 0 ? (size_t)n : 0;
		if (n < 0)
			err = -errno;
		else if (len > FILE_MAX)
			err = -EFBIG;
		else if (n > 0 && BIO_write(bio, bytes, (int)n) != n)
			err = -ENOMEM;
	} while (n > 0 && !err);
	OPENSSL_cleanse(bytes, sizeof(bytes));
	return err;
}

/* 0 or -errno; what is no file, or too large for one of these, is -EINVAL or -EFBIG. */
static int read_file(const char *path, struct pem *pem)
{
	/* A pipe without a writer must not hold up the start. */
	_cleanup_fd_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	struct stat facts;

	if (fd < 0 || fstat(fd, &facts) < 0)
		return -errno;
	if (!S_ISREG(facts.st_mode))
		return S_ISDIR(facts.st_mode) ? -EISDIR : -EINVAL;
	pem->mode = facts.st_mode;
	pem->bio = BIO_new(BIO_s_secmem());
	return pem->bio ? read_all(fd, pem->bio) : -ENOMEM;
}

static int open_pem(const char *path, int outcome, struct field_error *error, struct pem *pem)
{
	int err = read_file(path, pem);

	if (!err || err == -ENOMEM)
		return err;
	field_error_set(error, "", "%s: %s", path, err == -EINVAL ? "is no file" : strerror(-err));
	return outcome;
}

/* OpenSSL's words for what went wrong last. */
static const char *reason(void)
{
	const char *text = ERR_reason_error_string(ERR_peek_last_error());

	return text ? text : "OpenSSL does not say why";
}

static int refuse(int outcome, const char *path, const char *why, struct field_error *error)
{
	if (ERR_GET_REASON(ERR_peek_last_error()) == ERR_R_MALLOC_FAILURE)
		return -ENOMEM;
	field_error_set(error, "", "%s: %s: %s", path, why, reason());
	return outcome;
}

static bool no_more_blocks(void)
{
	unsigned long last = ERR_peek_last_error();

	return ERR_GET_LIB(last) == ERR_LIB_PEM && ERR_GET_REASON(last) == PEM_R_NO_START_LINE;
}

static int64_t unix_time(const ASN1_TIME *time)
{
	struct tm utc;

	return time && ASN1_TIME_to_tm(time, &utc) ? (int64_t)timegm(&utc) : 0;
}

static int note_facts(const X509 *certificate, struct httpd_tls_facts *ret)
{
	unsigned int len = sizeof(ret->digest);

	ret->begins = unix_time(X509_get0_notBefore(certificate));
	ret->expires = unix_time(X509_get0_notAfter(certificate));
	return X509_digest(certificate, EVP_sha256(), ret->digest, &len) ? 0 : -ENOMEM;
}

static int load_chain(SSL_CTX *context, const char *path, struct pem *pem,
		      struct field_error *error)
{
	for (unsigned int n = 0;; n++) {
		_cleanup_(free_x509) X509 *next = PEM_read_bio_X509(pem->bio, NULL, NULL, NULL);

		if (!next && no_more_blocks())
			return 0;
		if (!next)
			return refuse(HTTPD_E_CERTIFICATE, path,
				      "a certificate of the chain cannot be read", error);
		if (n == CHAIN_MAX) {
			field_error_set(error, "", "%s: more than %d certificates", path,
					CHAIN_MAX + 1);
			return HTTPD_E_CERTIFICATE;
		}
		if (!SSL_CTX_add1_chain_cert(context, next))
			return refuse(HTTPD_E_CERTIFICATE, path,
				      "a certificate of the chain cannot be used", error);
	}
}

/* The server's own comes first, as in what certbot calls fullchain.pem. */
static int load_certificates(SSL_CTX *context, const char *path, struct pem *pem,
			     struct field_error *error, struct httpd_tls_facts *ret)
{
	_cleanup_(free_x509) X509 *own = PEM_read_bio_X509(pem->bio, NULL, NULL, NULL);

	if (!own && no_more_blocks()) {
		field_error_set(error, "", "%s: holds no certificate in PEM form", path);
		return HTTPD_E_CERTIFICATE;
	}
	if (!own)
		return refuse(HTTPD_E_CERTIFICATE, path, "the certificate cannot be read", error);
	if (!SSL_CTX_use_certificate(context, own))
		return refuse(HTTPD_E_CERTIFICATE, path, "the certificate cannot be used", error);
	if (note_facts(own, ret))
		return -ENOMEM;
	return load_chain(context, path, pem, error);
}

/* There is nobody to ask. A pem_password_cb. */
/* NOLINTNEXTLINE(readability-non-const-parameter) */
static int find_passphrase(char *text, int size, int writing, void *data)
{
	bool *asked = data;

	(void)text;
	(void)size;
	(void)writing;
	*asked = true;
	return -1;
}

static int load_key(SSL_CTX *context, const char *path, struct pem *pem, struct field_error *error)
{
	_cleanup_(free_pkey) EVP_PKEY *key = NULL;
	bool asked = false;

	key = PEM_read_bio_PrivateKey(pem->bio, NULL, find_passphrase, &asked);
	if (!key && asked) {
		field_error_set(error, "",
				"%s: the key has a passphrase, which nobody is there to type; "
				"store it without one",
				path);
		return HTTPD_E_KEY;
	}
	if (!key) {
		field_error_set(error, "", "%s: holds no private key in PEM form", path);
		return HTTPD_E_KEY;
	}
	if (X509_check_private_key(SSL_CTX_get0_certificate(context), key) != 1) {
		field_error_set(error, "", "%s: is not the key of the certificate", path);
		return HTTPD_E_KEY;
	}
	if (!SSL_CTX_use_PrivateKey(context, key))
		return refuse(HTTPD_E_KEY, path, "the key cannot be used", error);
	return 0;
}

int tls_load(SSL_CTX *context, const char *cert_file, const char *key_file,
	     struct field_error *error, struct httpd_tls_facts *ret)
{
	_cleanup_(pem_done) struct pem cert = {.bio = NULL}, key = {.bio = NULL};
	int err;

	ERR_clear_error();
	err = open_pem(cert_file, HTTPD_E_CERTIFICATE, error, &cert);
	if (!err)
		err = load_certificates(context, cert_file, &cert, error, ret);
	if (!err)
		err = open_pem(key_file, HTTPD_E_KEY, error, &key);
	if (!err)
		err = load_key(context, key_file, &key, error);
	ret->key_open = key.mode & (S_IROTH | S_IWOTH);
	return err;
}
