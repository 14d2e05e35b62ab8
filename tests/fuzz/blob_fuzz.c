// SPDX-License-Identifier: MIT
/* sources: kms/keys/blob.c kms/keys/materials.c kms/keys/context.c kms/keys/crypto.c */
/*
 * A ciphertext blob and its encryption context. The input is three lines:
 *
 *	the parameters under which a plaintext is sealed, {"EncryptionContext":{...}}
 *	the parameters under which the blob is opened
 *	what happens to the blob in between: pairs of bytes, a place and what is added to the byte
 *	there by exclusive or; a pair with 0 cuts the blob off at the place
 *
 * The blob opens if, and only if, it is unchanged and both contexts are the same. A fourth line is a blob
 * itself: nobody has sealed it, so it never opens.
 */
#include "fuzz.h"

#include <stdlib.h>
#include <string.h>

#include "kms/keys/blob.h"
#include "kms/keys/crypto.h"
#include "lib/base/json.h"

static const struct cmk cmk = { .key_id = "aaaaaaaa-0000-4000-8000-000000000001" };

static struct secret *filled(size_t size, uint8_t byte)
{
	struct secret *secret = secret_new(size);

	if (!secret)
		abort();
	memset(secret->bytes, byte, size);
	return secret;
}

/* Takes a line of the input. Return: its size; the rest is behind its line feed */
static size_t take_line(const uint8_t **at, size_t *left, const char **line)
{
	const uint8_t *feed = memchr(*at, '\n', *left);
	size_t size = feed ? (size_t)(feed - *at) : *left;

	*line = (const char *)*at;
	*left -= size + (feed ? 1 : 0);
	*at += size + (feed ? 1 : 0);
	return size;
}

/* An absent context is an empty one, as in an SDK. */
static bool same_context(struct json_object *one, struct json_object *other)
{
	struct json_object *a = json_get(one, "EncryptionContext"),
			   *b = json_get(other, "EncryptionContext");

	if (!a || !b)
		return (!a || !json_object_object_length(a)) &&
		       (!b || !json_object_object_length(b));
	return json_object_equal(a, b);
}

static size_t edit(uint8_t *blob, size_t size, const char *edits, size_t count)
{
	for (size_t i = 0; i + 1 < count && size; i += 2) {
		size_t place = (uint8_t)edits[i];

		if (!edits[i + 1])
			size = place < size ? place : size;
		else
			blob[place % size] ^= (uint8_t)edits[i + 1];
	}
	return size;
}

/* Opens a blob. Return: whether it opened */
static bool opens(const struct secret *material, const struct context *context, const uint8_t *blob,
		  size_t size, const struct secret *plain)
{
	struct fault f = { 0 };
	struct secret *seen = blob_open(material, context, blob, size, &f);
	bool opened = seen;

	if (opened)
		fuzz_holds(plain && seen->size == plain->size &&
				   !memcmp(seen->bytes, plain->bytes, seen->size),
			   "what opens is what was sealed");
	else
		fuzz_holds(!strcmp(f.code, "InvalidCiphertextException"),
			   "the fault is InvalidCiphertextException");
	secret_free(seen);
	return opened;
}

static void look_at_key(const uint8_t *blob, size_t size, bool unchanged)
{
	char key_id[KEY_ID_MAX];
	struct fault f = { 0 };
	size_t number;

	if (blob_read_key(blob, size, key_id, &number, &f)) {
		fuzz_holds(!unchanged && *f.code, "a blob names its key");
		return;
	}
	fuzz_holds(strlen(key_id) == strlen(cmk.key_id), "a key id is a UUID");
	fuzz_holds(!unchanged || (!strcmp(key_id, cmk.key_id) && number == 0),
		   "an unchanged blob names the key of the encryption");
}

static bool seal_and_open(const struct context *sealing, const struct context *opening, bool same,
			  const char *edits, size_t count)
{
	_cleanup_secret_ struct secret *material = filled(CRYPTO_KEY_BYTES, 7);
	_cleanup_secret_ struct secret *other = filled(CRYPTO_KEY_BYTES, 8);
	_cleanup_secret_ struct secret *plain = filled(32, 0xa5);
	uint8_t *blob, *edited;
	struct fault f = { 0 };
	size_t size, now;
	bool unchanged, opened;

	if (blob_seal(&cmk, material, sealing, plain, &blob, &size, &f))
		abort();
	edited = malloc(size);
	if (!edited)
		abort();
	memcpy(edited, blob, size);
	now = edit(edited, size, edits, count);
	unchanged = now == size && !memcmp(edited, blob, size);
	look_at_key(edited, now, unchanged);
	opened = opens(material, opening, edited, now, plain);
	fuzz_holds(opened == (unchanged && same),
		   "a blob opens if it is unchanged and has its own context");
	fuzz_holds(!opens(other, opening, edited, now, plain), "another key opens nothing");
	free(blob);
	free(edited);
	return opened;
}

static void open_raw(const struct context *context, const char *blob, size_t size)
{
	_cleanup_secret_ struct secret *material = filled(CRYPTO_KEY_BYTES, 7);

	look_at_key((const uint8_t *)blob, size, false);
	fuzz_holds(!opens(material, context, (const uint8_t *)blob, size, NULL),
		   "what nobody has sealed does not open");
}

bool fuzz_one(const uint8_t *bytes, size_t size)
{
	_cleanup_context_ struct context sealing = { 0 }, opening = { 0 };
	const char *first, *second, *edits, *raw;
	size_t first_size = take_line(&bytes, &size, &first);
	size_t second_size = take_line(&bytes, &size, &second);
	size_t count = take_line(&bytes, &size, &edits);
	size_t raw_size = take_line(&bytes, &size, &raw);
	_cleanup_json_ struct json_object *one = json_parse(first, first_size);
	_cleanup_json_ struct json_object *other = json_parse(second, second_size);
	struct fault f = { 0 };
	bool same;

	if (!one || !other || context_read(one, "EncryptionContext", &sealing, &f) ||
	    context_read(other, "EncryptionContext", &opening, &f))
		return false;
	same = same_context(one, other);
	fuzz_holds(same == (sealing.size == opening.size &&
			    (!sealing.size || !memcmp(sealing.bytes, opening.bytes, sealing.size))),
		   "two contexts have one form if they are the same");
	open_raw(&opening, raw, raw_size);
	return seal_and_open(&sealing, &opening, same, edits, count);
}
