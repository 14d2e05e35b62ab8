// SPDX-License-Identifier: MIT
/*
 * The seeds of a target. The folders accepted/ and refused/ say what the reader must answer.
 *
 *	NAME_fuzz_seeds FOLDER [PART]		runs the seeds, those with PART in their name; prints TAP
 *	NAME_fuzz_seeds FOLDER --write CORPUS	writes their bytes into a folder for libFuzzer
 *
 * A seed is a text file: \r, \n, \t, \0, \\ and \xHH are bytes. An end of a line is no byte of the seed.
 */
#include "fuzz.h"

#include <ctype.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/text.h"

#define SEED_MAX 65536

struct seed {
	uint8_t *bytes;
	size_t size;
};

static const char *broken; /* what did not hold for this seed */

void fuzz_holds(bool holds, const char *what)
{
	if (!holds && !broken)
		broken = what;
}

static _Noreturn void die(const char *path, const char *why)
{
	printf("Bail out! %s: %s\n", path, why);
	exit(1);
}

static uint8_t escaped(const char *path, FILE *file)
{
	static const char names[] = "rnt0\\", bytes[] = "\r\n\t\0\\";
	int c = getc(file);
	const char *name = c > 0 ? strchr(names, c) : NULL;
	unsigned int byte;

	if (name)
		return (uint8_t)bytes[name - names];
	if (c != 'x' || fscanf(file, "%2x", &byte) != 1)
		die(path, "a backslash begins \\r, \\n, \\t, \\0, \\\\ or \\xHH");
	return (uint8_t)byte;
}

/* The bytes have a block of their own size, so that AddressSanitizer sees each read behind them. */
static struct seed read_seed(const char *path)
{
	FILE *file = fopen(path, "re");
	struct seed seed = { malloc(SEED_MAX), 0 };
	uint8_t *exact;
	int c;

	if (!file || !seed.bytes)
		die(path, "cannot be read");
	while ((c = getc(file)) != EOF) {
		if (c == '\n')
			continue;
		if (seed.size == SEED_MAX)
			die(path, "is too long");
		seed.bytes[seed.size++] = c == '\\' ? escaped(path, file) : (uint8_t)c;
	}
	fclose(file);
	exact = malloc(seed.size ? seed.size : 1);
	if (!exact)
		die(path, "no memory");
	memcpy(exact, seed.bytes, seed.size);
	free(seed.bytes);
	seed.bytes = exact;
	return seed;
}

static bool run(unsigned int number, const char *path, const char *verdict, const char *name)
{
	struct seed seed = read_seed(path);
	bool wanted = !strcmp(verdict, "accepted"), seen, good;

	broken = NULL;
	seen = fuzz_one(seed.bytes, seed.size);
	good = seen == wanted && !broken;
	printf("%s %u - %s: %s\n", good ? "ok" : "not ok", number, verdict, name);
	if (seen != wanted)
		printf("# expected: %s, seen: %s: see %s\n", verdict, seen ? "accepted" : "refused",
		       path);
	if (broken)
		printf("# this does not hold: %s: see %s\n", broken, path);
	fflush(stdout);
	free(seed.bytes);
	return good;
}

static void write_seed(const char *path, const char *corpus, const char *verdict, const char *name)
{
	struct seed seed = read_seed(path);
	_cleanup_text_ char *to = text_format("%s/%s-%s", corpus, verdict, name);
	FILE *file = to ? fopen(to, "we") : NULL;

	if (!file || fwrite(seed.bytes, 1, seed.size, file) != seed.size || fclose(file))
		die(corpus, "cannot be written");
	free(seed.bytes);
}

static int is_seed(const struct dirent *entry)
{
	return entry->d_name[0] != '.';
}

/* Return: the number of seeds that failed */
static unsigned int each(const char *folder, const char *verdict, const char *part,
			 const char *corpus, unsigned int *count)
{
	_cleanup_text_ char *below = text_format("%s/%s", folder, verdict);
	unsigned int failed = 0;
	struct dirent **names;
	int n = below ? scandir(below, &names, is_seed, alphasort) : -1;

	if (n <= 0)
		die(folder, "has no seeds");
	for (int i = 0; i < n; i++) {
		_cleanup_text_ char *path = text_format("%s/%s", below, names[i]->d_name);

		if (path && corpus)
			write_seed(path, corpus, verdict, names[i]->d_name);
		else if (path && strstr(names[i]->d_name, part))
			failed += !run(++*count, path, verdict, names[i]->d_name);
		free(names[i]);
	}
	free(names);
	return failed;
}

int main(int argc, char **argv)
{
	bool writes = argc == 4 && !strcmp(argv[2], "--write");
	const char *part = argc == 3 ? argv[2] : "", *corpus = writes ? argv[3] : NULL;
	unsigned int count = 0, failed;

	if (argc < 2 || (argc > 3 && !writes)) {
		fprintf(stderr, "usage: %s FOLDER [PART | --write CORPUS]\n", argv[0]);
		return 2;
	}
	failed = each(argv[1], "accepted", part, corpus, &count);
	failed += each(argv[1], "refused", part, corpus, &count);
	if (!corpus)
		printf("1..%u\n", count);
	return failed || (!corpus && !count);
}
