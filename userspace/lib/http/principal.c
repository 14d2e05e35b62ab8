// SPDX-License-Identifier: MIT
/*
 * Reading the principals.
 *
 * Must never keep a secret access key in plain heap.
 */

#include "lib/http/principal.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include "lib/base/arn.h"
#include "lib/base/ini.h"
#include "lib/base/log.h"

/* The present section: what it says before the first line of its pair of keys makes it a principal. */
struct principals_reader {
	struct principals *principals;
	const char *account;
	char section[257];
	char own_account[13];
	bool limited, has_rights;
	bool has_key, begun;
};

/** principal_name_valid() - are @name's characters those of IAM's names, and at most @chars? */
bool principal_name_valid(const char *name, size_t chars)
{
	size_t size = strlen(name);

	return size > 0 && size <= chars &&
	       strspn(name,
		      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+=,.@_-") ==
		       size;
}

static int add_principal(struct principals_reader *r, const char *name, struct principal **out,
			 struct fault *f)
{
	struct principals *p = r->principals;
	struct principal *list, *last;

	if (!principal_name_valid(name, sizeof(last->name) - 1))
		return fault_set(f, "InvalidConfiguration",
				 "A profile name must have 1 to 64 letters, digits or +=,.@_-.");
	list = reallocarray(p->list, p->count + 1, sizeof(*list));
	if (!list)
		return fault_set(f, "InternalFailure",
				 "Out of memory. Free some, and start again.");
	p->list = list;
	last = &list[p->count++];
	memset(last, 0, sizeof(*last));
	memcpy(last->name, name, strlen(name) + 1);
	snprintf(last->account, sizeof(last->account), "%s",
		 r->own_account[0] ? r->own_account : r->account);
	last->limited = r->limited;
	*out = last;
	return 0;
}

static int set_secret_key(struct principal *principal, const char *value, struct fault *f)
{
	if (*value == '\0' || principal->secret_key)
		return fault_set(f, "InvalidConfiguration",
				 "aws_secret_access_key is empty or given twice. Give it once.");
	principal->secret_key = secret_new(strlen(value));
	if (!principal->secret_key)
		return fault_set(f, "InternalFailure",
				 "Memory cannot be locked. Raise LimitMEMLOCK.");
	memcpy(principal->secret_key->bytes, value, strlen(value));
	return 0;
}

/* A profile without keys is of another program, such as the agent with its roles. */
static void section_ends(struct principals_reader *r)
{
	struct principals *p = r->principals;

	if (!r->begun || r->has_key)
		return;
	if (!p->keyless++)
		snprintf(p->first_keyless, sizeof(p->first_keyless), "%.64s", r->section);
}

static void section_begins(struct principals_reader *r, const char *section)
{
	section_ends(r);
	snprintf(r->section, sizeof(r->section), "%s", section);
	r->own_account[0] = '\0';
	r->limited = false;
	r->has_rights = false;
	r->has_key = false;
	r->begun = true;
}

static int set_account(struct principals_reader *r, const char *value, struct fault *f)
{
	struct principals *p = r->principals;

	if (!arn_valid_account(value))
		return fault_set(f, "InvalidConfiguration", "aws_account_id must have 12 digits.");
	snprintf(r->own_account, sizeof(r->own_account), "%s", value);
	if (r->has_key)
		memcpy(p->list[p->count - 1].account, r->own_account, sizeof(r->own_account));
	return 0;
}

static int set_rights(struct principals_reader *r, const char *value, struct fault *f)
{
	struct principals *p = r->principals;

	if (r->has_rights)
		return fault_set(f, "InvalidConfiguration",
				 "envelope_rights is given twice. Give it once.");
	r->has_rights = true;
	r->limited = !strcmp(value, "none");
	if (!r->limited && strcmp(value, "all"))
		return fault_set(f, "InvalidConfiguration",
				 "envelope_rights is 'all' or 'none'. With 'none' a profile has the rights that key policies and grants give to it by name.");
	if (r->has_key)
		p->list[p->count - 1].limited = r->limited;
	return 0;
}

static int principal_entry(const char *section, const char *key, const char *value, void *userdata,
			   struct fault *f)
{
	struct principals_reader *r = userdata;
	struct principals *p = r->principals;
	bool is_id = !strcmp(key, "aws_access_key_id");
	struct principal *last;

	if (!r->begun || strncmp(r->section, section, sizeof(r->section) - 1))
		section_begins(r, section);
	if (!strcmp(key, "aws_account_id"))
		return set_account(r, value, f);
	if (!strcmp(key, "envelope_rights"))
		return set_rights(r, value, f);
	if (!strncasecmp(key, "envelope", strlen("envelope")))
		return fault_set(f, "InvalidConfiguration",
				 "Unknown key %.64s. A profile may have envelope_rights.", key);
	if (!is_id && strcmp(key, "aws_secret_access_key"))
		return 0;
	if (!r->has_key) {
		if (add_principal(r, section, &last, f))
			return -1;
		r->has_key = true;
	}
	last = &p->list[p->count - 1];
	if (!is_id)
		return set_secret_key(last, value, f);
	if (strlen(value) < 16 || strlen(value) >= sizeof(last->access_key) ||
	    principal_find(p, value))
		return fault_set(f, "InvalidConfiguration",
				 "aws_access_key_id must have 16 to 128 characters and be unique.");
	memcpy(last->access_key, value, strlen(value) + 1);
	return 0;
}

/* Two profiles of one name would be one ARN, and perhaps only one of them limited. */
static const char *find_twins(const struct principals *p)
{
	for (size_t i = 0; i < p->count; i++)
		for (size_t j = 0; j < i; j++)
			if (!strcmp(p->list[i].name, p->list[j].name))
				return p->list[i].name;
	return NULL;
}

static int check_complete(const struct principals *p, const char *path, struct faults *all,
			  struct fault *f)
{
	const char *twins = find_twins(p);
	bool wrong = false;
	size_t i;

	if (twins)
		return fault_set(f, "InvalidConfiguration",
				 "%s: two sections have the name [%s] and a pair of keys. Keep one.",
				 path, twins);
	if (p->count == 0)
		return fault_set(f, "InvalidConfiguration",
				 "%s names no principal. Add a profile with an access key.", path);
	for (i = 0; i < p->count; i++) {
		if (p->list[i].access_key[0] && p->list[i].secret_key)
			continue;
		if (wrong)
			faults_add(all, f);
		wrong = true;
		fault_set(f, "InvalidConfiguration",
			  "%s: profile [%s] needs aws_access_key_id and aws_secret_access_key.",
			  path, p->list[i].name);
	}
	return wrong ? -1 : 0;
}

/**
 * principals_load() - read every profile with keys of an AWS shared-credentials file
 * @path: private to its owner
 * @account: of a profile that names no account
 * @principals: filled; principals_free()
 * @all: takes all faults but the last one, which is in @f
 * @f: InvalidConfiguration
 *
 * Return: 0 or -1.
 */
int principals_load(const char *path, const char *account, struct principals *principals,
		    struct faults *all, struct fault *f)
{
	struct principals_reader r = { .principals = principals, .account = account };
	struct stat st;

	memset(principals, 0, sizeof(*principals));
	if (stat(path, &st))
		return fault_set(f, "InvalidConfiguration",
				 "%s cannot be read: %s. Make it with envelope-kms --init.", path,
				 strerror(errno));
	if (st.st_mode & 077)
		return fault_set(f, "InvalidConfiguration",
				 "%s is open to group or others. Run chmod 600 %s.", path, path);
	if (ini_read_all(path, principal_entry, &r, NULL, all, f) ||
	    check_complete(principals, path, all, f)) {
		principals_free(principals);
		return -1;
	}
	section_ends(&r);
	return 0;
}

/** principals_note() - say in the log which profiles of @path are no principals */
void principals_note(const struct principals *principals, const char *path)
{
	if (!principals->keyless)
		return;
	if (principals->keyless > 1)
		log_info("%s: The profile [%s] and %zu more have no pair of keys. They are no principals of this KMS.",
			 path, principals->first_keyless, principals->keyless - 1);
	else
		log_info("%s: The profile [%s] has no pair of keys. It is no principal of this KMS.",
			 path, principals->first_keyless);
}

/** principals_free() - wipe the secret keys and release the list */
void principals_free(struct principals *principals)
{
	size_t i;

	for (i = 0; i < principals->count; i++)
		secret_free(principals->list[i].secret_key);
	free(principals->list);
	memset(principals, 0, sizeof(*principals));
}

/**
 * principal_find() - look up an access key id
 *
 * Return: borrowed, or NULL.
 */
const struct principal *principal_find(const struct principals *principals, const char *access_key)
{
	size_t i;

	for (i = 0; i < principals->count; i++)
		if (!strcmp(principals->list[i].access_key, access_key))
			return &principals->list[i];
	return NULL;
}

/** principal_arn() - write arn:aws:iam::ACCOUNT:user/NAME */
void principal_arn(const struct principal *principal, char arn[USER_ARN_MAX])
{
	arn_format_user(arn, principal->account, principal->name);
}
