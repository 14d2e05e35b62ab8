/* SPDX-License-Identifier: MIT */
/* The rules of snapshots and of restores, as pure functions: tests/unit/snapshot_rules_test.c. */
#ifndef ENVELOPE_SNAPSHOT_RULES_H
#define ENVELOPE_SNAPSHOT_RULES_H

#include <stdbool.h>

#include "agent/catalog/cluster.h"
#include "lib/base/fault.h"

enum snapshot_status {
	SNAPSHOT_CREATING,
	SNAPSHOT_AVAILABLE,
	SNAPSHOT_DELETING,
};

/**
 * struct restore_request - parameters of RestoreSnapshot, borrowed; NULL for what was not given
 * @identifier: of the new cluster
 * @snapshot: that it names; @status, @snapshot_pool: of this snapshot
 * @pool: in which the cluster is to be
 * @plain: the cluster is to be without encryption
 */
struct restore_request {
	const char *identifier;
	const char *snapshot;
	enum snapshot_status status;
	const char *snapshot_pool;
	const char *pool;
	bool plain;
};

const char *snapshot_status_name(enum snapshot_status status);
bool snapshot_status_parse(const char *name, enum snapshot_status *ret);

int rules_snapshot_name(const char *name, struct fault *f);
int rules_snapshot_type(const char *type, struct fault *f);
int rules_snapshot_quota(unsigned int count, unsigned int limit, struct fault *f);
int rules_snapshot(const struct cluster *cluster, struct fault *f);
int rules_snapshot_delete(const char *name, enum snapshot_status status, bool busy,
			  struct fault *f);
int rules_restore(const struct restore_request *request, struct fault *f);
int rules_restore_key(const char *snapshot, const char *key_arn, const char *arn, struct fault *f);

#endif
