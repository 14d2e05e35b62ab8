// SPDX-License-Identifier: MIT
/*
 * RSA key pair and CMS EnvelopedData through OpenSSL. See recipient.h.
 */

#include "lib/kms/recipient.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/bio.h>
#include <openssl/cms.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#define KEY_BITS 2048

static void free_key(EVP_PKEY **key)
{
	EVP_PKEY_free(*key);
}

static void free_cms(CMS_ContentInfo **cms)
{
	CMS_ContentInfo_free(*cms);
}

static void free_bio(BIO **bio)
{
	BIO_free_all(*bio);
}

#define _cleanup_key_ __attribute__((cleanup(free_key)))
#define _cleanup_cms_ __attribute__((cleanup(free_cms)))
#define _cleanup_bio_ __attribute__((cleanup(free_bio)))

/**
 * recipient_new() - make a key pair; takes about a tenth of a second
 * @private_key: set to the PKCS#1 DER in secret memory (caller frees)
 *
 * Return: 0 or -1.
 */
int recipient_new(struct secret **private_key, struct fault *f)
{
	EVP_PKEY _cleanup_key_ *key = EVP_RSA_gen(KEY_BITS);
	struct secret *der = NULL;
	uint8_t *end;
	int size = key ? i2d_PrivateKey(key, NULL) : -1;

	if (size > 0 && size <= RECIPIENT_KEY_MAX)
		der = secret_new(size);
	if (!der)
		return fault_set(f, "InternalFailure",
				 "An RSA key pair cannot be made. Check that the process may lock memory (LimitMEMLOCK=).");
	end = der->bytes;
	size = i2d_PrivateKey(key, &end);
	stack_wipe();
	if (size != (int)der->size) {
		secret_free(der);
		return fault_set(f, "InternalFailure", "An RSA key pair cannot be encoded.");
	}
	*private_key = der;
	return 0;
}

static EVP_PKEY *read_key(const uint8_t *private_key, size_t size, struct fault *f)
{
	const uint8_t *at = private_key;
	EVP_PKEY *key = d2i_PrivateKey(EVP_PKEY_RSA, NULL, &at, size);

	if (!key || EVP_PKEY_get_bits(key) != KEY_BITS) {
		EVP_PKEY_free(key);
		fault_set(f, "InternalFailure", "The recipient's private key is damaged.");
		return NULL;
	}
	return key;
}

/**
 * recipient_public_key() - DER SubjectPublicKeyInfo, for the AttestationDocument
 * @private_key: DER, @size bytes
 * @der: malloc'd, caller frees
 * @der_size: its bytes
 *
 * Return: 0 or -1.
 */
int recipient_public_key(const uint8_t *private_key, size_t size, uint8_t **der, size_t *der_size,
			 struct fault *f)
{
	EVP_PKEY _cleanup_key_ *key = read_key(private_key, size, f);
	int length;

	if (!key)
		return -1;
	*der = NULL;
	length = i2d_PUBKEY(key, der);
	if (length <= 0)
		return fault_set(f, "InternalFailure",
				 "The recipient's public key cannot be encoded.");
	*der_size = length;
	return 0;
}

/* RSAES-OAEP with SHA-256 for both hash and mask, and no label. */
static bool is_oaep_sha256(CMS_RecipientInfo *recipient)
{
	const ASN1_OBJECT *oid;
	RSA_OAEP_PARAMS *oaep;
	const void *parameters;
	X509_ALGOR *algorithm, *mask = NULL;
	bool good = false;
	int type;

	if (CMS_RecipientInfo_type(recipient) != CMS_RECIPINFO_TRANS ||
	    CMS_RecipientInfo_ktri_get0_algs(recipient, NULL, NULL, &algorithm) != 1)
		return false;
	X509_ALGOR_get0(&oid, &type, &parameters, algorithm);
	if (OBJ_obj2nid(oid) != NID_rsaesOaep || type != V_ASN1_SEQUENCE)
		return false;
	oaep = ASN1_item_unpack(parameters, ASN1_ITEM_rptr(RSA_OAEP_PARAMS));
	if (oaep && oaep->hashFunc && oaep->maskGenFunc && !oaep->pSourceFunc &&
	    OBJ_obj2nid(oaep->hashFunc->algorithm) == NID_sha256 &&
	    OBJ_obj2nid(oaep->maskGenFunc->algorithm) == NID_mgf1 && oaep->maskGenFunc->parameter &&
	    oaep->maskGenFunc->parameter->type == V_ASN1_SEQUENCE) {
		mask = ASN1_item_unpack(oaep->maskGenFunc->parameter->value.sequence,
					ASN1_ITEM_rptr(X509_ALGOR));
		good = mask && OBJ_obj2nid(mask->algorithm) == NID_sha256;
	}
	X509_ALGOR_free(mask);
	RSA_OAEP_PARAMS_free(oaep);
	return good;
}

