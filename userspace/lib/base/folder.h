/* SPDX-License-Identifier: MIT */
/* Folders, made with their parents. */
#ifndef ENVELOPE_FOLDER_H
#define ENVELOPE_FOLDER_H

#include <sys/types.h>

#include "lib/base/fault.h"

int folder_make(const char *path, mode_t parents, mode_t mode, struct fault *f);
int folder_make_for(const char *path, mode_t parents, mode_t mode, struct fault *f);
int folder_check(const char *path, struct fault *f);
int folder_check_for(const char *path, struct fault *f);

#endif
