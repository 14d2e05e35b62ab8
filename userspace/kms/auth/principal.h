/* SPDX-License-Identifier: MIT */
/*
 * Who may call: the users whose access keys stand in the credentials file.
 *
 * Must never show a secret access key: it lives in struct secret and only sigv4.c reads it.
 */
#ifndef ENVELOPE_KMS_PRINCIPAL_H
#define ENVELOPE_KMS_PRINCIPAL_H

#include <stddef.h>

#include "lib/base/fault.h"
#include "lib/base/secret.h"

struct principal {
	char name[65];	  /* profile in the credentials file, IAM user name */
	char account[13]; /* aws_account_id of the profile, else the KMS's own */
	char access_key[132];
	struct secret *secret_key; /* text without terminator */
};

struct principals {
	struct principal *list;
	size_t count;
};

/**
 * principals_load() - read every profile of an AWS shared-credentials file
 * @path: private to its owner
 * @account: of profiles that name none
 * @principals: filled; principals_free()
 * @f: InvalidConfiguration
 *
 * Return: 0 or -1.
 */
int principals_load(const char *path, const char *account, struct principals *principals,
		    struct fault *f);

void principals_free(struct principals *principals);

/** principal_find() - by access key id; Return: borrowed, or NULL */
const struct principal *principal_find(const struct principals *principals, const char *access_key);

/** principal_arn() - write arn:aws:iam::ACCOUNT:user/NAME into @arn of @size bytes */
void principal_arn(const struct principal *principal, char *arn, size_t size);

#endif
