/* SPDX-License-Identifier: MIT */
/*
 * The users that may call a service: the credentials file lists their access keys.
 *
 * Must never show a secret access key: it lives in struct secret and only sigv4.c reads it.
 */
#ifndef ENVELOPE_PRINCIPAL_H
#define ENVELOPE_PRINCIPAL_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/base/arn.h"
#include "lib/base/faults.h"
#include "lib/base/secret.h"

struct principal {
	char name[65];	  /* profile in the credentials file, IAM user name */
	char account[13]; /* aws_account_id of the profile, else the service's own */
	char access_key[132];
	bool limited; /* it has no rights of its own, save those that a service gives it */
	struct secret *secret_key; /* text without terminator */
};

/**
 * struct principals - those of a credentials file
 * @keyless: profiles without any key, which name no principal
 * @first_keyless: the name of the first, perhaps cut
 */
struct principals {
	struct principal *list;
	size_t count;
	size_t keyless;
	char first_keyless[65];
};

int principals_load(const char *path, const char *account, struct principals *principals,
		    struct faults *all, struct fault *f);

void principals_note(const struct principals *principals, const char *path);

void principals_free(struct principals *principals);

const struct principal *principal_find(const struct principals *principals, const char *access_key);

/**
 * typedef principal_find_t - look up an access key id
 * @principal: set; borrowed until the request ends
 *
 * Return: 0; -ENOENT with @f untouched when there is no such access key; or -1.
 */
typedef int (*principal_find_t)(const char *access_key, void *userdata,
				const struct principal **principal, struct fault *f);

bool principal_name_valid(const char *name, size_t chars);

void principal_arn(const struct principal *principal, char arn[USER_ARN_MAX]);

#endif
