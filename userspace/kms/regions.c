// SPDX-License-Identifier: MIT
/* See regions.h. */
#include "kms/regions.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/arn.h"

#define BETWEEN " \t"

/** regions_valid() - true if @others is a list of names of regions with spaces between, or is empty */
bool regions_valid(const char *others)
{
	char *text = strdup(others), *rest = NULL;
	const char *name = text ? strtok_r(text, BETWEEN, &rest) : NULL;
	bool valid = text != NULL;

	for (; valid && name; name = strtok_r(NULL, BETWEEN, &rest))
		valid = arn_valid_region(name);
	free(text);
	return valid;
}

/* Adds @name unless it is there. Return: 0, or -1 without memory */
static int add(char **regions, const char *name)
{
	for (; *regions; regions++)
		if (!strcmp(*regions, name))
			return 0;
	*regions = strdup(name);
	return *regions ? 0 : -1;
}

/**
 * regions_make() - the list of all regions that are served
 * @first: the region of the KMS's own records
 * @others: regions_valid()
 *
 * Return: a list up to NULL, for regions_free(); or NULL without memory.
 */
char **regions_make(const char *first, const char *others)
{
	char *text = strdup(others), *rest = NULL;
	/* @first, NULL, and a name with its space for each two characters. */
	char **regions = calloc(strlen(others) / 2 + 3, sizeof(*regions));
	int r = text && regions ? add(regions, first) : -1;
	const char *name = r ? NULL : strtok_r(text, BETWEEN, &rest);

	for (; !r && name; name = strtok_r(NULL, BETWEEN, &rest))
		r = add(regions, name);
	free(text);
	if (!r)
		return regions;
	regions_free(regions);
	return NULL;
}

/** regions_free() - free a list of regions_make(); NULL is fine */
void regions_free(char **regions)
{
	for (size_t i = 0; regions && regions[i]; i++)
		free(regions[i]);
	free(regions);
}