/* Unwraps the content key; on success @cms is ready for its content to be read. */
static int unwrap(CMS_ContentInfo *cms, EVP_PKEY *key, struct fault *f)
{
	STACK_OF(CMS_RecipientInfo) * recipients;
	CMS_RecipientInfo *recipient;
	int done;

	if (OBJ_obj2nid(CMS_get0_type(cms)) != NID_pkcs7_enveloped)
		return fault_set(f, "KMSInternalException",
				 "CiphertextForRecipient is not CMS EnvelopedData.");
	recipients = CMS_get0_RecipientInfos(cms);
	if (sk_CMS_RecipientInfo_num(recipients) != 1)
		return fault_set(f, "KMSInternalException",
				 "CiphertextForRecipient must name one recipient.");
	recipient = sk_CMS_RecipientInfo_value(recipients, 0);
	if (!is_oaep_sha256(recipient))
		return fault_set(f, "KMSInternalException",
				 "CiphertextForRecipient is not encrypted with RSAES_OAEP_SHA_256.");
	/* The structure keeps and frees the reference that it is given. */
	EVP_PKEY_up_ref(key);
	if (CMS_RecipientInfo_set0_pkey(recipient, key) != 1) {
		EVP_PKEY_free(key);
		return fault_set(f, "InternalFailure",
				 "OpenSSL refuses the recipient's private key.");
	}
	done = CMS_RecipientInfo_decrypt(cms, recipient);
	if (done != 1)
		return fault_set(f, "KMSInternalException",
				 "CiphertextForRecipient is encrypted for another recipient.");
	return 0;
}

/* Reads the content to its end; OpenSSL reports wrong padding only there. */
static int read_content(CMS_ContentInfo *cms, uint8_t *plaintext, size_t capacity, size_t *size,
			struct fault *f)
{
	BIO _cleanup_bio_ *bio = CMS_dataInit(cms, NULL);
	EVP_CIPHER_CTX *cipher = NULL;
	size_t total = 0;
	int n;

	if (!bio || BIO_get_cipher_ctx(bio, &cipher) != 1 ||
	    EVP_CIPHER_CTX_get_nid(cipher) != NID_aes_256_cbc)
		return fault_set(f, "KMSInternalException",
				 "CiphertextForRecipient is not encrypted with AES-256-CBC.");
	while (total < capacity &&
	       (n = BIO_read(bio, plaintext + total, (int)(capacity - total))) > 0)
		total += n;
	/* A full buffer must also be the end of the content. */
	if (!total || (total == capacity && BIO_read(bio, &(char){ 0 }, 1) > 0) ||
	    BIO_get_cipher_status(bio) != 1)
		return fault_set(f, "KMSInternalException", "CiphertextForRecipient is damaged.");
	*size = total;
	return 0;
}

/**
 * recipient_open() - decrypt a CMS EnvelopedData
 * @private_key: DER, @size bytes
 * @cms: DER, @cms_size bytes, hostile
 * @plaintext: destination of @capacity bytes, meant to be locked memory
 * @plaintext_size: set to the bytes written
 *
 * Only RSAES-OAEP with SHA-256 and AES-256-CBC are accepted. OpenSSL buffers plaintext on the
 * heap: the program must be linked with wipe_malloc.c.
 *
 * Return: 0 or -1.
 */
int recipient_open(const uint8_t *private_key, size_t size, const uint8_t *cms, size_t cms_size,
		   uint8_t *plaintext, size_t capacity, size_t *plaintext_size, struct fault *f)
{
	const uint8_t *at = cms;
	CMS_ContentInfo _cleanup_cms_ *info = d2i_CMS_ContentInfo(NULL, &at, cms_size);
	EVP_PKEY _cleanup_key_ *key = NULL;
	int r;

	if (!info || at != cms + cms_size)
		return fault_set(f, "KMSInternalException", "CiphertextForRecipient is not CMS.");
	key = read_key(private_key, size, f);
	if (!key)
		return -1;
	r = unwrap(info, key, f);
	if (!r)
		r = read_content(info, plaintext, capacity, plaintext_size, f);
	if (r)
		explicit_bzero(plaintext, capacity);
	stack_wipe();
	return r;
}
