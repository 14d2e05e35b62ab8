/* SPDX-License-Identifier: MIT */
/* What is unusual about the disk of a cluster, in lines below a table. */
#ifndef ENVELOPE_CLI_DISK_NOTE_H
#define ENVELOPE_CLI_DISK_NOTE_H

#include "lib/base/json.h"

void disk_note_show(struct json_object *cluster);

#endif
