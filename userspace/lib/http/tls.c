// SPDX-License-Identifier: MIT
/*
 * Making and reading the TLS certificate.
 *
 * Must never write the private key readable to others.
 */

#include "lib/http/tls.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "lib/base/file.h"
#include "lib/base/log.h"
#include "lib/base/text.h"

#define FILE_MAX    (64 * 1024)
#define SERIAL_BITS 127

/*
 * Always: the clock may be wrong when the certificate is made, at the first start of a host. The end
 * is RFC 5280's for a certificate without one. Clients trust this certificate alone.
 */
#define VALID_FROM "20000101000000Z"
#define VALID_TO   "99991231235959Z"

static const struct {
	int nid;
	const char *value;
} extensions[] = {
	{ NID_basic_constraints, "critical,CA:TRUE" },
	{ NID_key_usage, "critical,digitalSignature,keyCertSign" },
	{ NID_ext_key_usage, "serverAuth" },
	{ NID_subject_alt_name, "IP:127.0.0.1,IP:::1,DNS:localhost" },
	{ NID_subject_key_identifier, "hash" },
};

static int add_extensions(X509 *certificate)
{
	X509V3_CTX ctx;
	size_t i;

	X509V3_set_ctx(&ctx, certificate, certificate, NULL, NULL, 0);
	for (i = 0; i < sizeof(extensions) / sizeof(extensions[0]); i++) {
		X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, &ctx, extensions[i].nid,
								extensions[i].value);
		int ok = extension && X509_add_ext(certificate, extension, -1);

		X509_EXTENSION_free(extension);
		if (!ok)
			return -1;
	}
	return 0;
}

static int set_serial(X509 *certificate)
{
	BIGNUM *serial = BN_new();
	int ok = serial && BN_rand(serial, SERIAL_BITS, BN_RAND_TOP_ONE, BN_RAND_BOTTOM_ANY) &&
		 BN_to_ASN1_INTEGER(serial, X509_get_serialNumber(certificate));

	BN_free(serial);
	return ok ? 0 : -1;
}

static X509 *self_sign(EVP_PKEY *key, const char *common_name)
{
	X509 *certificate = X509_new();
	X509_NAME *name;

	if (!certificate)
		return NULL;
	name = X509_get_subject_name(certificate);
	if (X509_set_version(certificate, X509_VERSION_3) && !set_serial(certificate) &&
	    ASN1_TIME_set_string_X509(X509_getm_notBefore(certificate), VALID_FROM) &&
	    ASN1_TIME_set_string_X509(X509_getm_notAfter(certificate), VALID_TO) &&
	    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)common_name,
				       -1, -1, 0) &&
	    X509_set_issuer_name(certificate, name) && X509_set_pubkey(certificate, key) &&
	    !add_extensions(certificate) && X509_sign(certificate, key, EVP_sha256()))
		return certificate;
	X509_free(certificate);
	return NULL;
}

static int write_pem(const char *path, mode_t mode, X509 *certificate, EVP_PKEY *key,
		     struct fault *f)
{
	BIO *out = BIO_new(BIO_s_mem());
	char *text;
	long size;
	int r;

	if (!out ||
	    !(certificate ? PEM_write_bio_X509(out, certificate)
			  : PEM_write_bio_PrivateKey(out, key, NULL, NULL, 0, NULL, NULL))) {
		BIO_free(out);
		return fault_set(f, "InternalFailure", "%s cannot be encoded as PEM.", path);
	}
	size = BIO_get_mem_data(out, &text);
	r = file_create(path, mode, text, (size_t)size, f);
	BIO_free(out);
	return r;
}

static int make_certificate(const char *certificate_path, const char *key_path, const char *name,
			    struct fault *f)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *certificate = key ? self_sign(key, name) : NULL;
	int r = -1;

	if (!certificate)
		fault_set(f, "InternalFailure",
			  "A TLS certificate cannot be made: OpenSSL refuses.");
	else if (!write_pem(key_path, 0600, NULL, key, f))
		r = write_pem(certificate_path, 0644, certificate, NULL, f);
	X509_free(certificate);
	EVP_PKEY_free(key);
	return r;
}

