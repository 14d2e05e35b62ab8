// SPDX-License-Identifier: MIT
/* The rule for DB cluster identifiers. Stored identifiers are in lower case; users may mix cases. */
#include "lib/base/identifier.h"

#include <string.h>

#define LETTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"

/**
 * identifier_valid() - true for 1 to 63 ASCII letters, digits and hyphens
 *
 * The first character is a letter. The last one is no hyphen, and no two hyphens follow each other.
 */
bool identifier_valid(const char *identifier)
{
	size_t length = strlen(identifier);

	return length >= 1 && length <= IDENTIFIER_MAX && strchr(LETTERS, identifier[0]) &&
	       strspn(identifier, LETTERS "0123456789-") == length &&
	       identifier[length - 1] != '-' && !strstr(identifier, "--");
}
