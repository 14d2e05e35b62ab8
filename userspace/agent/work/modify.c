// SPDX-License-Identifier: MIT
/* The one thing of a cluster that can be modified is its deletion protection. */
#include "agent/work/modify.h"

#include "agent/catalog/protections.h"

/**
 * modify_begin() - turn the deletion protection of @op's cluster on or off
 *
 * The protection counts when the catalog has it.
 */
void modify_begin(struct operation *op, bool deletion_protection)
{
	struct cluster *cluster = op->cluster;
	bool before = cluster->deletion_protection;

	cluster->deletion_protection = deletion_protection;
	if (protections_record(op->agent->catalog, cluster, &op->fault) < 0) {
		cluster->deletion_protection = before;
		operation_fail(op);
		return;
	}
	operation_end(op);
}
