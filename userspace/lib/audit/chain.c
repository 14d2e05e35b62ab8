// SPDX-License-Identifier: MIT
/* See chain.h. */
#include "lib/audit/chain.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>

#include "lib/base/hex.h"

#define HEX_CHARS (2 * CHAIN_TAG_BYTES)
#define MEMBER	  ",\"chain\":{\"sequence\":"
#define PREVIOUS  ",\"previous\":\""
#define TORN	  ",\"torn\":"
#define LOST	  ",\"lost\":"
#define TAG	  ",\"tag\":\""
#define END	  "\"}}"

/* Of the member in front of TAG, with the largest numbers. */
#define MEMBER_MAX 200
#define TAIL_CHARS (sizeof(TAG) - 1 + HEX_CHARS + sizeof(END) - 1)

struct chain_key {
	EVP_MAC_CTX *mac;
};

/** chain_key_new() - for chain_key_free(); NULL without memory, or without HMAC-SHA256 */
struct chain_key *chain_key_new(const struct secret *secret)
{
	OSSL_PARAM params[] = {
		OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, (char *)"SHA256", 0),
		OSSL_PARAM_construct_end(),
	};
	struct chain_key *key = calloc(1, sizeof(*key));
	EVP_MAC *mac = EVP_MAC_fetch(NULL, "HMAC", NULL);

	if (key && mac)
		key->mac = EVP_MAC_CTX_new(mac);
	EVP_MAC_free(mac);
	if (key && key->mac && EVP_MAC_init(key->mac, secret->bytes, secret->size, params) == 1)
		return key;
	chain_key_free(key);
	return NULL;
}

/** chain_key_free() - NULL is fine */
void chain_key_free(struct chain_key *key)
{
	if (key)
		EVP_MAC_CTX_free(key->mac);
	free(key);
}

/** chain_tag() - of @size bytes, which are no line of a chain; Return: 0 or -1 */
int chain_tag(struct chain_key *key, const void *text, size_t size, uint8_t tag[CHAIN_TAG_BYTES])
{
	uint8_t whole[EVP_MAX_MD_SIZE];
	size_t n;

	if (EVP_MAC_init(key->mac, NULL, 0, NULL) != 1 ||
	    EVP_MAC_update(key->mac, text, size) != 1 ||
	    EVP_MAC_final(key->mac, whole, &n, sizeof(whole)) != 1)
		return -1;
	memcpy(tag, whole, CHAIN_TAG_BYTES);
	return 0;
}

/** chain_tag_fits() - is @tag that of @size bytes? */
bool chain_tag_fits(struct chain_key *key, const void *text, size_t size,
		    const uint8_t tag[CHAIN_TAG_BYTES])
{
	uint8_t own[CHAIN_TAG_BYTES];

	return !chain_tag(key, text, size, own) && !CRYPTO_memcmp(own, tag, sizeof(own));
}

static char *put_hex(char *at, const uint8_t tag[CHAIN_TAG_BYTES])
{
	static const char digits[] = "0123456789abcdef";

	for (size_t i = 0; i < CHAIN_TAG_BYTES; i++) {
		*at++ = digits[tag[i] >> 4];
		*at++ = digits[tag[i] & 15];
	}
	return at;
}

/* The member up to the tag, in place of the record's last brace. Return: its end */
static char *put_member(char *at, const struct chain_link *link)
{
	at += sprintf(at, MEMBER "%" PRId64 PREVIOUS, link->sequence);
	at = put_hex(at, link->previous);
	*at++ = '"';
	if (link->torn)
		at += sprintf(at, TORN "%" PRId64, link->torn);
	if (link->lost)
		at += sprintf(at, LOST "%" PRId64, link->lost);
	return at;
}

/**
 * chain_make() - the line of a record
 * @record: a JSON object with a member, as text
 * @size: of @record; set to that of the line
 * @link: its @tag and @record are set, its other members are taken
 *
 * Return: malloc'd, or NULL.
 */
