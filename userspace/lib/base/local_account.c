// SPDX-License-Identifier: MIT
/* See local_account.h. */
#include "lib/base/local_account.h"

#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>

/* The first user of that name, or of that uid if @name is NULL. Borrowed until the next call. */
static const struct passwd *find_user(const char *name, uid_t uid)
{
	FILE *file = fopen("/etc/passwd", "re");
	const struct passwd *user = NULL;

	while (file && (user = fgetpwent(file)))
		if (name ? !strcmp(user->pw_name, name) : user->pw_uid == uid)
			break;
	if (file)
		fclose(file);
	return user;
}

/** local_user_name() - name of a user; false when /etc/passwd has no such uid */
bool local_user_name(uid_t uid, char *name, size_t size)
{
	const struct passwd *user = find_user(NULL, uid);

	if (user)
		snprintf(name, size, "%s", user->pw_name);
	return user;
}

/** local_user() - uid and group of a user; false when /etc/passwd has no such name */
bool local_user(const char *name, uid_t *uid, gid_t *gid)
{
	const struct passwd *user = find_user(name, 0);

	if (!user)
		return false;
	*uid = user->pw_uid;
	*gid = user->pw_gid;
	return true;
}

/** local_group() - number of a group; false when /etc/group has no such name */
bool local_group(const char *name, gid_t *gid)
{
	FILE *file = fopen("/etc/group", "re");
	const struct group *group = NULL;

	while (file && (group = fgetgrent(file)))
		if (!strcmp(group->gr_name, name))
			break;
	if (group)
		*gid = group->gr_gid;
	if (file)
		fclose(file);
	return group;
}
