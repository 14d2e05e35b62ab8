/* SPDX-License-Identifier: MIT */
/*
 * A catalog whose folder or file is moved away or deleted under the running agent. SQLite writes on into
 * the file that it has open, and the next agent finds none of it.
 */
#ifndef ENVELOPE_CATALOG_GONE_H
#define ENVELOPE_CATALOG_GONE_H

#include "agent/catalog/catalog_file.h"

bool catalog_gone_is(const struct catalog_file *file);
int catalog_gone_take(const char *path, struct catalog_file *file, struct fault *f);
int catalog_gone_write(const char *path, const struct catalog_file *file);

#endif
