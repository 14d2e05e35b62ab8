/* SPDX-License-Identifier: MIT */
/*
 * A log that only grows, under a name at which somebody else may put a new file: logrotate.
 */
#ifndef ENVELOPE_APPEND_FILE_H
#define ENVELOPE_APPEND_FILE_H

#include <stdbool.h>

/**
 * append_file_open() - open for appending
 * @path: made with mode 0640 if it is not there; never a symbolic link
 *
 * Return: a descriptor, or -1 with errno.
 */
int append_file_open(const char *path);

/**
 * append_file_follow() - open what is now at @path, if that is not @fd any more
 * @fd: from append_file_open(); replaced, and the old one closed, if there is another file
 *	or none
 * @changed: whether that was so; NULL is fine
 *
 * Return: 0, or -1 with errno; then @fd is as it was.
 */
int append_file_follow(int *fd, const char *path, bool *changed);

#endif
