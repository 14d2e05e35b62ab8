/* SPDX-License-Identifier: MIT */
/*
 * Snapshots of clusters: their rows in the catalog, and the list in memory.
 *
 * A row is written before LVM makes the snapshot, and deleted after LVM has removed it. It does not
 * go with the cluster's row: a manual snapshot outlives its cluster.
 */
#ifndef ENVELOPE_SNAPSHOTS_H
#define ENVELOPE_SNAPSHOTS_H

#include <stdint.h>

#include "agent/catalog/catalog.h"
#include "agent/catalog/cluster.h"
#include "agent/rules/snapshot_rules.h"
#include "agent/volume/thin_snapshot.h"

struct agent;

/**
 * struct snapshot - owned by the agent's list; the event loop alone touches it
 * @id: random: "snap-" and 17 hexadecimal digits
 * @name: the identifier that the client gave, in lower case
 * @cluster_id, @resource_id, @volume_id: of the cluster, which may be gone
 * @key_arn, @region, @account: of the cluster's key, which is that of the snapshot
 * @header_sha256, @wrapped_key: of the header in the snapshot, as the catalog knew it; the key in
 *	base64, owned
 * @reach: of the cluster: a restored one asks the same KMS
 * @in_pool: where it is
 * @held_ms: for how long the writes were held; 0 for a stopped cluster
 * @created, @cluster_created: seconds since 1970
 *
 * Above is what the catalog keeps. Below is what this process knows:
 * @busy: LVM is at work on it
 */
struct snapshot {
	struct snapshot *next;
	char id[23];
	char name[CLUSTER_ID_MAX + 1];
	enum snapshot_status status;
	char cluster_id[CLUSTER_ID_MAX + 1];
	char resource_id[35];
	char volume_id[22];
	char key_arn[ARN_MAX];
	char region[32];
	char account[13];
	char header_sha256[65];
	char *wrapped_key;
	struct reach reach;
	struct pool_volume in_pool;
	unsigned int held_ms;
	int64_t created;
	int64_t cluster_created;
	bool busy;
};

struct snapshot *snapshot_new(const struct cluster *cluster, const char *name);
struct snapshot *snapshot_find(const struct agent *agent, const char *name);
struct snapshot *snapshot_find_id(const struct agent *agent, const char *id);
void snapshot_add(struct agent *agent, struct snapshot *snapshot);
void snapshot_remove(struct agent *agent, struct snapshot *snapshot);
void snapshot_free(struct snapshot *snapshot);
void snapshots_free(struct agent *agent);
unsigned int snapshots_count(const struct agent *agent, const char *pool);
void snapshot_copy(const struct agent *agent, const struct snapshot *snapshot,
		   struct thin_snapshot *ret);

int snapshots_load(struct agent *agent, struct fault *f);
int snapshots_record(struct catalog *catalog, const struct snapshot *snapshot, struct fault *f);
int snapshots_forget(struct catalog *catalog, const char *id, struct fault *f);

#endif
