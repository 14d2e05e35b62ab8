// SPDX-License-Identifier: MIT
/*
 * Ends the reservations of volumes that the catalog does not know any more. A disk that is not there is
 * tried again at the next look at the disks, by the next agent too.
 *
 * Must never end the reservation of a disk in use. The disk compares the key itself, so only this
 * host's own key goes. The disk is the recorded one by its identity, not by its path; no other cluster
 * has it; it has no volume header; and the claim on it proves that no device lies on it. A creation
 * that begins meanwhile reserves the disk once more after its header is written.
 */
#include "agent/work/left_reservation.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/catalog/cluster_list.h"
#include "agent/catalog/reservations.h"
#include "agent/volume/disk_identity.h"
#include "agent/volume/disks.h"
#include "agent/volume/reservation.h"
#include "lib/base/log.h"
#include "lib/base/text.h"
#include "lib/header/block_device.h"

/** struct left - @disk: owned; @ended: the disk was there, and has no reservation of this host for it */
struct left {
	char volume_id[22];
	char *disk;
	bool ended;
};

struct left_job {
	struct agent *agent;
	char host[33];
	struct left *list;
	size_t count;
};

static bool is_used(const struct agent *agent, const char *disk)
{
	const struct cluster *c = agent->clusters;

	while (c && (!c->disk || strcmp(c->disk, disk)))
		c = c->next;
	return c;
}

static void collect(const char *volume_id, const char *disk, void *userdata)
{
	struct left_job *job = userdata;
	struct left *grown;

	if (cluster_find_volume(job->agent, volume_id) || is_used(job->agent, disk))
		return;
	grown = realloc(job->list, (job->count + 1) * sizeof(*grown));
	if (!grown)
		return;
	job->list = grown;
	grown += job->count;
	*grown = (struct left){ .disk = strdup(disk) };
	if (!grown->disk)
		return;
	job->count++;
	snprintf(grown->volume_id, sizeof(grown->volume_id), "%s", volume_id);
}

static bool has_header(const char *path)
{
	struct volume_header header;
	struct fault ignored;

	return header_read(path, &header, &ignored) == 0;
}

/* Return: whether the disk is free, and has no reservation of this host now. */
static bool end(const struct left_job *job, const char *path, dev_t number)
{
	bool protected, empty;
	struct fault ignored;
	int claim = -1;

	/* A disk with a volume is not claimed, not even for a moment. */
	if (!has_header(path))
		claim = block_device_claim(path, number, &protected, &ignored);
	if (claim < 0)
		return false;
	empty = !has_header(path);
	if (empty)
		reservation_end(path, job->host);
	close(claim);
	return empty;
}

static void left_run(void *data)
{
	struct left_job *job = data;
	struct disk *disks = NULL;
	size_t count = disks_list(&disks);
	struct stat st;

	for (size_t i = 0; i < count; i++) {
		_cleanup_text_ char *identity = NULL;

		if (stat(disks[i].path, &st) < 0)
			continue;
		identity = disk_identity(st.st_rdev);
		for (size_t k = 0; k < job->count; k++)
			if (disk_identity_proves(job->list[k].disk, identity))
				job->list[k].ended |= end(job, disks[i].path, st.st_rdev);
	}
	disks_free(disks, count);
}

static void left_free(void *data)
{
	struct left_job *job = data;

	for (size_t i = 0; i < job->count; i++)
		free(job->list[i].disk);
	free(job->list);
	free(job);
}

static void left_done(void *data)
{
	struct left_job *job = data;
	struct fault f;
	bool open;
	int r;

	/* Together. What the catalog does not forget is looked for again. */
	open = catalog_begin(job->agent->catalog, &f) == 0;
	for (size_t i = 0; i < job->count; i++) {
		if (!job->list[i].ended)
			continue;
		r = reservations_forget(job->agent->catalog, job->list[i].volume_id, &f);
		if (r < 0)
			log_error("%s", f.message);
		/* Nothing is forgotten if the job of an earlier look has done this. */
		if (r > 0)
			log_info("The creation of the volume %s was killed: no reservation of it is left on the disk (%s).",
				 job->list[i].volume_id, job->list[i].disk);
	}
	if (open && catalog_end(job->agent->catalog, true, &f) < 0)
		log_error("%s", f.message);
	left_free(job);
}

static const struct device_work left_work = {
	.run = left_run,
	.done = left_done,
	.drop = left_free,
};

/**
 * left_reservation_end() - end the reservations that killed creations have left
 *
 * Called after each look at the disks. Works in the background, and only if the catalog has such a
 * reservation.
 */
void left_reservation_end(struct agent *agent)
{
	struct left_job *job = calloc(1, sizeof(*job));
	struct fault f;

	if (!job)
		return;
	job->agent = agent;
	memcpy(job->host, agent->host.host, sizeof(job->host));
	if (reservations_each(agent->catalog, collect, job, &f) < 0)
		log_error("%s", f.message);
	if (job->count && job->host[0])
		device_thread_submit(agent->devices, DEVICE_LANE_SCAN, &left_work, job);
	else
		left_free(job);
}
