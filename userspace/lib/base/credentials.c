// SPDX-License-Identifier: MIT
/*
 * AWS shared-credentials files. See config.h.
 *
 * Must never log a credential, nor leave one in memory that nobody wipes.
 */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "lib/base/config.h"
#include "lib/base/credential_text.h"
#include "lib/base/file_note.h"
#include "lib/base/ini.h"

static int take_credential(char *field, size_t size, const char *value, struct fault *f)
{
	if (strlen(value) >= size)
		return fault_set(f, "InvalidConfiguration",
				 "The value has %zu bytes. Give at most %zu.", strlen(value),
				 size - 1);
	if (!credential_text_is_plain(value))
		return fault_set(f, "InvalidConfiguration",
				 "The value has a control character. Write the key or the token anew.");
	memcpy(field, value, strlen(value) + 1);
	return 0;
}

static int credentials_entry(const char *section, const char *key, const char *value,
			     void *userdata, struct fault *f)
{
	struct credentials *c = userdata;

	if (!strcmp(key, "aws_access_key_id"))
		return take_credential(c->access_key, sizeof(c->access_key), value, f);
	if (!strcmp(key, "aws_secret_access_key"))
		return take_credential(c->secret_key, sizeof(c->secret_key), value, f);
	if (!strcmp(key, "aws_session_token"))
		return take_credential(c->session_token, sizeof(c->session_token), value, f);
	return 0; /* the AWS CLI's own keys, such as region */
}

/**
 * credentials_check_private() - a file that leads to credentials is its owner's alone
 * @f: InvalidConfiguration, says how to make the file when it is missing
 *
 * Return: 0 or -1.
 */
int credentials_check_private(const char *path, struct fault *f)
{
	struct stat st;

	file_note(path);
	if (stat(path, &st))
		return fault_set(f, "InvalidConfiguration",
				 "The credentials file %s cannot be read: %s. For the embedded KMS, envelope-kms --init makes the file.",
				 path, strerror(errno));
	if (st.st_mode & 077)
		return fault_set(f, "InvalidConfiguration",
				 "The credentials file %s is open to its group or to others. Run: chmod 600 %s",
				 path, path);
	return 0;
}

/**
 * credentials_load() - read one profile of an AWS shared-credentials file
 * @path: must not be accessible to group or others
 * @profile: section name
 * @c: filled; wipe with credentials_wipe()
 * @f: InvalidConfiguration, says how to make the file when it is missing
 *
 * Return: 0 or -1.
 */
int credentials_load(const char *path, const char *profile, struct credentials *c, struct fault *f)
{
	memset(c, 0, sizeof(*c));
	if (credentials_check_private(path, f))
		return -1;
	if (ini_read_section(path, profile, credentials_entry, c, f))
		goto err_wipe;
	if (!c->access_key[0] || !c->secret_key[0]) {
		fault_set(f, "InvalidConfiguration",
			  "%s: The profile [%s] needs aws_access_key_id and aws_secret_access_key.",
			  path, profile);
		goto err_wipe;
	}
	return 0;

err_wipe:
	credentials_wipe(c);
	return -1;
}

void credentials_wipe(struct credentials *c)
{
	explicit_bzero(c, sizeof(*c));
}
