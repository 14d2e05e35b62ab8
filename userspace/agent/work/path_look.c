// SPDX-License-Identifier: MIT
/*
 * Looks up the users' paths of all clusters before a look at the disks. A path may lie on a file system
 * that does not answer, such as FUSE or NFS: each path has a lane of its own, and holds nothing but
 * itself. What it led to last counts until it answers.
 */
#include "agent/work/path_look.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "agent/catalog/cluster_list.h"
#include "lib/base/log.h"

/** struct batch - the lookups that one look at the disks waits for; freed with the last of them */
struct batch {
	unsigned int pending;
	const struct path_looks_end *end;
	void *data;
};

/**
 * struct path_look - one lookup; its thread touches @path and @number alone
 * @path: owned
 * @number: of the block device there; 0 without one
 * @batch: that waits for it; NULL when it is late
 */
struct path_look {
	struct agent *agent;
	char volume_id[22];
	char *path;
	dev_t number;
	struct batch *batch;
};

static void look_free(struct path_look *look)
{
	free(look->path);
	free(look);
}

/* Return: whether it was the last. */
static bool leave(struct batch *batch)
{
	return batch && !--batch->pending;
}

static void go_on(struct batch *batch)
{
	if (!leave(batch))
		return;
	batch->end->then(batch->data);
	free(batch);
}

static void look_run(void *data)
{
	struct path_look *look = data;
	struct stat st;

	look->number = stat(look->path, &st) == 0 && S_ISBLK(st.st_mode) ? st.st_rdev : 0;
}

static void look_done(void *data)
{
	struct path_look *look = data;
	struct cluster *cluster = cluster_find_volume(look->agent, look->volume_id);
	struct batch *batch = look->batch;

	if (cluster) {
		cluster->path_asked = false;
		/* A relocation may have set another path meanwhile. */
		if (!strcmp(cluster->device, look->path))
			cluster->at_path = look->number;
	}
	if (!batch) {
		log_info("The path %s answers again.", look->path);
		look->agent->hooks.disks_changed(look->agent);
	}
	look_free(look);
	go_on(batch);
}

static void look_late(void *data, bool begun)
{
	struct path_look *look = data;
	struct cluster *cluster = cluster_find_volume(look->agent, look->volume_id);
	struct batch *batch = look->batch;

	log_warning("The path %s of the cluster %s is not answered: see which file system it is on. The look at the disks goes on without it.",
		    look->path, cluster ? cluster->id : "that has gone");
	look->batch = NULL;
	if (!begun) {
		if (cluster)
			cluster->path_asked = false;
		look_free(look);
	}
	go_on(batch);
}

static void look_drop(void *data)
{
	struct path_look *look = data;

	if (leave(look->batch)) {
		look->batch->end->drop(look->batch->data);
		free(look->batch);
	}
	look_free(look);
}

static const struct device_work look_work = {
	.run = look_run,
	.done = look_done,
	.late = look_late,
	.drop = look_drop,
};

static void look_begin(struct cluster *cluster, struct batch *batch)
{
	struct path_look *look = calloc(1, sizeof(*look));
	char lane[DEVICE_LANE_MAX];

	if (look)
		look->path = strdup(cluster->device);
	if (!look || !look->path) {
		free(look);
		return;
	}
	look->agent = cluster->agent;
	memcpy(look->volume_id, cluster->volume_id, sizeof(look->volume_id));
	look->batch = batch;
	batch->pending++;
	cluster->path_asked = true;
	snprintf(lane, sizeof(lane), "%s path", cluster->volume_id);
	device_thread_submit(cluster->agent->devices, lane, &look_work, look);
}

/**
 * path_looks() - look up the paths of all clusters, then go on
 * @end: must outlive the looks
 * @data: for @end
 *
 * A path that has not answered since an earlier look is not waited for.
 */
void path_looks(struct agent *agent, const struct path_looks_end *end, void *data)
{
	struct batch *batch = calloc(1, sizeof(*batch));

	if (!batch) {
		end->then(data);
		return;
	}
	/* One for this function: a lookup must not end the batch before all have begun. */
	*batch = (struct batch){ .pending = 1, .end = end, .data = data };
	for (struct cluster *c = agent->clusters; c; c = c->next)
		if (!c->path_asked)
			look_begin(c, batch);
	go_on(batch);
}
