/* SPDX-License-Identifier: MIT */
/* The fourth schema of the catalog: plain clusters. catalog_file.c takes the step. */
#ifndef ENVELOPE_PLAIN_SCHEMA_H
#define ENVELOPE_PLAIN_SCHEMA_H

/*
 * The row of a plain cluster has no key, and nothing else is new. An agent that does not know them would
 * call the device of a running one missing.
 */
static const char plain_schema[] = "PRAGMA user_version = 4;";

#endif
