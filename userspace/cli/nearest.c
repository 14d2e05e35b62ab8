// SPDX-License-Identifier: MIT
/*
 * Edit distance between a typed word and the known words.
 *
 * Must never be used to guess and go on: only for a message.
 */

#include "cli/nearest.h"

#include <stddef.h>
#include <string.h>

#define WORD_MAX 64

static unsigned int min3(unsigned int a, unsigned int b, unsigned int c)
{
	unsigned int m = a < b ? a : b;

	return m < c ? m : c;
}

/* Levenshtein's distance in one row; words are cut at WORD_MAX. */
static unsigned int edits(const char *a, const char *b)
{
	size_t rows = strnlen(a, WORD_MAX), columns = strnlen(b, WORD_MAX), i, j;
	unsigned int row[WORD_MAX + 1];

	for (j = 0; j <= columns; j++)
		row[j] = (unsigned int)j;
	for (i = 1; i <= rows; i++) {
		unsigned int diagonal = row[0];

		row[0] = (unsigned int)i;
		for (j = 1; j <= columns; j++) {
			unsigned int above = row[j];

			row[j] = min3(above + 1, row[j - 1] + 1, diagonal + (a[i - 1] != b[j - 1]));
			diagonal = above;
		}
	}
	return row[columns];
}

/**
 * nearest_start() - begin a search
 * @nearest: the search
 * @typed: the unknown word; kept, not copied
 */
void nearest_start(struct nearest *nearest, const char *typed)
{
	nearest->typed = typed;
	nearest->best = NULL;
	/* a candidate with edits in more than half of the word is no mistyping */
	nearest->distance = (unsigned int)strnlen(typed, WORD_MAX) / 2 + 1;
}

/**
 * nearest_offer() - compare one more known word
 * @nearest: the search
 * @candidate: kept, not copied; a word that the typed one begins counts as near
 */
void nearest_offer(struct nearest *nearest, const char *candidate)
{
	size_t size = strlen(nearest->typed);
	unsigned int distance = edits(nearest->typed, candidate);

	if (size >= 3 && !strncmp(candidate, nearest->typed, size))
		distance = 1;
	if (distance >= nearest->distance)
		return;
	nearest->best = candidate;
	nearest->distance = distance;
}
