/* SPDX-License-Identifier: MIT */
/*
 * The four ways to name a KMS key: key id, key ARN, alias name, alias ARN.
 *
 * Must never resolve anything: an alias is only a name here, the KMS knows what it points to.
 */
#ifndef ENVELOPE_ARN_H
#define ENVELOPE_ARN_H

#include <stdbool.h>

#include "lib/base/fault.h"

enum key_ref_kind {
	KEY_REF_ID,	   /* 1234abcd-12ab-34cd-56ef-1234567890ab or mrk-... */
	KEY_REF_ARN,	   /* arn:aws:kms:REGION:ACCOUNT:key/ID */
	KEY_REF_ALIAS,	   /* alias/NAME */
	KEY_REF_ALIAS_ARN, /* arn:aws:kms:REGION:ACCOUNT:alias/NAME */
};

struct key_ref {
	enum key_ref_kind kind;
	char partition[16]; /* "aws", "aws-cn", ...; empty unless an ARN */
	char region[32];    /* empty unless an ARN */
	char account[13];   /* 12 digits; empty unless an ARN */
	char name[264];	    /* key id, or alias name with its "alias/" */
};

#define ARN_MAX 400

/**
 * key_ref_parse() - read a key identifier
 * @text: what the user gave as KeyId
 * @ref: filled on success, untouched otherwise
 * @f: NotFoundException or InvalidArnException, in AWS's words
 *
 * Return: 0 or -1.
 */
int key_ref_parse(const char *text, struct key_ref *ref, struct fault *f);

/** key_ref_is_alias() - true for both alias forms */
bool key_ref_is_alias(const struct key_ref *ref);

/**
 * arn_format_key() - write the ARN of a key or alias
 * @arn: destination of ARN_MAX bytes
 * @name: "alias/..." or a key id
 */
void arn_format_key(char arn[ARN_MAX], const char *partition, const char *region,
		    const char *account, const char *name);

/** arn_valid_account() - true for 12 digits */
bool arn_valid_account(const char *account);

/** arn_valid_region() - true for names such as us-east-1 */
bool arn_valid_region(const char *region);

/** arn_valid_alias() - true for alias/NAME with the characters and length AWS allows */
bool arn_valid_alias(const char *alias);

/** arn_valid_key_id() - true for a UUID in lower case or a multi-region "mrk-" id */
bool arn_valid_key_id(const char *id);

#endif