char *chain_make(struct chain_key *key, const char *record, size_t *size, struct chain_link *link)
{
	char *line = *size > 1 ? malloc(*size + MEMBER_MAX + TAIL_CHARS) : NULL, *at;

	if (!line)
		return NULL;
	link->record = *size - 1;
	memcpy(line, record, link->record);
	at = put_member(line + link->record, link);
	if (chain_tag(key, line, (size_t)(at - line), link->tag)) {
		free(line);
		return NULL;
	}
	at = stpcpy(at, TAG);
	at = stpcpy(put_hex(at, link->tag), END);
	*size = (size_t)(at - line);
	return line;
}

/* Takes @word at @at. Return: behind it, or NULL */
static const char *skip(const char *at, const char *word)
{
	size_t size = strlen(word);

	return at && !strncmp(at, word, size) ? at + size : NULL;
}

static const char *take_number(const char *at, int64_t *number)
{
	int64_t n = 0;
	int digits = 0;

	while (at && at[digits] >= '0' && at[digits] <= '9' && digits < 18)
		n = n * 10 + (at[digits++] - '0');
	*number = n;
	return digits && n > 0 ? at + digits : NULL;
}

static const char *take_tag(const char *at, uint8_t tag[CHAIN_TAG_BYTES])
{
	char text[HEX_CHARS + 1];

	if (!at || strnlen(at, HEX_CHARS) < HEX_CHARS)
		return NULL;
	memcpy(text, at, HEX_CHARS);
	text[HEX_CHARS] = '\0';
	return hex_decode(text, tag, CHAIN_TAG_BYTES) ? NULL : at + HEX_CHARS;
}

/* Reads the member, which is the whole of @text. Return: 0 or -1 */
static int take_member(const char *text, struct chain_link *link)
{
	const char *at = take_number(skip(text, MEMBER), &link->sequence), *next;

	at = skip(take_tag(skip(at, PREVIOUS), link->previous), "\"");
	next = skip(at, TORN);
	if (next)
		at = take_number(next, &link->torn);
	next = skip(at, LOST);
	if (next)
		at = take_number(next, &link->lost);
	at = skip(take_tag(skip(at, TAG), link->tag), END);
	return at && !*at ? 0 : -1;
}

/* The last member of that name: a client may have put another one into its parameters. */
static const char *find_member(const char *line, size_t size)
{
	size_t most = MEMBER_MAX + TAIL_CHARS;
	const char *at = size > most ? line + size - most : line, *end = line + size, *found = NULL;

	while ((at = memmem(at, (size_t)(end - at), MEMBER, sizeof(MEMBER) - 1)))
		found = at++;
	return found;
}

/**
 * chain_parse() - the place that a line claims to have
 * @line: @size bytes, without the line feed
 *
 * Return: 0, or -1 if the line has no place in a chain.
 */
int chain_parse(const char *line, size_t size, struct chain_link *link)
{
	char tail[MEMBER_MAX + TAIL_CHARS + 1];
	const char *member;

	memset(link, 0, sizeof(*link));
	if (size < TAIL_CHARS || line[size - 1] != '}')
		return -1;
	member = find_member(line, size);
	if (!member)
		return -1;
	link->record = (size_t)(member - line);
	memcpy(tail, member, size - link->record);
	tail[size - link->record] = '\0';
	return strlen(tail) == size - link->record ? take_member(tail, link) : -1;
}

/** chain_fits() - does the tag of a line fit? @link: by chain_parse() */
bool chain_fits(struct chain_key *key, const char *line, size_t size, const struct chain_link *link)
{
	return chain_tag_fits(key, line, size - TAIL_CHARS, link->tag);
}

/** chain_read() - chain_parse() and chain_fits() */
bool chain_read(struct chain_key *key, const char *line, size_t size, struct chain_link *link)
{
	return !chain_parse(line, size, link) && chain_fits(key, line, size, link);
}

/** chain_begins() - is it the first record of a chain? */
bool chain_begins(const struct chain_link *link)
{
	static const uint8_t none[CHAIN_TAG_BYTES];

	return !memcmp(link->previous, none, sizeof(none));
}
