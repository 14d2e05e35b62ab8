// SPDX-License-Identifier: MIT
/*
 * Parsing and writing of KMS key identifiers.
 *
 * Must never guess: a text that is not exactly one of the four forms is refused.
 */

#include "lib/base/arn.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#define ALIAS_MAX 256 /* with its "alias/" */

static bool all_of(const char *text, size_t size, const char *also)
{
	size_t i;

	for (i = 0; i < size; i++)
		if (!isalnum((unsigned char)text[i]) && !strchr(also, text[i]))
			return false;
	return true;
}

static bool is_hex(const char *text, size_t size)
{
	return strspn(text, "0123456789abcdef") >= size;
}

/** arn_valid_account() - true for 12 digits */
bool arn_valid_account(const char *account)
{
	return strlen(account) == 12 && strspn(account, "0123456789") == 12;
}

/** arn_valid_region() - true for names such as us-east-1 */
bool arn_valid_region(const char *region)
{
	size_t size = strlen(region);
	size_t i;

	if (size < 3 || size > 31 || !islower((unsigned char)region[0]) || region[size - 1] == '-')
		return false;
	for (i = 0; i < size; i++)
		if (!islower((unsigned char)region[i]) && !isdigit((unsigned char)region[i]) &&
		    region[i] != '-')
			return false;
	return true;
}

/** arn_valid_alias() - true for alias/NAME with the characters and length AWS allows */
bool arn_valid_alias(const char *alias)
{
	size_t size = strlen(alias);

	return !strncmp(alias, "alias/", 6) && size > 6 && size <= ALIAS_MAX &&
	       all_of(alias + 6, size - 6, "/_-");
}

/** arn_valid_key_id() - true for a UUID in lower case or a multi-region "mrk-" id */
bool arn_valid_key_id(const char *id)
{
	if (!strncmp(id, "mrk-", 4))
		return strlen(id) == 36 && is_hex(id + 4, 32);
	return strlen(id) == 36 && is_hex(id, 8) && id[8] == '-' && is_hex(id + 9, 4) &&
	       id[13] == '-' && is_hex(id + 14, 4) && id[18] == '-' && is_hex(id + 19, 4) &&
	       id[23] == '-' && is_hex(id + 24, 12);
}

/** key_ref_is_alias() - true for both alias forms */
bool key_ref_is_alias(const struct key_ref *ref)
{
	return ref->kind == KEY_REF_ALIAS || ref->kind == KEY_REF_ALIAS_ARN;
}

/**
 * arn_format_key() - write the ARN of a key or alias
 * @arn: destination of ARN_MAX bytes
 * @name: "alias/..." or a key id
 */
void arn_format_key(char arn[ARN_MAX], const char *partition, const char *region,
		    const char *account, const char *name)
{
	snprintf(arn, ARN_MAX, "arn:%s:kms:%s:%s:%s%s", partition, region, account,
		 !strncmp(name, "alias/", 6) ? "" : "key/", name);
}

/** arn_format_user() - write the ARN of the IAM user @name */
void arn_format_user(char arn[USER_ARN_MAX], const char *account, const char *name)
{
	snprintf(arn, USER_ARN_MAX, "arn:aws:iam::%s:user/%s", account, name);
}

/* Copies the text up to ':' and moves *text past it; false when it is empty or too long. */
static bool take_field(const char **text, char *field, size_t size)
{
	const char *end = strchr(*text, ':');

	if (!end || end == *text || (size_t)(end - *text) >= size)
		return false;
	memcpy(field, *text, (size_t)(end - *text));
	field[end - *text] = '\0';
	*text = end + 1;
	return true;
}

static bool parse_resource(const char *text, struct key_ref *ref)
{
	if (!strncmp(text, "key/", 4) && arn_valid_key_id(text + 4)) {
		ref->kind = KEY_REF_ARN;
		text += 4;
	} else if (arn_valid_alias(text)) {
		ref->kind = KEY_REF_ALIAS_ARN;
	} else {
		return false;
	}
	snprintf(ref->name, sizeof(ref->name), "%s", text);
	return true;
}

static bool parse_arn(const char *text, struct key_ref *ref)
{
	char word[8];

	return take_field(&text, word, sizeof(word)) && !strcmp(word, "arn") &&
	       take_field(&text, ref->partition, sizeof(ref->partition)) &&
	       !strncmp(ref->partition, "aws", 3) &&
	       all_of(ref->partition, strlen(ref->partition), "-") &&
	       take_field(&text, word, sizeof(word)) && !strcmp(word, "kms") &&
	       take_field(&text, ref->region, sizeof(ref->region)) &&
	       arn_valid_region(ref->region) &&
	       take_field(&text, ref->account, sizeof(ref->account)) &&
	       arn_valid_account(ref->account) && parse_resource(text, ref);
}

/**
 * key_ref_parse() - read a key identifier
 * @text: what the user gave as KeyId
 * @ref: filled on success, untouched otherwise
 * @f: NotFoundException or InvalidArnException, in AWS's words
 *
 * Return: 0 or -1.
 */
int key_ref_parse(const char *text, struct key_ref *ref, struct fault *f)
{
	struct key_ref parsed = { 0 };

	if (!strncmp(text, "arn:", 4)) {
		if (!parse_arn(text, &parsed))
			return fault_set(f, "InvalidArnException",
					 "Invalid arn '%.256s'. Give arn:aws:kms:REGION:ACCOUNT:key/ID or arn:aws:kms:REGION:ACCOUNT:alias/NAME.",
					 text);
	} else if (!strncmp(text, "alias/", 6)) {
		if (!arn_valid_alias(text))
			return fault_set(f, "NotFoundException",
					 "Invalid keyId '%.256s': not a valid alias name", text);
		parsed.kind = KEY_REF_ALIAS;
		snprintf(parsed.name, sizeof(parsed.name), "%s", text);
	} else {
		if (!arn_valid_key_id(text))
			return fault_set(f, "NotFoundException", "Invalid keyId '%.256s'", text);
		parsed.kind = KEY_REF_ID;
		snprintf(parsed.name, sizeof(parsed.name), "%s", text);
	}
	*ref = parsed;
	return 0;
}
