/* SPDX-License-Identifier: MIT */
/*
 * The proof of the embedded KMS that an answer comes from its key store: a signature with a key that
 * only that store has, over a nonce of the client, the question and the answer. Without the question, a
 * server in between could send the nonce with a question of its own, and pass on the proved answer.
 *
 * The header of the answer is "ID CHANGE KEY SIGNATURE": the id of the store, the number of the
 * last change
 * of its keys, then both in base64. An older KMS sends no number.
 */
#ifndef ENVELOPE_KMS_PROOF_H
#define ENVELOPE_KMS_PROOF_H

#include <stddef.h>
#include <stdint.h>

/** KMS_NONCE_HEADER - of a request: 32 hexadecimal digits, and a wish for a proof */
#define KMS_NONCE_HEADER     "X-Envelope-Nonce"
#define KMS_NONCE_MAX	     33
#define KMS_PROOF_MAX	     192 /* bytes of the header's value, with its end */
#define KMS_PROOF_SEED_BYTES 32	 /* of an Ed25519 key */

/**
 * struct kms_answer - what is proved
 * @id: of the key store, a UUID
 * @change: number of the last change of its keys; 0 when an older KMS sends none
 * @nonce: of the request
 * @operation: of the request, "Decrypt"
 * @access_key: that signed the request
 * @request, @request_size: its body
 * @status: of HTTP
 * @body, @size: the answer
 */
struct kms_answer {
	const char *id;
	int64_t change;
	const char *nonce;
	const char *operation;
	const char *access_key;
	const void *request;
	size_t request_size;
	unsigned int status;
	const void *body;
	size_t size;
};

int kms_proof_nonce(char nonce[KMS_NONCE_MAX]);
int kms_proof_make(const struct kms_answer *answer, const uint8_t seed[KMS_PROOF_SEED_BYTES],
		   char proof[KMS_PROOF_MAX]);
int kms_proof_check(const struct kms_answer *answer, const char *proof, char *id, size_t size,
		    int64_t *change);

#endif
