// SPDX-License-Identifier: MIT
/* What the name of a logical volume says of the header on it. */
#include "agent/volume/thin_name.h"

#include <ctype.h>
#include <string.h>

/**
 * thin_is_another() - does the name of a device-mapper device say that it is not this volume?
 * @dm_name: of a logical volume: LVM doubles the hyphens of its name
 *
 * A snapshot has the header of its volume, and so has a volume that is being restored, until it has one
 * of its own. Neither is a copy that the volume could be taken for.
 */
bool thin_is_another(const char *dm_name, const char *volume_id)
{
	static const char volume[] = "-envelope--vol--", snapshot[] = "-envelope--snap--";
	const size_t digits = 17;
	size_t length = strlen(dm_name);
	const char *id = length > digits ? dm_name + length - digits : "";

	for (const char *c = id; *c; c++)
		if (!isxdigit((unsigned char)*c))
			return false;
	if (!*id)
		return false;
	if (length >= digits + strlen(snapshot) &&
	    !strncmp(id - strlen(snapshot), snapshot, strlen(snapshot)))
		return true;
	return length >= digits + strlen(volume) &&
	       !strncmp(id - strlen(volume), volume, strlen(volume)) &&
	       strcmp(id, volume_id + strlen("vol-"));
}
