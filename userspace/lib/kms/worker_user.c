// SPDX-License-Identifier: MIT
/* See worker_user.h. */

#include "lib/kms/worker_user.h"

#include "lib/base/local_account.h"
#include "lib/kms/worker_protocol.h"

/**
 * worker_user() - find WORKER_USER, or nobody if that user does not exist
 *
 * Return: 0, or -1 when neither user exists, or the user is root.
 */
int worker_user(uid_t *uid, gid_t *gid)
{
	uid_t user;
	gid_t group;

	if (!local_user(WORKER_USER, &user, &group) && !local_user("nobody", &user, &group))
		return -1;
	if (!user)
		return -1;
	*uid = user;
	*gid = group;
	return 0;
}
