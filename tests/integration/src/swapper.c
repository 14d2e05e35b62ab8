// SPDX-License-Identifier: MIT
/*
 * Fill more memory than there is, so that the kernel must swap, and see that every page
 * comes back as it was.
 *
 *	swapper LOCKED-MIB MIB ROUNDS
 *
 * LOCKED-MIB are taken away from everybody first, so that the rest of the memory is
 * small and a round through it short. Each page begins with a text that a search of the
 * disk can look for, and goes on with words made from its number and the round. Prints nothing.
 * Exit code: 0, 1 when a page came back changed or the memory cannot be had, 2 usage.
 */
#include <err.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define PAGE 4096
#define TEXT "a page of the swapper program\n"

static void make_page(char *page, uint64_t number, uint64_t round)
{
	uint64_t state = number * 2654435761u + round + 1, word;

	memset(page, 0, PAGE);
	memcpy(page, TEXT, sizeof(TEXT) - 1);
	for (size_t at = 32; at < PAGE; at += 8 * sizeof(word)) {
		state ^= state << 13;
		state ^= state >> 7;
		state ^= state << 17;
		word = state;
		memcpy(page + at, &word, sizeof(word));
	}
}

int main(int argc, char **argv)
{
	static char expected[PAGE];

	if (argc != 4)
		errx(2, "usage: swapper LOCKED-MIB MIB ROUNDS");
	size_t locked = strtoull(argv[1], NULL, 10) << 20;
	uint64_t pages = strtoull(argv[2], NULL, 10) << 20 >> 12;
	uint64_t rounds = strtoull(argv[3], NULL, 10);

	void *taken = mmap(NULL, locked, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
			   0);
	if (taken == MAP_FAILED || mlock(taken, locked))
		err(1, "%s MiB locked", argv[1]);
	char *memory = mmap(NULL, pages * PAGE, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (memory == MAP_FAILED)
		err(1, "%s MiB", argv[2]);
	for (uint64_t round = 0; round < rounds; round++) {
		for (uint64_t i = 0; i < pages; i++)
			make_page(memory + i * PAGE, i, round);
		for (uint64_t i = 0; i < pages; i++) {
			make_page(expected, i, round);
			if (memcmp(memory + i * PAGE, expected, PAGE))
				errx(1, "page %llu came back changed in round %llu",
				     (unsigned long long)i, (unsigned long long)round);
		}
	}
	return 0;
}
