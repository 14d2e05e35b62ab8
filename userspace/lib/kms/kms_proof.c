// SPDX-License-Identifier: MIT
/*
 * Makes and checks the proof of a key store. The client knows a store by the hash of its public key, so
 * a server that repeats the id of another store proves nothing. See kms_proof.h.
 */

#include "lib/kms/kms_proof.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>
#include <openssl/rand.h>
#include <openssl/sha.h>

#include "lib/base/base64.h"
#include "lib/base/hex.h"

#define KEY_BYTES	32
#define SIGNATURE_BYTES 64
#define HASH_BYTES	16 /* of the public key, as the client keeps it */
#define TEXT_MAX	288

/** kms_proof_nonce() - a new nonce; 0 or -1 */
int kms_proof_nonce(char nonce[KMS_NONCE_MAX])
{
	uint8_t random[(KMS_NONCE_MAX - 1) / 2];
	char *text;

	nonce[0] = 0;
	if (RAND_bytes(random, sizeof(random)) != 1)
		return -1;
	text = hex_encode(random, sizeof(random));
	if (!text)
		return -1;
	strcpy(nonce, text);
	free(text);
	return 0;
}

static bool is_token(const char *text, size_t max)
{
	size_t length = strlen(text);

	if (!length || length > max)
		return false;
	while (*text && (isalnum((unsigned char)*text) || *text == '-'))
		text++;
	return !*text;
}

/* One hash of what was asked, and by whom. Return: 0 or -1. */
static int hash_question(const struct kms_answer *a, uint8_t digest[SHA256_DIGEST_LENGTH])
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	/* A word with a line break could take the place of two words. */
	bool ok = ctx && is_token(a->operation, 64) && !strchr(a->access_key, '\n') &&
		  EVP_DigestInit_ex(ctx, EVP_sha256(), NULL) == 1 &&
		  EVP_DigestUpdate(ctx, a->operation, strlen(a->operation)) == 1 &&
		  EVP_DigestUpdate(ctx, "\n", 1) == 1 &&
		  EVP_DigestUpdate(ctx, a->access_key, strlen(a->access_key)) == 1 &&
		  EVP_DigestUpdate(ctx, "\n", 1) == 1 &&
		  EVP_DigestUpdate(ctx, a->request, a->request_size) == 1 &&
		  EVP_DigestFinal_ex(ctx, digest, NULL) == 1;

	EVP_MD_CTX_free(ctx);
	return ok ? 0 : -1;
}

/* The text that is signed, with a hash of each body, which may hold a plaintext. Return: 0 or -1. */
static int signed_text(const struct kms_answer *a, char text[TEXT_MAX])
{
	uint8_t asked[SHA256_DIGEST_LENGTH], answered[SHA256_DIGEST_LENGTH];
	char *question = NULL, *body = NULL, change[32] = "2";
	int r = -1;

	if (a->change)
		snprintf(change, sizeof(change), "3\n%" PRId64, a->change);
	if (!is_token(a->id, 36) || !is_token(a->nonce, KMS_NONCE_MAX - 1) ||
	    hash_question(a, asked) || !SHA256(a->body, a->size, answered))
		return -1;
	question = hex_encode(asked, sizeof(asked));
	body = hex_encode(answered, sizeof(answered));
	if (question && body) {
		snprintf(text, TEXT_MAX, "dm-envelope kms answer %s\n%s\n%s\n%s\n%u\n%s\n", change,
			 a->id, a->nonce, question, a->status, body);
		r = 0;
	}
	free(question);
	free(body);
	return r;
}

static int sign(EVP_PKEY *key, const char *text, uint8_t signature[SIGNATURE_BYTES])
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	size_t size = SIGNATURE_BYTES;
	bool ok = ctx && EVP_DigestSignInit(ctx, NULL, NULL, NULL, key) == 1 &&
		  EVP_DigestSign(ctx, signature, &size, (const uint8_t *)text, strlen(text)) == 1;

	EVP_MD_CTX_free(ctx);
	return ok ? 0 : -1;
}