/* Certificate and key are worthless alone. A lone one is removed, and both are made. */
static int drop_lone(const char *path, const char *other, struct fault *f)
{
	log_warning("%s exists without %s: both are made anew, and clients need the new ca.pem",
		    path, other);
	if (unlink(path))
		return fault_set(f, "InvalidConfiguration",
				 "%s cannot be removed: %s. Remove it by hand.", path,
				 strerror(errno));
	return 0;
}

static int make_if_missing(const char *certificate_path, const char *key_path, const char *name,
			   struct fault *f)
{
	bool certificate = !access(certificate_path, F_OK) || errno != ENOENT;
	bool key = !access(key_path, F_OK) || errno != ENOENT;

	if (certificate && key)
		return 0;
	/* A power cut between the two writes leaves the key without a certificate. */
	if ((key && drop_lone(key_path, certificate_path, f)) ||
	    (certificate && drop_lone(certificate_path, key_path, f)))
		return -1;
	return make_certificate(certificate_path, key_path, name, f);
}

/* Do certificate and key belong together? libmicrohttpd says only that it does not start. */
static int check_pair(const struct tls *tls, const char *certificate_path, const char *key_path,
		      struct fault *f)
{
	BIO *certificate_pem = BIO_new_mem_buf(tls->certificate, -1);
	BIO *key_pem = BIO_new_mem_buf(tls->key, -1);
	X509 *certificate = PEM_read_bio_X509(certificate_pem, NULL, NULL, NULL);
	EVP_PKEY *key = PEM_read_bio_PrivateKey(key_pem, NULL, NULL, (void *)"");
	int r = 0;

	if (!certificate || !key)
		r = fault_set(f, "InvalidConfiguration",
			      "%s holds no %s in PEM form, or a damaged one. Put the file back, or remove both %s and %s: a start makes a new pair.",
			      certificate ? key_path : certificate_path,
			      certificate ? "private key" : "certificate", certificate_path,
			      key_path);
	else if (X509_check_private_key(certificate, key) != 1)
		r = fault_set(f, "InvalidConfiguration",
			      "%s is not the key of the certificate %s. Put the right pair there, or remove both: a start makes a new pair.",
			      key_path, certificate_path);
	ERR_clear_error();
	X509_free(certificate);
	EVP_PKEY_free(key);
	BIO_free(certificate_pem);
	BIO_free(key_pem);
	return r;
}

/**
 * tls_read() - read ca.pem and tls-key.pem of @directory, which must exist
 * @tls: filled; tls_free()
 * @f: InvalidConfiguration
 *
 * Return: 0 or -1.
 */
int tls_read(const char *directory, struct tls *tls, struct fault *f)
{
	_cleanup_text_ char *certificate_path = text_format("%s/ca.pem", directory);
	_cleanup_text_ char *key_path = text_format("%s/tls-key.pem", directory);

	*tls = (struct tls){ 0 };
	if (!certificate_path || !key_path)
		return fault_set(f, "InternalFailure", "Out of memory.");
	if (!file_read_text(certificate_path, FILE_MAX, &tls->certificate, f) &&
	    !file_read_text(key_path, FILE_MAX, &tls->key, f) &&
	    !check_pair(tls, certificate_path, key_path, f))
		return 0;
	tls_free(tls);
	return -1;
}

/**
 * tls_load() - read ca.pem and tls-key.pem of @directory
 * @name: common name of the certificate, the program's
 * @tls: filled; tls_free()
 *
 * Both files are made when either is missing. The caller has a lock on the folder: two starts at once
 * would take each other's key for a lone one.
 *
 * Return: 0 or -1.
 */
int tls_load(const char *directory, const char *name, struct tls *tls, struct fault *f)
{
	_cleanup_text_ char *certificate_path = text_format("%s/ca.pem", directory);
	_cleanup_text_ char *key_path = text_format("%s/tls-key.pem", directory);

	*tls = (struct tls){ 0 };
	if (!certificate_path || !key_path)
		return fault_set(f, "InternalFailure", "Out of memory.");
	if (make_if_missing(certificate_path, key_path, name, f))
		return -1;
	return tls_read(directory, tls, f);
}

/** tls_free() - release certificate and key */
void tls_free(struct tls *tls)
{
	free(tls->certificate);
	free(tls->key);
	*tls = (struct tls){ 0 };
}
