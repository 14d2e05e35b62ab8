/* SPDX-License-Identifier: MIT */
/*
 * The table of the catalog with the time of recovery windows that has been spent. Older agents do not
 * know the table, and leave it as it is.
 */
#ifndef ENVELOPE_DENIALS_H
#define ENVELOPE_DENIALS_H

#include "agent/catalog/catalog.h"

int denials_record(struct catalog *catalog, const struct cluster *cluster, const char *boot,
		   struct fault *f);
int denials_find(struct catalog *catalog, struct cluster *cluster, char boot[33], struct fault *f);
int denials_forget(struct catalog *catalog, const struct cluster *cluster, struct fault *f);

#endif