/**
 * kms_proof_make() - the proof of an answer
 * @seed: of the store's key; only the store has it
 *
 * Return: 0, or -1 when the nonce is no nonce or there is no memory.
 */
int kms_proof_make(const struct kms_answer *answer, const uint8_t seed[KMS_PROOF_SEED_BYTES],
		   char proof[KMS_PROOF_MAX])
{
	EVP_PKEY *key = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, seed,
						     KMS_PROOF_SEED_BYTES);
	uint8_t public[KEY_BYTES], signature[SIGNATURE_BYTES];
	char *key_text = NULL, *signature_text = NULL;
	size_t size = sizeof(public);
	char text[TEXT_MAX], change[32] = "";
	int r = -1;

	if (answer->change)
		snprintf(change, sizeof(change), " %" PRId64, answer->change);
	if (key && EVP_PKEY_get_raw_public_key(key, public, &size) == 1 &&
	    signed_text(answer, text) == 0 && sign(key, text, signature) == 0) {
		key_text = base64_encode(public, sizeof(public));
		signature_text = base64_encode(signature, sizeof(signature));
	}
	if (key_text && signature_text) {
		snprintf(proof, KMS_PROOF_MAX, "%s%s %s %s", answer->id, change, key_text,
			 signature_text);
		r = 0;
	}
	free(key_text);
	free(signature_text);
	EVP_PKEY_free(key);
	return r;
}

/* Decodes a word of exactly @size bytes. */
static int decode(const char *word, uint8_t *bytes, size_t size)
{
	uint8_t *decoded;
	size_t found;
	int r = -1;

	if (base64_decode(word, &decoded, &found))
		return -1;
	if (found == size) {
		memcpy(bytes, decoded, size);
		r = 0;
	}
	free(decoded);
	return r;
}

static bool verifies(const uint8_t public[KEY_BYTES], const char *text,
		     const uint8_t signature[SIGNATURE_BYTES])
{
	EVP_PKEY *key = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, public, KEY_BYTES);
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	bool ok = key && ctx && EVP_DigestVerifyInit(ctx, NULL, NULL, NULL, key) == 1 &&
		  EVP_DigestVerify(ctx, signature, SIGNATURE_BYTES, (const uint8_t *)text,
				   strlen(text)) == 1;

	EVP_MD_CTX_free(ctx);
	EVP_PKEY_free(key);
	return ok;
}

/* The words of a proof, with a number or without. Return: 0 or -1. */
static int read_words(const char *proof, char store[37], int64_t *change, char key[64],
		      char signature[128])
{
	if (sscanf(proof, "%36s %" SCNd64 " %63s %127s", store, change, key, signature) == 4)
		return *change > 0 ? 0 : -1;
	*change = 0;
	return sscanf(proof, "%36s %63s %127s", store, key, signature) == 3 ? 0 : -1;
}

/**
 * kms_proof_check() - what the proof of an answer proves
 * @answer: its @id and its @change are not read
 * @proof: the value of the answer's header
 * @id: @size bytes; filled with the store's id, a space and the hash of its public key
 * @change: filled; 0 for none
 *
 * Return: 0, or -1 when it proves nothing.
 */
int kms_proof_check(const struct kms_answer *answer, const char *proof, char *id, size_t size,
		    int64_t *change)
{
	uint8_t public[KEY_BYTES], signature[SIGNATURE_BYTES], digest[SHA256_DIGEST_LENGTH];
	char store[37], key_text[64], signature_text[128], text[TEXT_MAX], *hash;
	struct kms_answer claimed = *answer;

	if (read_words(proof, store, &claimed.change, key_text, signature_text))
		return -1;
	claimed.id = store;
	if (signed_text(&claimed, text) || decode(key_text, public, sizeof(public)) ||
	    decode(signature_text, signature, sizeof(signature)) ||
	    !verifies(public, text, signature))
		return -1;
	SHA256(public, sizeof(public), digest);
	hash = hex_encode(digest, HASH_BYTES);
	if (!hash)
		return -1;
	snprintf(id, size, "%s %s", store, hash);
	*change = claimed.change;
	free(hash);
	return 0;
}
