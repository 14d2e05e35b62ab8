// SPDX-License-Identifier: MIT
/*
 * The worker gives up its rights. See privileges.h.
 */

#include "worker/privileges.h"

#include <errno.h>
#include <grp.h>
#include <signal.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "lib/base/log.h"
#include "lib/kms/worker_protocol.h"
#include "lib/kms/worker_user.h"

static int failed(const char *what)
{
	log_error("cannot %s: %s", what, strerror(errno));
	return -1;
}

/*
 * A response with a plaintext passes through buffers of libcurl, which must not be swapped. Pages
 * are locked at their first use, since reading in all libraries would take time.
 */
static void lock_memory(void)
{
	const struct rlimit all = { RLIM_INFINITY, RLIM_INFINITY };

	if (setrlimit(RLIMIT_MEMLOCK, &all) || mlockall(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT))
		log_warning("cannot lock memory, a data key may get to the swap space: %s",
			    strerror(errno));
}

static int change_user(void)
{
	uid_t uid;
	gid_t gid;

	if (worker_user(&uid, &gid)) {
		log_error("there is neither a user " WORKER_USER " nor a user nobody");
		return -1;
	}
	if (setgroups(0, NULL) || setresgid(gid, gid, gid) || setresuid(uid, uid, uid))
		return failed("become user " WORKER_USER);
	if (!setuid(0) || !geteuid()) {
		log_error("still able to become root");
		return -1;
	}
	return 0;
}

/**
 * privileges_drop() - become an unprivileged process that can gain nothing
 *
 * As root: locks all memory and becomes WORKER_USER, or nobody if that user does not exist. As
 * another user: keeps the user. In both cases: no new privileges, no descriptors beyond
 * WORKER_CA_FD, working directory /, SIGTERM when the agent dies. Logs what failed.
 *
 * Return: 0 or -1.
 */
int privileges_drop(void)
{
	if (close_range(WORKER_CA_FD + 1, ~0U, 0))
		return failed("close inherited descriptors");
	if (!geteuid()) {
		lock_memory();
		if (change_user())
			return -1;
	}
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		return failed("refuse new privileges");
	/* A change of user resets both of these. */
	if (prctl(PR_SET_DUMPABLE, 0) || prctl(PR_SET_PDEATHSIG, SIGTERM))
		return failed("protect the process");
	if (chdir("/"))
		return failed("change to /");
	return 0;
}
