/* SPDX-License-Identifier: MIT */
/*
 * The clock of waiting periods: it counts the time that this host is up, in all its boots. The wall
 * clock only starts it, with a new store. A wrong wall clock must not destroy a key.
 */
#ifndef ENVELOPE_KMS_STORE_CLOCK_H
#define ENVELOPE_KMS_STORE_CLOCK_H

#include <json-c/json.h>

#include "kms/store/store.h"

void store_clock_load(struct store *store, struct json_object *record);
void store_clock_store(struct store *store, struct json_object *record);

#endif
