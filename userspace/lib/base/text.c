// SPDX-License-Identifier: MIT
/* Strings on the heap. */
#include "lib/base/text.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

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

/** text_freep() - free the string, and make it NULL */
void text_freep(char **text)
{
	free(*text);
	*text = NULL;
}
