// SPDX-License-Identifier: MIT
/*
 * The receiving end of CiphertextForRecipient, against messages that OpenSSL makes here: valid
 * ones, weaker ones, ones for another recipient, and every kind of damage.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include <openssl/bio.h>
#include <openssl/cms.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include "lib/kms/recipient.h"

static struct secret *private_key;
static EVP_PKEY *public_key;
static uint8_t data_key[64];

static int make_keys(void **state)
{
	const uint8_t *at;
	uint8_t *der;
	size_t size;

	if (recipient_new(&private_key, NULL) ||
	    recipient_public_key(private_key->bytes, private_key->size, &der, &size, NULL))
		return -1;
	at = der;
	public_key = d2i_PUBKEY(NULL, &at, size);
	free(der);
	for (size_t i = 0; i < sizeof(data_key); i++)
		data_key[i] = (uint8_t)(i * 5 + 9);
	return public_key ? 0 : -1;
}

static int drop_keys(void **state)
{
	EVP_PKEY_free(public_key);
	secret_free(private_key);
	return 0;
}

struct message {
	uint8_t *der;
	size_t size;
};

/* CMS needs a certificate. This one only carries the public key. */
static X509 *carrier(EVP_PKEY *key)
{
	EVP_PKEY *signer = EVP_RSA_gen(2048);
	X509 *certificate = X509_new();

	X509_set_version(certificate, 2);
	ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1);
	X509_gmtime_adj(X509_getm_notBefore(certificate), 0);
	X509_gmtime_adj(X509_getm_notAfter(certificate), 3600);
	X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate), "CN", MBSTRING_ASC,
				   (const uint8_t *)"recipient", -1, -1, 0);
	X509_set_issuer_name(certificate, X509_get_subject_name(certificate));
	X509_set_pubkey(certificate, key);
	X509_sign(certificate, signer, EVP_sha256());
	EVP_PKEY_free(signer);
	return certificate;
}

static struct message seal(EVP_PKEY *key, const void *bytes, size_t size, const EVP_CIPHER *cipher,
			   int padding, const EVP_MD *hash, int recipients)
{
	CMS_ContentInfo *cms = CMS_encrypt(NULL, NULL, cipher, CMS_PARTIAL | CMS_BINARY);
	X509 *certificate = carrier(key);
	struct message message = { 0 };
	BIO *bio = BIO_new_mem_buf(bytes, (int)size);

	assert_non_null(cms);
	while (recipients--) {
		CMS_RecipientInfo *info = CMS_add1_recipient_cert(cms, certificate, CMS_KEY_PARAM);
		EVP_PKEY_CTX *context = CMS_RecipientInfo_get0_pkey_ctx(info);

		assert_true(EVP_PKEY_CTX_set_rsa_padding(context, padding) > 0);
		if (padding == RSA_PKCS1_OAEP_PADDING) {
			assert_true(EVP_PKEY_CTX_set_rsa_oaep_md(context, hash) > 0);
			assert_true(EVP_PKEY_CTX_set_rsa_mgf1_md(context, hash) > 0);
		}
	}
	assert_int_equal(CMS_final(cms, bio, NULL, CMS_BINARY), 1);
	message.size = i2d_CMS_ContentInfo(cms, &message.der);
	BIO_free(bio);
	X509_free(certificate);
	CMS_ContentInfo_free(cms);
	return message;
}

static struct message seal_well(const void *bytes, size_t size)
{
	return seal(public_key, bytes, size, EVP_aes_256_cbc(), RSA_PKCS1_OAEP_PADDING,
		    EVP_sha256(), 1);
}

static int open_message(const struct message *message, uint8_t *out, size_t capacity, size_t *size,
			struct fault *f)
{
	return recipient_open(private_key->bytes, private_key->size, message->der, message->size,
			      out, capacity, size, f);
}

static void refused(struct message message, const char *reason)
{
	static const uint8_t zeroes[64];
	uint8_t out[64] = { 0 };
	struct fault f = { 0 };
	size_t size;

	if (!open_message(&message, out, sizeof(out), &size, &f))
		fail_msg("opened, expected: %s", reason);
	if (!strstr(f.message, reason))
		fail_msg("expected \"%s\", seen \"%s\"", reason, f.message);
	assert_memory_equal(out, zeroes, sizeof(out));
	OPENSSL_free(message.der);
}

