// SPDX-License-Identifier: MIT
/*
 * Run a command as root in a session keyring that belongs to another user, as sudo does
 * without a keyring module of PAM: that keyring does not reach root's keys.
 *
 *	in-session-of UID COMMAND [ARGUMENT]...
 *
 * Exit code: the command's, or 1.
 */
#define _GNU_SOURCE
#include <err.h>
#include <keyutils.h>
#include <stdlib.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	uid_t uid;

	if (argc < 3)
		errx(1, "usage: in-session-of UID COMMAND [ARGUMENT]...");
	uid = (uid_t)strtoul(argv[1], NULL, 10);
	if (setresuid(uid, uid, 0))
		err(1, "cannot become user %s", argv[1]);
	if (keyctl_join_session_keyring(NULL) < 0)
		err(1, "cannot make a session keyring");
	if (setresuid(0, 0, 0))
		err(1, "cannot become root again");
	execvp(argv[2], argv + 2);
	err(1, "%s", argv[2]);
}
