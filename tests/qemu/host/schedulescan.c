// SPDX-License-Identifier: MIT
/*
 * Ask aeskeyfind for the AES schedules in a dump of a guest's RAM and say whether
 * those of a volume key's halves are among them. Must never print a key.
 *
 *	schedulescan MASKED-KEY DUMP
 *
 * Same file, output and exit codes as ramscan; the kind is "aeskeyfind-half0" or "1".
 */
#include <err.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define KEY_SIZE 64

/*
 * Leave the pages of zeroes out: aeskeyfind is slow and most of a guest's RAM was never
 * touched. A schedule that crosses pages stays whole, for none of its pages is zero.
 */
static void drop_zero_pages(const char *dump, const char *smaller)
{
	static const char zeroes[4096];
	FILE *in = fopen(dump, "rb"), *out = fopen(smaller, "wb");
	char page[4096];
	size_t size;

	if (!in || !out)
		err(2, "%s", dump);
	while ((size = fread(page, 1, sizeof(page), in)))
		if (memcmp(page, zeroes, size) && fwrite(page, 1, size, out) != size)
			err(2, "%s", smaller);
	if (ferror(in) || fclose(out))
		err(2, "%s", smaller);
	fclose(in);
}

/* Start aeskeyfind on DUMP; its output. */
static FILE *start(const char *dump, pid_t *child)
{
	int ends[2];

	if (pipe(ends))
		err(2, "pipe");
	*child = fork();
	if (*child < 0)
		err(2, "fork");
	if (!*child) {
		dup2(ends[1], STDOUT_FILENO);
		close(ends[0]);
		execlp("aeskeyfind", "aeskeyfind", "-q", dump, NULL);
		err(127, "aeskeyfind (Debian package aeskeyfind)");
	}
	close(ends[1]);
	return fdopen(ends[0], "r");
}

int main(int argc, char **argv)
{
	char half[2][KEY_SIZE + 1] = { { 0 } }, line[256];
	uint8_t both[2 * KEY_SIZE];
	int count[2] = { 0 }, status;
	pid_t child;

	if (argc != 3)
		errx(2, "usage: schedulescan MASKED-KEY DUMP");
	FILE *file = fopen(argv[1], "rb");

	if (!file || fread(both, 1, sizeof(both), file) != sizeof(both))
		err(2, "%s is no masked key", argv[1]);
	for (int i = 0; i < KEY_SIZE; i++)
		sprintf(half[i / 32] + 2 * (i % 32), "%02x", both[i] ^ both[KEY_SIZE + i]);

	char smaller[4096];

	snprintf(smaller, sizeof(smaller), "%s.pages", argv[2]);
	drop_zero_pages(argv[2], smaller);
	FILE *found = start(smaller, &child);

	while (fgets(line, sizeof(line), found))
		for (int i = 0; i < 2; i++)
			count[i] += !strncmp(line, half[i], strlen(half[i]));
	fclose(found);
	if (waitpid(child, &status, 0) < 0 || unlink(smaller) || !WIFEXITED(status) ||
	    WEXITSTATUS(status))
		errx(2, "aeskeyfind failed");
	for (int i = 0; i < 2; i++)
		if (count[i])
			printf("aeskeyfind-half%d %d -\n", i, count[i]);
	return count[0] || count[1];
}
