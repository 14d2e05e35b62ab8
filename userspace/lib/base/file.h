/* SPDX-License-Identifier: MIT */
/*
 * Whole small files: created all or nothing, read whole.
 *
 * Must never overwrite an existing file. Must never wait for a file that a user names: an event loop
 * reads it.
 */
#ifndef ENVELOPE_FILE_H
#define ENVELOPE_FILE_H

#include <stddef.h>
#include <stdio.h>
#include <sys/types.h>

#include "lib/base/fault.h"

/* A descriptor that is closed at the end of its block; -1 is fine. */
#define _cleanup_close_ __attribute__((cleanup(file_close)))

void file_close(int *fd);

int file_create(const char *path, mode_t mode, const void *bytes, size_t size, struct fault *f);
int file_open(const char *path, const char **why);
FILE *file_stream(const char *path, const char **why);
int file_read_text(const char *path, size_t max, char **text, struct fault *f);
int file_sync_folder(const char *path);

#endif
