/* SPDX-License-Identifier: MIT */
/*
 * Strings on the heap, such as paths. A path has no fixed buffer: the path of a derived file may be
 * longer than any that the buffer was made for, and a path that is cut names another file.
 *
 * Must never hold secrets: struct secret does.
 */
#ifndef ENVELOPE_TEXT_H
#define ENVELOPE_TEXT_H

char *text_format(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

char *text_take(char **text);
void text_put(char **text, char *value);
int text_set(char **text, const char *value);

/* A string that is freed at the end of its block; NULL is fine. */
void text_freep(char **text);
#define _cleanup_text_ __attribute__((cleanup(text_freep)))

#endif
