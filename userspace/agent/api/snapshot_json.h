/* SPDX-License-Identifier: MIT */
/* Snapshots as the varlink interface shows them. */
#ifndef ENVELOPE_SNAPSHOT_JSON_H
#define ENVELOPE_SNAPSHOT_JSON_H

#include <json-c/json.h>

#include "agent/catalog/snapshots.h"

#define SNAPSHOT_IDENTIFIER "dbClusterSnapshotIdentifier"

json_object *snapshot_to_json(const struct snapshot *snapshot);

#endif
