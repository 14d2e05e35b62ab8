// SPDX-License-Identifier: MIT
/* See worker_user.h. */

#include "lib/kms/worker_user.h"

#include <pwd.h>
#include <stddef.h>

#include "lib/kms/worker_protocol.h"

/**
 * worker_user() - find WORKER_USER, or nobody if that user does not exist
 *
 * Return: 0, or -1 when neither user exists, or the user is root.
 */
int worker_user(uid_t *uid, gid_t *gid)
{
	const struct passwd *user = getpwnam(WORKER_USER);

	if (!user)
		user = getpwnam("nobody");
	if (!user || !user->pw_uid)
		return -1;
	*uid = user->pw_uid;
	*gid = user->pw_gid;
	return 0;
}
