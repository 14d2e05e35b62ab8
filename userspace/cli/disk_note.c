// SPDX-License-Identifier: MIT
/* See disk_note.h. */
#include "cli/disk_note.h"

#include <stdio.h>

#include "cli/output.h"

/** disk_note_show() - print that the disk of a cluster, or of a volume, is not where its path leads */
void disk_note_show(struct json_object *cluster)
{
	char name[128], path[512], now[512];

	output_text(cluster, "DBClusterIdentifier", name, sizeof(name));
	if (!json_get_bool(cluster, "DiskPresent", true))
		printf("%s: The disk is not there.\n", name);
	if (!json_has(cluster, "FoundDevice"))
		return;
	output_text(cluster, "FoundDevice", now, sizeof(now));
	output_text(cluster, "Device", path, sizeof(path));
	printf("%s: Its disk is %s now, not %s. To set the path, stop the cluster, then: envelope cluster relocate --db-cluster-identifier %s --device %s\n",
	       name, now, path, name, now);
}
