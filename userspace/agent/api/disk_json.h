/* SPDX-License-Identifier: MIT */
/* The disk of a cluster as the varlink interface shows it: where it is, and whether it is reserved. */
#ifndef ENVELOPE_DISK_JSON_H
#define ENVELOPE_DISK_JSON_H

#include "agent/catalog/cluster.h"
#include "lib/base/json.h"

json_object *disk_json_add(json_object *o, const struct cluster *cluster);

#endif
