/* SPDX-License-Identifier: MIT */
/*
 * The table of changes in the catalog: the newest change of the key store of each KMS.
 */
#ifndef ENVELOPE_KMS_CHANGES_H
#define ENVELOPE_KMS_CHANGES_H

#include "agent/catalog/catalog.h"

typedef void (*kms_change_t)(const char *kms, int64_t change, void *userdata);

int kms_changes_record(struct catalog *catalog, const char *kms, int64_t change, struct fault *f);
int kms_changes_find(struct catalog *catalog, const char *kms, int64_t *change, struct fault *f);
int kms_changes_each(struct catalog *catalog, kms_change_t each, void *userdata, struct fault *f);

#endif
