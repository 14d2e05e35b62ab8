// SPDX-License-Identifier: MIT
/* See agent_user.h: the same choice as the worker's own, in worker/privileges.c. */
#include "agent_user.h"

#include <pwd.h>
#include <stddef.h>

#include "worker_protocol.h"

int agent_user(uid_t *uid, gid_t *gid)
{
	const struct passwd *user = getpwnam(WORKER_USER);

	if (!user)
		user = getpwnam("nobody");
	if (!user)
		return -1;
	*uid = user->pw_uid;
	*gid = user->pw_gid;
	return 0;
}
