/* SPDX-License-Identifier: MIT */
/*
 * What the databases of the agent and of the KMS both need of sqlite.
 */
#ifndef ENVELOPE_DATABASE_H
#define ENVELOPE_DATABASE_H

#include <sqlite3.h>

char *database_uri(const char *path, const char *options);
int database_copy(sqlite3 *from, sqlite3 *to);
int database_in_memory(sqlite3 *from, sqlite3 **ret);

#endif
