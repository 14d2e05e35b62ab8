/* SPDX-License-Identifier: MIT */
/*
 * The last record of the trail before a start: the change of which it tells may have been undone by a
 * crash between the record and the key store. Only the last record can be such a one, since each call
 * runs to its end in one turn of the event loop. Starts that a crash ended have added records of their
 * own.
 */
#ifndef ENVELOPE_KMS_UNDONE_H
#define ENVELOPE_KMS_UNDONE_H

#include <json-c/json.h>

#include "kms/audit/audit_chain.h"

struct json_object *undone_read(const char *path, const struct audit_chain *chain);

struct json_object *undone_details(struct json_object *last, const char *kept);

#endif
