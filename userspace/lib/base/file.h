/* SPDX-License-Identifier: MIT */
/*
 * Whole small files: created all or nothing, read whole.
 *
 * Must never overwrite an existing file.
 */
#ifndef ENVELOPE_FILE_H
#define ENVELOPE_FILE_H

#include <stddef.h>
#include <sys/types.h>

#include "lib/base/fault.h"

int file_create(const char *path, mode_t mode, const void *bytes, size_t size, struct fault *f);
int file_read_text(const char *path, size_t max, char **text, struct fault *f);
int file_sync_folder(const char *path);

#endif
