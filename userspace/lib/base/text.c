// SPDX-License-Identifier: MIT
/* Strings on the heap. */
#include "lib/base/text.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/**
 * text_format() - printf into a string of its own
 *
 * Return: for free(), or NULL with ENOMEM in errno.
 */
char *text_format(const char *fmt, ...)
{
	va_list arguments;
	char *text;
	int size;

	va_start(arguments, fmt);
	size = vasprintf(&text, fmt, arguments);
	va_end(arguments);
	if (size >= 0)
		return text;
	errno = ENOMEM;
	return NULL;
}

/** text_take() - give the string to the caller, who has to free it, and leave NULL in its place */
char *text_take(char **text)
{
	char *taken = *text;

	*text = NULL;
	return taken;
}

/** text_put() - give @value to the owner of the string, in whose place it is; the old one is freed */
void text_put(char **text, char *value)
{
	free(*text);
	*text = value;
}

/**
 * text_set() - put a copy of @value in the place of the string, which is freed
 * @value: also a part of the old string; NULL for none
 *
 * Return: 0, or -ENOMEM: then the old string stays.
 */
int text_set(char **text, const char *value)
{
	char *copy = value ? strdup(value) : NULL;

	if (value && !copy)
		return -ENOMEM;
	text_put(text, copy);
	return 0;
}

/** text_freep() - free the string, and make it NULL */
void text_freep(char **text)
{
	free(*text);
	*text = NULL;
}
