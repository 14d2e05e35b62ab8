/* SPDX-License-Identifier: MIT */
/* Changes the settings of a cluster, and the table of its device. */
#ifndef ENVELOPE_MODIFY_H
#define ENVELOPE_MODIFY_H

#include <stdbool.h>

#include "agent/work/operation.h"

/**
 * struct modify_request - what a cluster is to be
 * @deletion_protection: no deletion
 * @allow_discards: discards reach the disk
 * @sets_discards: the client asks for @allow_discards; else it is the present setting
 * @grow: the device takes all of a disk that has grown
 * @bytes: the volume in a pool is to have, 0 for what it has; the device takes all of it
 * @reach: profile and endpoint for the next call to the KMS
 */
struct modify_request {
	bool deletion_protection;
	bool allow_discards;
	bool sets_discards;
	bool grow;
	uint64_t bytes;
	struct reach reach;
};

void modify_begin(struct operation *op, const struct modify_request *request);

#endif
