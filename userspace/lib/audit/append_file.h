/* SPDX-License-Identifier: MIT */
/*
 * A log that only grows, under a name at which somebody else may put a new file: logrotate.
 * A line that a full disk or a power cut has left without its end is not cut off, since the file
 * may be append-only: it gets its end before the next line.
 */
#ifndef ENVELOPE_APPEND_FILE_H
#define ENVELOPE_APPEND_FILE_H

#include <stdbool.h>
#include <stddef.h>

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

/** append_file_is_torn() - true when the file at @path does not end with a whole line */
bool append_file_is_torn(const char *path);

/**
 * append_file_line() - append one line with one write
 * @fd: from append_file_open()
 * @torn: the file does not end with a whole line; kept up to date
 * @line: @size bytes, without the line feed
 *
 * Return: 0 or an errno; ENOSPC when only a part of it was taken.
 */
int append_file_line(int fd, bool *torn, const char *line, size_t size);

/** append_file_sync() - have what was written survive a power cut; Return: 0 or an errno */
int append_file_sync(int fd);

#endif
