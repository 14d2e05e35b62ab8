// SPDX-License-Identifier: MIT
/* See disk_note.h. */
#include "cli/disk_note.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/output.h"
#include "lib/base/text.h"

static char *text_of(struct json_object *cluster, const char *field)
{
	const char *value = json_get_string(cluster, field);
	size_t size = value ? strlen(value) + 1 : sizeof("-");
	char *text = malloc(size);

	if (text)
		output_text(cluster, field, text, size);
	return text;
}

/** disk_note_show() - print that the disk of a cluster, or of a volume, is not where its path leads */
void disk_note_show(struct json_object *cluster)
{
	_cleanup_text_ char *path = NULL, *now = NULL;
	char name[128];

	output_text(cluster, "DBClusterIdentifier", name, sizeof(name));
	if (!json_get_bool(cluster, "DiskPresent", true))
		printf("%s: The disk is not there.\n", name);
	if (!json_has(cluster, "FoundDevice"))
		return;
	/* Whole: a path that is cut names another device. */
	now = text_of(cluster, "FoundDevice");
	path = text_of(cluster, "Device");
	if (now && path)
		printf("%s: Its disk is %s now, not %s. To set the path, stop the cluster, then: envelope cluster relocate --db-cluster-identifier %s --device %s\n",
		       name, now, path, name, now);
}