static void a_sealed_message_is_opened(void **state)
{
	static uint8_t large[RECIPIENT_PLAINTEXT_MAX], out[RECIPIENT_PLAINTEXT_MAX];
	static const size_t sizes[] = { 1, 15, 16, 17, 64, 4095, 4096 };
	struct fault f = { 0 };

	memset(large, 0x5a, sizeof(large));
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		struct message message = seal_well(large, sizes[i]);
		size_t size = 0;

		if (open_message(&message, out, sizeof(out), &size, &f))
			fail_msg("%zu bytes: %s", sizes[i], f.message);
		assert_int_equal(size, sizes[i]);
		assert_memory_equal(out, large, size);
		OPENSSL_free(message.der);
	}
}

static void the_public_key_is_a_subject_public_key_info(void **state)
{
	assert_int_equal(EVP_PKEY_get_base_id(public_key), EVP_PKEY_RSA);
	assert_int_equal(EVP_PKEY_get_bits(public_key), 2048);
}

static void weaker_messages_are_refused(void **state)
{
	refused(seal(public_key, data_key, 64, EVP_aes_256_cbc(), RSA_PKCS1_PADDING, NULL, 1),
		"RSAES_OAEP_SHA_256");
	refused(seal(public_key, data_key, 64, EVP_aes_256_cbc(), RSA_PKCS1_OAEP_PADDING,
		     EVP_sha1(), 1),
		"RSAES_OAEP_SHA_256");
	refused(seal(public_key, data_key, 64, EVP_aes_128_cbc(), RSA_PKCS1_OAEP_PADDING,
		     EVP_sha256(), 1),
		"AES-256-CBC");
	refused(seal(public_key, data_key, 64, EVP_des_ede3_cbc(), RSA_PKCS1_OAEP_PADDING,
		     EVP_sha256(), 1),
		"AES-256-CBC");
	refused(seal(public_key, data_key, 64, EVP_aes_256_cbc(), RSA_PKCS1_OAEP_PADDING,
		     EVP_sha256(), 2),
		"one recipient");
}

static void a_message_for_another_recipient_is_refused(void **state)
{
	EVP_PKEY *other = EVP_RSA_gen(2048);

	refused(seal(other, data_key, 64, EVP_aes_256_cbc(), RSA_PKCS1_OAEP_PADDING, EVP_sha256(),
		     1),
		"another recipient");
	EVP_PKEY_free(other);
}

static void too_much_plaintext_is_refused(void **state)
{
	uint8_t more[65] = { 7 };

	refused(seal_well(more, sizeof(more)), "damaged");
}

static void a_message_that_is_not_cms_is_refused(void **state)
{
	struct message message = seal_well(data_key, sizeof(data_key));
	CMS_ContentInfo *data;
	BIO *bio;

	message.size--;
	refused(message, "not CMS");
	refused((struct message){ OPENSSL_zalloc(16), 16 }, "not CMS");

	message = seal_well(data_key, sizeof(data_key));
	message.der = OPENSSL_realloc(message.der, message.size + 1);
	message.der[message.size++] = 0;
	refused(message, "not CMS");

	bio = BIO_new_mem_buf(data_key, sizeof(data_key));
	data = CMS_data_create(bio, CMS_BINARY);
	message.der = NULL;
	message.size = i2d_CMS_ContentInfo(data, &message.der);
	CMS_ContentInfo_free(data);
	BIO_free(bio);
	refused(message, "EnvelopedData");
}

/*
 * One flipped bit anywhere must never crash, and must be detected where the format allows it. CBC
 * has no integrity: flipped bits of the content or the IV change the plaintext.
 * header_verify_key() and the KMS's own authenticated blob detect those.
 */
static void no_flipped_bit_crashes(void **state)
{
	struct message message = seal_well(data_key, sizeof(data_key));
	unsigned int refusals = 0;

	for (size_t i = 0; i < message.size; i++) {
		uint8_t out[64];
		size_t size;

		message.der[i] ^= 1 << (i % 8);
		if (open_message(&message, out, sizeof(out), &size, NULL))
			refusals++;
		message.der[i] ^= 1 << (i % 8);
	}
	/* At least each bit of the wrapped key is detected. */
	assert_true(refusals >= 256);
	OPENSSL_free(message.der);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_sealed_message_is_opened),
		cmocka_unit_test(the_public_key_is_a_subject_public_key_info),
		cmocka_unit_test(weaker_messages_are_refused),
		cmocka_unit_test(a_message_for_another_recipient_is_refused),
		cmocka_unit_test(too_much_plaintext_is_refused),
		cmocka_unit_test(a_message_that_is_not_cms_is_refused),
		cmocka_unit_test(no_flipped_bit_crashes),
	};

	/* For tests/mutations/run: only the test of that name. */
	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, make_keys, drop_keys);
}
