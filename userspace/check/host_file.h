/* SPDX-License-Identifier: MIT */
/* One word or line of the host: from a file of /proc or /sys, or from a program's output. */
#ifndef ENVELOPE_CHECK_HOST_FILE_H
#define ENVELOPE_CHECK_HOST_FILE_H

#include <stdbool.h>
#include <stddef.h>

bool host_line(const char *path, char *line, size_t size);
bool host_has(const char *path, const char *text);
int host_program(const char *const argv[], char *line, size_t size);

#endif
