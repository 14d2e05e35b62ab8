// SPDX-License-Identifier: MIT
/* See create_erase.h. */
#include "agent/work/create_erase.h"

#include <stdlib.h>
#include <string.h>

#include "agent/volume/disks.h"
#include "agent/volume/mapper.h"
#include "agent/work/fencing.h"
#include "lib/base/file.h"
#include "lib/base/log.h"
#include "lib/base/text.h"

/* The host may have been restarted since, and disks may have other names. */
static void erase_wherever_it_is(struct volume_job *job)
{
	struct disk *disks = NULL;
	size_t count = disks_list(&disks);
	struct fault ignored;

	for (size_t i = 0; i < count && job->result <= 0; i++) {
		if (header_erase_unfinished(disks[i].path, -1, job->volume_id, &ignored) <= 0)
			continue;
		job->result = 1;
		text_put(&job->found, text_take(&disks[i].path));
	}
	disks_free(disks, count);
}

/* A late step may have made the device after its client got a fault, and so may a killed agent. */
static void remove_device(const struct volume_job *job)
{
	struct mapping mapping;
	struct fault f;

	if (job->interrupted &&
	    (!mapper_find(job->device_name, &mapping) || strcmp(mapping.volume_id, job->volume_id)))
		return;
	if ((job->interrupted || job->opened) && mapper_remove(job->device_name, &f) < 0)
		log_error("%s", f.message);
}

/**
 * create_erase() - overwrite what a creation has left on the disk, and remove its device
 *
 * Runs in a device thread.
 */
void create_erase(struct volume_job *job)
{
	remove_device(job);
	/* LVM has made no volume yet: there is nothing to erase. */
	if (job->thin.pool.name[0] && !job->thin.path[0] && !job->interrupted)
		job->result = 0;
	else if (job->formatted)
		job->result = header_erase(job->found, job->claim, job->volume_id, &job->fault);
	else
		job->result = header_erase_unfinished(job->found, job->claim, job->volume_id,
						      &job->fault);
	if (job->interrupted && job->result <= 0)
		erase_wherever_it_is(job);
	if (job->interrupted && job->result > 0)
		fencing_end(job);
	else
		fencing_undo(job);
	/* Not in the event loop: the close writes what the disk has not taken yet. */
	file_close(&job->claim);
}
