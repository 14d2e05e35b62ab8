// SPDX-License-Identifier: MIT
/*
 * A key store proves its id: a proof holds for one answer to one request, and an id with the key of
 * another store is another one.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "lib/kms/kms_client.h"
#include "lib/kms/kms_proof.h"

#define ID    "5b1fa0e4-1f4a-4f0d-9a53-6e0c8f6c4c11"
#define OTHER "6c2fb1f5-1f4a-4f0d-9a53-6e0c8f6c4c11"
#define NONCE "00112233445566778899aabbccddeeff"

static const uint8_t seed[KMS_PROOF_SEED_BYTES] = { 1, 2, 3 };
static const uint8_t other_seed[KMS_PROOF_SEED_BYTES] = { 3, 2, 1 };
static const char body[] = "{\"__type\":\"NotFoundException\"}";

static const char request[] = "{\"KeyId\":\"a\"}";

static const struct kms_answer answer = {
	.id = ID,
	.change = 41,
	.nonce = NONCE,
	.operation = "Decrypt",
	.access_key = "AKIDENVELOPED",
	.request = request,
	.request_size = sizeof(request) - 1,
	.status = 400,
	.body = body,
	.size = sizeof(body) - 1,
};

static char proof[KMS_PROOF_MAX];

static int make(void **state)
{
	return kms_proof_make(&answer, seed, proof);
}

static void a_proof_gives_the_id_and_the_hash_of_the_key(void **state)
{
	char id[KMS_ID_MAX], again[KMS_ID_MAX], other[KMS_ID_MAX], nonce[KMS_NONCE_MAX];
	struct kms_answer next = answer;
	int64_t change = 0;

	assert_int_equal(kms_proof_check(&answer, proof, id, sizeof(id), &change), 0);
	assert_int_equal(strncmp(id, ID " ", 37), 0);
	assert_int_equal(strspn(id + 37, "0123456789abcdef"), 32);
	/* The same store, another answer. */
	assert_int_equal(kms_proof_nonce(nonce), 0);
	next.nonce = nonce;
	next.status = 200;
	next.body = "";
	next.size = 0;
	assert_int_equal(kms_proof_make(&next, seed, proof), 0);
	assert_int_equal(kms_proof_check(&next, proof, again, sizeof(again), &change), 0);
	assert_string_equal(id, again);
	/* Another store that takes the same id. */
	assert_int_equal(kms_proof_make(&next, other_seed, proof), 0);
	assert_int_equal(kms_proof_check(&next, proof, other, sizeof(other), &change), 0);
	assert_string_not_equal(id, other);
}

static void refuse(const struct kms_answer *a, const char *text, const char *why)
{
	char id[KMS_ID_MAX] = "";
	int64_t change = 0;

	if (kms_proof_check(a, text, id, sizeof(id), &change) == 0)
		fail_msg("%s is taken for a proof of %s", why, id);
	assert_string_equal(id, "");
	assert_int_equal(change, 0);
}

static void a_proof_is_of_one_answer(void **state)
{
	struct kms_answer a = answer;

	a.nonce = "ffeeddccbbaa99887766554433221100";
	refuse(&a, proof, "an answer to another request");
	a = answer;
	a.status = 200;
	refuse(&a, proof, "another status");
	a = answer;
	a.body = "{\"__type\":\"DisabledException\"}";
	refuse(&a, proof, "another body");
	a = answer;
	a.size--;
	refuse(&a, proof, "a shorter body");
	a = answer;
	a.nonce = "";
	refuse(&a, proof, "an answer to no nonce");
}

/* A server in between may know credentials of its own, and asks what it likes with the nonce. */
static void a_proof_is_of_one_question(void **state)
{
	struct kms_answer a = answer;

	a.operation = "DescribeKey";
	refuse(&a, proof, "an answer to another operation");
	a = answer;
	a.access_key = "AKIDSTRANGER";
	refuse(&a, proof, "an answer to another caller");
	a = answer;
	a.request = "{\"KeyId\":\"b\"}";
	refuse(&a, proof, "an answer about another key");
	a = answer;
	a.operation = "Decrypt\nAKID";
	refuse(&a, proof, "an answer to an operation with a line break");
	assert_int_equal(kms_proof_make(&a, seed, proof), -1);
}

static void a_changed_proof_proves_nothing(void **state)
{
	char text[KMS_PROOF_MAX], key[48], signature[92];

	assert_int_equal(sscanf(proof, "%*s 41 %47s %91s", key, signature), 2);
	refuse(&answer, "", "nothing");
	refuse(&answer, ID, "an id alone");
	snprintf(text, sizeof(text), OTHER " 41 %s %s", key, signature);
	refuse(&answer, text, "another id");
	snprintf(text, sizeof(text), ID " 41 %s %s", key, key);
	refuse(&answer, text, "a short signature");
	snprintf(text, sizeof(text), ID " 41 %s ?", key);
	refuse(&answer, text, "no base64");
	signature[5] = signature[5] == 'A' ? 'B' : 'A';
	snprintf(text, sizeof(text), ID " 41 %s %s", key, signature);
	refuse(&answer, text, "another signature");
}

/* An older copy must not pass for the present store, nor for a KMS without a number. */
static void a_proof_is_of_one_change(void **state)
{
	char id[KMS_ID_MAX], older[KMS_ID_MAX], text[KMS_PROOF_MAX], key[48], signature[92];
	struct kms_answer a = answer;
	int64_t change;

	assert_int_equal(kms_proof_check(&answer, proof, id, sizeof(id), &change), 0);
	assert_int_equal(change, 41);
	assert_int_equal(sscanf(proof, "%*s 41 %47s %91s", key, signature), 2);
	snprintf(text, sizeof(text), ID " 42 %s %s", key, signature);
	refuse(&answer, text, "a later change");
	snprintf(text, sizeof(text), ID " 0 %s %s", key, signature);
	refuse(&answer, text, "change 0");
	snprintf(text, sizeof(text), ID " %s %s", key, signature);
	refuse(&answer, text, "no change");
	a.change = INT64_MAX;
	assert_int_equal(kms_proof_make(&a, seed, proof), 0);
	assert_int_equal(kms_proof_check(&answer, proof, older, sizeof(older), &change), 0);
	assert_true(change == INT64_MAX);
	assert_string_equal(id, older);
	/* An older KMS. */
	a.change = 0;
	assert_int_equal(kms_proof_make(&a, seed, proof), 0);
	assert_int_equal(kms_proof_check(&answer, proof, older, sizeof(older), &change), 0);
	assert_int_equal(change, 0);
	assert_string_equal(id, older);
}

static void nothing_is_signed_but_a_nonce(void **state)
{
	static const char *const nonces[] = { "", "a b", "a\nb",
					      "0123456789012345678901234567890123" };
	struct kms_answer a = answer;

	for (size_t i = 0; i < sizeof(nonces) / sizeof(*nonces); i++) {
		a.nonce = nonces[i];
		assert_int_equal(kms_proof_make(&a, seed, proof), -1);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(a_proof_gives_the_id_and_the_hash_of_the_key, make),
		cmocka_unit_test_setup(a_proof_is_of_one_answer, make),
		cmocka_unit_test_setup(a_proof_is_of_one_question, make),
		cmocka_unit_test_setup(a_changed_proof_proves_nothing, make),
		cmocka_unit_test_setup(a_proof_is_of_one_change, make),
		cmocka_unit_test_setup(nothing_is_signed_but_a_nonce, make),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
