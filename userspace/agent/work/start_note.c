// SPDX-License-Identifier: MIT
/* How a cluster was started last. The catalog keeps it, so that the agent starts it in the same way. */
#include "agent/work/start_note.h"

#include "agent/catalog/boot_starts.h"
#include "lib/base/log.h"

/** start_note_load() - read from the catalog whether the boot unit started the cluster */
void start_note_load(struct cluster *cluster)
{
	struct fault f;

	if (boot_starts_find(cluster->agent->catalog, cluster, &f) < 0)
		log_error("Cluster %s: %s", cluster->id, f.message);
}

/**
 * start_note() - the cluster has been started: note how
 * @at_boot: by the boot unit
 * @read_only: the client asked for a read-only device
 *
 * A change that the catalog does not take is noted again at the next start.
 */
void start_note(struct cluster *cluster, bool at_boot, bool read_only)
{
	struct fault f;

	if (cluster->restart.at_boot == at_boot && cluster->restart.read_only == read_only &&
	    !cluster->restart.unsaved)
		return;
	cluster->restart.at_boot = at_boot;
	cluster->restart.read_only = read_only;
	cluster->restart.unsaved = boot_starts_record(cluster->agent->catalog, cluster, &f) < 0;
	if (cluster->restart.unsaved)
		log_error("Cluster %s: %s", cluster->id, f.message);
}
