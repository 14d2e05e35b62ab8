// SPDX-License-Identifier: MIT
/*
 * How a cluster was started last, and what that start found on the volume. The catalog keeps it, so that
 * the next agent starts the cluster in the same way, and shows the warning of a live device.
 */
#include "agent/work/start_note.h"

#include <stdio.h>
#include <string.h>

#include "agent/catalog/boot_starts.h"
#include "agent/catalog/warnings.h"
#include "lib/base/log.h"

/** start_note_load() - read from the catalog how the cluster was started last, and its warning */
void start_note_load(struct cluster *cluster)
{
	struct fault f;

	if (boot_starts_find(cluster->agent->catalog, cluster, &f) < 0)
		log_error("Cluster %s: %s", cluster->id, f.message);
	/* A catalog that comes back does not know of a start meanwhile. */
	if (!cluster->warning[0] && warnings_find(cluster->agent->catalog, cluster, &f) < 0)
		log_error("Cluster %s: %s", cluster->id, f.message);
}

/**
 * start_note_warning() - what the start of a cluster has found on the volume
 * @warning: "" for nothing, and when the device has gone
 *
 * The agent says it without the catalog as well, until the agent ends.
 */
void start_note_warning(struct cluster *cluster, const char *warning)
{
	struct fault f;

	if (!strcmp(cluster->warning, warning))
		return;
	snprintf(cluster->warning, sizeof(cluster->warning), "%s", warning);
	if (warnings_record(cluster->agent->catalog, cluster, &f) < 0)
		log_error("Cluster %s: %s", cluster->id, f.message);
}

/**
 * start_note() - the cluster has been started: note how
 * @at_boot: by the boot unit
 * @read_only: the client asked for a read-only device
 *
 * Return: whether the catalog does not have that: the caller must have the cluster saved.
 */
bool start_note(struct cluster *cluster, bool at_boot, bool read_only)
{
	cluster->restart.unsaved |= cluster->restart.at_boot != at_boot ||
				    cluster->restart.read_only != read_only;
	cluster->restart.at_boot = at_boot;
	cluster->restart.read_only = read_only;
	return cluster->restart.unsaved;
}
