// SPDX-License-Identifier: MIT
/*
 * Persistent reservations as another program of the host has them, through <linux/pr.h>. The type is
 * always "write exclusive, registrants only".
 *
 *	reservation register DISK OLD-KEY NEW-KEY
 *	reservation reserve DISK KEY
 *	reservation preempt DISK KEY OTHER-KEY
 *
 * Keys are numbers as strtoull() reads them. Prints what the kernel answered: 0, the disk's status
 * (24 is a reservation conflict), or a negative errno. Exit code 0 for the answer 0.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/pr.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

static int answer(int disk, const char *verb, __u64 first, __u64 second)
{
	struct pr_registration registration = { .old_key = first, .new_key = second };
	struct pr_reservation reservation = { .key = first, .type = PR_WRITE_EXCLUSIVE_REG_ONLY };
	struct pr_preempt preempt = { .old_key = first,
				      .new_key = second,
				      .type = PR_WRITE_EXCLUSIVE_REG_ONLY };

	if (!strcmp(verb, "register"))
		return ioctl(disk, IOC_PR_REGISTER, &registration);
	if (!strcmp(verb, "reserve"))
		return ioctl(disk, IOC_PR_RESERVE, &reservation);
	if (!strcmp(verb, "preempt"))
		return ioctl(disk, IOC_PR_PREEMPT, &preempt);
	errno = EINVAL;
	return -1;
}

int main(int argc, char **argv)
{
	int disk, r;

	if (argc < 4)
		return 2;
	disk = open(argv[2], O_RDWR | O_CLOEXEC);
	if (disk < 0) {
		perror(argv[2]);
		return 2;
	}
	r = answer(disk, argv[1], strtoull(argv[3], NULL, 0),
		   argc > 4 ? strtoull(argv[4], NULL, 0) : 0);
	printf("%d\n", r < 0 ? -errno : r);
	return r != 0;
}
