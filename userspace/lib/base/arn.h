/* SPDX-License-Identifier: MIT */
/*
 * The four ways to name a KMS key: key id, key ARN, alias name, alias ARN.
 *
 * Must never resolve anything: an alias is only a name here. The KMS knows its target.
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

int key_ref_parse(const char *text, struct key_ref *ref, struct fault *f);

bool key_ref_is_alias(const struct key_ref *ref);

void arn_format_key(char arn[ARN_MAX], const char *partition, const char *region,
		    const char *account, const char *name);

#define USER_ARN_MAX 160

void arn_format_user(char arn[USER_ARN_MAX], const char *account, const char *name);

bool arn_valid_account(const char *account);

bool arn_valid_region(const char *region);

bool arn_valid_alias(const char *alias);

bool arn_valid_key_id(const char *id);

#endif
