/* SPDX-License-Identifier: MIT */
/*
 * A file of lines that only grows, under a name at which another program (logrotate) may put a
 * new file.
 *
 * Must never cut off a line that a full disk or a power cut has left without its end: the file may
 * be append-only. The line gets its end before the next line. Must never wait at the open: there may be
 * a pipe.
 */
#ifndef ENVELOPE_APPEND_FILE_H
#define ENVELOPE_APPEND_FILE_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/base/fault.h"

const char *append_file_strerror(int error);
int append_file_check(const char *path, bool device, struct fault *f);
int append_file_open(const char *path, bool device);
int append_file_follow(int *fd, const char *path, bool device, bool *changed, int *old);
size_t append_file_torn(const char *path);
int append_file_line(int fd, size_t *torn, const char *line, size_t size);
int append_file_sync(int fd);

#endif
