// SPDX-License-Identifier: MIT
/* sources: kms/keys/blob.c kms/keys/materials.c kms/keys/context.c kms/keys/crypto.c */
/*
 * The faults of opening a ciphertext blob. InvalidCiphertextException ends a cluster for good. A
 * KMS that could not try to open the blob must therefore return another fault. Each test makes an
 * allocation of locked memory fail, or takes the algorithms from OpenSSL.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <openssl/evp.h>

#include "kms/keys/blob.h"
#include "kms/keys/crypto.h"

#define INVALID	 "InvalidCiphertextException"
#define INTERNAL "KMSInternalException"
#define NOBODY	 65534

static const struct cmk cmk = { .key_id = "aaaaaaaa-0000-4000-8000-000000000001" };
static const struct context right = { (uint8_t *)"right", 5 };
static const struct context wrong = { (uint8_t *)"wrong", 5 };

static struct secret *material;
static uint8_t *blob;
static size_t blob_size;

static int set_up(void **state)
{
	_cleanup_secret_ struct secret *plain = secret_new(32);
	struct fault f;

	material = secret_new(CRYPTO_KEY_BYTES);
	if (!material || !plain || crypto_random(material->bytes, material->size))
		return -1;
	memset(plain->bytes, 0xa5, plain->size);
	return blob_seal(&cmk, material, &right, plain, &blob, &blob_size, &f);
}

static int tear_down(void **state)
{
	secret_free(material);
	free(blob);
	return 0;
}

/* The fault code of opening the blob, "" when it opens. */
static const char *open_fault(const struct context *context, const uint8_t *bytes, size_t size)
{
	static struct fault f;
	struct secret *plain;

	memset(&f, 0, sizeof(f));
	plain = blob_open(material, context, bytes, size, &f);
	if (plain && (plain->size != 32 || plain->bytes[0] != 0xa5 || *f.code))
		return "wrong plaintext";
	secret_free(plain);
	return f.code;
}

static void only_what_was_sealed_opens(void **state)
{
	assert_string_equal(open_fault(&right, blob, blob_size), "");
	assert_string_equal(open_fault(&wrong, blob, blob_size), INVALID);
	for (size_t size = 0; size < blob_size; size++)
		assert_string_equal(open_fault(&right, blob, size), INVALID);
	for (size_t i = 0; i < blob_size; i++) {
		blob[i] ^= 1;
		assert_string_equal(open_fault(&right, blob, blob_size), INVALID);
		blob[i] ^= 1;
	}
}

/*
 * Opens the blob in a child process that may lock the page of the key material and @pages more
 * pages. Returns 0 if the right and the wrong context give the faults @right and @wrong.
 */
static int with_pages(unsigned int pages, const char *for_right, const char *for_wrong)
{
	const rlim_t size = (pages + 1) * (rlim_t)sysconf(_SC_PAGESIZE);
	const struct rlimit limit = { size, size };
	uint8_t key[CRYPTO_KEY_BYTES];
	int status;
	pid_t pid;

	memcpy(key, material->bytes, sizeof(key)); /* the secret itself is wiped in a child */
	pid = fork();
	if (pid == 0) {
		/* root may lock without a limit */
		if (setrlimit(RLIMIT_MEMLOCK, &limit) ||
		    (geteuid() == 0 && setresuid(NOBODY, NOBODY, NOBODY)))
			_exit(2);
		material = secret_new(sizeof(key));
		if (!material)
			_exit(3);
		memcpy(material->bytes, key, sizeof(key));
		if (strcmp(open_fault(&right, blob, blob_size), for_right))
			_exit(4);
		if (strcmp(open_fault(&wrong, blob, blob_size), for_wrong))
			_exit(5);
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void no_locked_memory_is_not_an_invalid_ciphertext(void **state)
{
	assert_int_equal(with_pages(0, INTERNAL, INTERNAL), 0); /* no page for the derived key */
	assert_int_equal(with_pages(1, INTERNAL, INTERNAL), 0); /* none for the plaintext */
	assert_int_equal(with_pages(2, "", INVALID), 0);	/* control: enough */
}

static void no_algorithm_is_not_an_invalid_ciphertext(void **state)
{
	_cleanup_secret_ struct secret *key = secret_new(CRYPTO_KEY_BYTES);
	uint8_t sealed[CRYPTO_SEAL_BYTES + 1], out[1];
	struct crypto_bytes none = { NULL, 0 }, all = { sealed, sizeof(sealed) };
	int cannot;

	assert_int_equal(crypto_seal(key, none, (struct crypto_bytes){ out, 1 }, sealed), 0);

	assert_int_equal(EVP_set_default_properties(NULL, "provider=nobody"), 1);
	cannot = crypto_open(key, none, all, out);
	assert_string_equal(open_fault(&right, blob, blob_size), INTERNAL);
	assert_string_equal(open_fault(&wrong, blob, blob_size), INTERNAL);
	assert_int_equal(EVP_set_default_properties(NULL, ""), 1);

	assert_true(cannot < 0 && cannot != -EBADMSG);
	assert_int_equal(crypto_open(key, none, all, out), 0);
	sealed[CRYPTO_NONCE_BYTES] ^= 1;
	assert_int_equal(crypto_open(key, none, all, out), -EBADMSG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(only_what_was_sealed_opens),
		cmocka_unit_test(no_locked_memory_is_not_an_invalid_ciphertext),
		cmocka_unit_test(no_algorithm_is_not_an_invalid_ciphertext),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("blob", tests, set_up, tear_down);
}
