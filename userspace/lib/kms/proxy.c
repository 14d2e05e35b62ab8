// SPDX-License-Identifier: MIT
/* See proxy.h. */
#include "lib/kms/proxy.h"

#include <string.h>
#include <sys/stat.h>

#include "lib/base/file_note.h"
#include "lib/base/ini.h"

static int login_entry(const char *section, const char *key, const char *value, void *userdata,
		       struct fault *f)
{
	struct proxy_login *login = userdata;
	char *field = !strcmp(key, "username")	 ? login->username
		      : !strcmp(key, "password") ? login->password
						 : NULL;

	if (!field || *section)
		return fault_set(f, "InvalidConfiguration",
				 "A proxy's credentials are the two lines username= and password=.");
	if (strlen(value) >= sizeof(login->username))
		return fault_set(f, "InvalidConfiguration",
				 "The value has %zu bytes. Give at most %zu.", strlen(value),
				 sizeof(login->username) - 1);
	memcpy(field, value, strlen(value) + 1);
	return 0;
}

/**
 * proxy_login_load() - read ProxyCredentialsFile=
 * @login: filled; "" without such a file. The caller wipes it
 * @f: InvalidConfiguration; names the file and its line
 *
 * Return: 0 or -1.
 */
int proxy_login_load(const struct config *cfg, struct proxy_login *login, struct fault *f)
{
	const char *path = cfg->proxy_credentials_file;
	struct stat st;

	memset(login, 0, sizeof(*login));
	if (!*cfg->proxy || !*path)
		return 0;
	file_note(path);
	if (stat(path, &st) == 0 && (st.st_mode & 077))
		return fault_set(f, "InvalidConfiguration",
				 "The file %s is open to its group or to others. Run: chmod 600 %s",
				 path, path);
	if (ini_read(path, login_entry, login, f))
		return -1;
	if (*login->username && !strchr(login->username, ':'))
		return 0;
	return fault_set(f, "InvalidConfiguration",
			 "%s: A proxy's credentials need a username= without a colon.", path);
}
