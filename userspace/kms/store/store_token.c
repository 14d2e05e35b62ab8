// SPDX-License-Identifier: MIT
/*
 * Grant tokens. A token is the id of a grant, sealed under a key that the root key and the id of the
 * store make. So the KMS knows its tokens again without keeping them. Each token is another one.
 *
 * A token gives no access: a grant counts from its change on, with and without its token.
 *
 * Must never take a token that this store did not make.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "kms/store/store.h"
#include "kms/store/store_row.h"
#include "lib/base/base64.h"
#include "lib/base/hex.h"

#define ID_BYTES    (GRANT_ID_CHARS / 2)
#define TOKEN_BYTES (ID_BYTES + CRYPTO_SEAL_BYTES)

static struct secret *token_key(const struct store *store)
{
	struct crypto_bytes salt = { (const uint8_t *)store->id, strlen(store->id) };

	return crypto_derive(store->root, salt, "dm-envelope kms grant tokens");
}

/** store_make_token() - a new token of a grant; Return: malloc'd, or NULL */
char *store_make_token(const struct store *store, const char *grant_id)
{
	_cleanup_secret_ struct secret *key = token_key(store);
	struct crypto_bytes none = { 0 };
	uint8_t token[TOKEN_BYTES];
	struct crypto_bytes id = { token, ID_BYTES };

	if (!key || hex_decode(grant_id, token, ID_BYTES) ||
	    crypto_seal(key, id, none, token + ID_BYTES))
		return NULL;
	return base64_encode(token, sizeof(token));
}

/* Return: 0, 1 if the store did not make the token, or -1 when nothing could be checked */
static int open_token(const struct store *store, const uint8_t *token, size_t size)
{
	_cleanup_secret_ struct secret *key = NULL;
	struct crypto_bytes id = { token, ID_BYTES };
	struct crypto_bytes seal = { token + ID_BYTES, CRYPTO_SEAL_BYTES };
	int r;

	if (size != TOKEN_BYTES)
		return 1;
	key = token_key(store);
	if (!key)
		return -1;
	r = crypto_open(key, id, seal, NULL);
	return r == -EBADMSG ? 1 : r ? -1 : 0;
}

/**
 * store_read_token() - check a grant token
 * @grant_id: set to that of its grant, which may be gone
 * @f: InvalidGrantTokenException; KMSInternalException
 *
 * Return: 0 or -1.
 */
int store_read_token(const struct store *store, const char *token,
		     char grant_id[GRANT_ID_CHARS + 1], struct fault *f)
{
	uint8_t *bytes = NULL;
	size_t size = 0;
	char *hex = NULL;
	int r = base64_decode(token, &bytes, &size) ? 1 : open_token(store, bytes, size);

	if (!r) {
		hex = hex_encode(bytes, ID_BYTES);
		r = hex ? 0 : -1;
	}
	if (!r)
		strcpy(grant_id, hex);
	free(hex);
	free(bytes);
	if (!r)
		return 0;
	return r > 0 ? fault_set(f, "InvalidGrantTokenException",
				 "The grant token is not one that this KMS has made.")
		     : fault_set(f, "KMSInternalException",
				 "Grant tokens cannot be checked. Raise LimitMEMLOCK, and try again.");
}
