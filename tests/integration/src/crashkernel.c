// SPDX-License-Identifier: MIT
/*
 * Load a crash kernel, as `kexec --load-panic` does with kexec_file_load(2).
 *
 *	crashkernel KERNEL INITRD PARAMETERS
 *
 * The running kernel needs the parameter crashkernel=. Exit code: 0, or 1 with the error of the
 * kernel.
 */
#define _GNU_SOURCE
#include <err.h>
#include <fcntl.h>
#include <linux/kexec.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static int opened(const char *path)
{
	int fd = open(path, O_RDONLY);

	if (fd < 0)
		err(1, "open %s", path);
	return fd;
}

int main(int argc, char **argv)
{
	if (argc != 4)
		errx(2, "usage: crashkernel KERNEL INITRD PARAMETERS");
	if (syscall(SYS_kexec_file_load, opened(argv[1]), opened(argv[2]), strlen(argv[3]) + 1,
		    argv[3], (long)KEXEC_FILE_ON_CRASH))
		err(1, "kexec_file_load");
	return 0;
}
