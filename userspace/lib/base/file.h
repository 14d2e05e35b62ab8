/* SPDX-License-Identifier: MIT */
/*
 * Whole small files: created all or nothing, read whole.
 *
 * Must never overwrite a file that is there.
 */
#ifndef ENVELOPE_FILE_H
#define ENVELOPE_FILE_H

#include <stddef.h>
#include <sys/types.h>

#include "lib/base/fault.h"

/**
 * file_create() - write a new file, synced, under its name only when complete
 * @mode: exact permissions
 * @f: says so when it exists
 *
 * Return: 0, -EEXIST or -1.
 */
int file_create(const char *path, mode_t mode, const void *bytes, size_t size, struct fault *f);

/**
 * file_read_text() - read a whole text file
 * @max: bytes
 * @text: set to a malloc'd terminated string
 *
 * Return: 0 or -1.
 */
int file_read_text(const char *path, size_t max, char **text, struct fault *f);

/** file_sync_folder() - have the name @path survive a power cut; Return: 0, or -1 with errno */
int file_sync_folder(const char *path);

/** directory_make() - make @path and its parents with @mode, fine when it is there; Return: 0 or -1 */
int directory_make(const char *path, mode_t mode, struct fault *f);

/** directory_make_for() - directory_make() of the folder that @path is in */
int directory_make_for(const char *path, mode_t mode, struct fault *f);

#endif
