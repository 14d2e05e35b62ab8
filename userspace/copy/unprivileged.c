// SPDX-License-Identifier: MIT
/* What is open is all that a copy needs: everything else goes before it reads a byte. */
#include "copy/unprivileged.h"

#include <errno.h>
#include <grp.h>
#include <stdbool.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "lib/base/secret.h"

#define NOBODY 65534

/**
 * drop_privileges() - become nobody, for good; without root there is nothing to give up
 *
 * Return: 0, or -1 with InternalFailure in @f.
 */
int drop_privileges(struct fault *f)
{
	bool is_root = !geteuid();

	if (is_root && (setgroups(0, NULL) || setresgid(NOBODY, NOBODY, NOBODY) ||
			setresuid(NOBODY, NOBODY, NOBODY)))
		return fault_set(f, "InternalFailure", "The privileges cannot be given up: %s.",
				 strerror(errno));
	/* A change of user makes a process dumpable again when /proc/sys/fs/suid_dumpable says so. */
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || secret_process_init())
		return fault_set(f, "InternalFailure", "The process cannot be confined: %s.",
				 strerror(errno));
	return 0;
}
