// SPDX-License-Identifier: MIT
/*
 * CMS EnvelopedData through OpenSSL.
 *
 * Must never leave the plaintext on the stack: OpenSSL copies the content through a stack buffer.
 */

#include "kms/keys/cms_envelope.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/cms.h>
#include <openssl/err.h>
#include <openssl/rsa.h>
#include <openssl/sha.h>
#include <openssl/x509v3.h>

#define RSA_BITS_MIN 2048
#define RSA_BITS_MAX 4096

static EVP_PKEY *read_public_key(const uint8_t *spki, size_t size)
{
	const uint8_t *at = spki;
	EVP_PKEY *key = d2i_PUBKEY(NULL, &at, (long)size);

	if (key && at == spki + size && EVP_PKEY_get_base_id(key) == EVP_PKEY_RSA &&
	    EVP_PKEY_get_bits(key) >= RSA_BITS_MIN && EVP_PKEY_get_bits(key) <= RSA_BITS_MAX)
		return key;
	EVP_PKEY_free(key);
	return NULL;
}

static int add_key_identifier(X509 *certificate, const uint8_t *spki, size_t size)
{
	ASN1_OCTET_STRING *identifier = ASN1_OCTET_STRING_new();
	uint8_t digest[SHA_DIGEST_LENGTH];
	int ok;

	SHA1(spki, size, digest);
	ok = identifier && ASN1_OCTET_STRING_set(identifier, digest, sizeof(digest)) &&
	     X509_add1_ext_i2d(certificate, NID_subject_key_identifier, identifier, 0, 0) == 1;
	ASN1_OCTET_STRING_free(identifier);
	return ok ? 0 : -1;
}

/*
 * OpenSSL names a CMS recipient by certificate only. This certificate is never sent or stored: it
 * carries the key and the subject key identifier, SHA-1 of the key as RFC 5280 suggests. A throwaway
 * key signs it, since OpenSSL reads the extensions of a complete certificate only.
 */
static X509 *carrier(EVP_PKEY *key, const uint8_t *spki, size_t size)
{
	EVP_PKEY *signer = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
	X509 *certificate = X509_new();
	int ok;

	ok = signer && certificate && X509_set_version(certificate, X509_VERSION_3) &&
	     X509_gmtime_adj(X509_getm_notBefore(certificate), 0) &&
	     X509_gmtime_adj(X509_getm_notAfter(certificate), 0) &&
	     X509_set_pubkey(certificate, key) &&
	     add_key_identifier(certificate, spki, size) == 0 &&
	     X509_sign(certificate, signer, NULL) > 0;
	EVP_PKEY_free(signer);
	if (ok)
		return certificate;
	X509_free(certificate);
	return NULL;
}

static int add_recipient(CMS_ContentInfo *cms, X509 *certificate)
{
	CMS_RecipientInfo *recipient;
	EVP_PKEY_CTX *ctx;

	recipient = CMS_add1_recipient_cert(cms, certificate, CMS_USE_KEYID | CMS_KEY_PARAM);
	if (!recipient)
		return -1;
	ctx = CMS_RecipientInfo_get0_pkey_ctx(recipient);
	if (!ctx || EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_OAEP_PADDING) <= 0 ||
	    EVP_PKEY_CTX_set_rsa_oaep_md(ctx, EVP_sha256()) <= 0 ||
	    EVP_PKEY_CTX_set_rsa_mgf1_md(ctx, EVP_sha256()) <= 0)
		return -1;
	return 0;
}

static int encrypt_to(X509 *certificate, const struct secret *plain, uint8_t **der,
		      size_t *der_size)
{
	CMS_ContentInfo *cms = CMS_EnvelopedData_create(EVP_aes_256_cbc());
	BIO *in = BIO_new_mem_buf(plain->bytes, (int)plain->size);
	int size = -1;

	*der = NULL;
	if (cms && in && add_recipient(cms, certificate) == 0 && CMS_set_detached(cms, 0) == 1 &&
	    CMS_final(cms, in, NULL, CMS_BINARY) == 1)
		size = i2d_CMS_ContentInfo(cms, der);
	BIO_free(in);
	CMS_ContentInfo_free(cms);
	if (size < 0)
		return -1;
	*der_size = (size_t)size;
	return 0;
}

/**
 * cms_envelope() - encrypt @plain
 * @spki: DER SubjectPublicKeyInfo of the caller
 * @der: set to malloc'd DER of the CMS ContentInfo
 * @f: ValidationException when the key is not RSA of 2048 to 4096 bits
 *
 * Return: 0 or -1.
 */
int cms_envelope(const uint8_t *spki, size_t spki_size, const struct secret *plain, uint8_t **der,
		 size_t *der_size, struct fault *f)
{
	EVP_PKEY *key = read_public_key(spki, spki_size);
	X509 *certificate = NULL;
	int r = -1;

	if (!key) {
		ERR_clear_error();
		return fault_set(f, "ValidationException",
				 "AttestationDocument must be the DER SubjectPublicKeyInfo of an RSA key of %d to %d bits.",
				 RSA_BITS_MIN, RSA_BITS_MAX);
	}
	certificate = carrier(key, spki, spki_size);
	if (certificate)
		r = encrypt_to(certificate, plain, der, der_size);
	if (r)
		fault_set(f, "KMSInternalException",
			  "The data cannot be encrypted to the recipient's key.");
	ERR_clear_error();
	X509_free(certificate);
	EVP_PKEY_free(key);
	stack_wipe();
	return r;
}
