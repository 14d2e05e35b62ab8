/* SPDX-License-Identifier: MIT */
/* The file of the catalog, and what is used in its place while the file cannot be used. */
#ifndef ENVELOPE_CATALOG_FILE_H
#define ENVELOPE_CATALOG_FILE_H

#include <sqlite3.h>
#include <stdbool.h>

#include "lib/base/fault.h"

/**
 * struct catalog_file - an open database
 * @db: owned
 * @in_memory: a copy in memory, which takes no change, in place of the file
 * @gone: the file was moved away or deleted while it was open: see catalog_gone.h
 * @trouble: why the file is not in use, or has no room; code "" for none
 * @repaired: what was damaged, and what became of it; code "" for nothing
 */
struct catalog_file {
	sqlite3 *db;
	bool in_memory;
	bool gone;
	struct fault trouble;
	struct fault repaired;
};

int catalog_file_open(const char *path, struct catalog_file *ret, struct fault *f);
int catalog_file_in_memory(const char *path, struct catalog_file *ret, struct fault *f);
int catalog_file_read(const char *path, sqlite3 **ret);
bool catalog_file_fault(const struct catalog_file *file, const char *path, struct fault *f);
void catalog_file_close(struct catalog_file *file);

#endif
