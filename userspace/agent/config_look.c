// SPDX-License-Identifier: MIT
/* See config_look.h. */
#include "agent/config_look.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/own_reach.h"
#include "agent/volume/device_thread.h"
#include "lib/base/file_look.h"
#include "lib/base/text.h"
#include "lib/kms/config_check.h"

/* Of a look that is waited for: an agent that starts has leases to renew. */
#define WAIT_S 5

/**
 * config_look_new() - prepare a look
 * @path: of the file to read, as for config_load_all()
 * @config: to look at in place of a file, taken over, also after a failure; NULL: the file is read
 *
 * Return: the look, or NULL without memory.
 */
struct config_look *config_look_new(const char *path, struct config *config)
{
	struct config_look *look = calloc(1, sizeof(*look));

	if (!look || (path && text_set(&look->path, path) < 0)) {
		if (config)
			config_free(config);
		free(look);
		return NULL;
	}
	look->reads = !config;
	look->files = true;
	if (config)
		look->config = *config;
	file_note_init(&look->note);
	return look;
}

/** config_look_free() - with its configuration; NULL is fine */
void config_look_free(struct config_look *look)
{
	if (!look)
		return;
	config_free(&look->config);
	reach_list_free(&look->clusters);
	file_note_free(&look->note);
	free(look->path);
	free(look->found);
	free(look);
}

static bool has_own(const struct cluster *cluster)
{
	return cluster->reach.profile[0] || cluster->reach.endpoint[0];
}

/** config_look_at_clusters() - judge those of an agent with a profile or an endpoint of their own, too
 *
 * Return: 0, or -1 without memory.
 */
int config_look_at_clusters(struct config_look *look, const struct agent *agent)
{
	for (const struct cluster *c = agent->clusters; c; c = c->next)
		if (has_own(c) && reach_list_add(&look->clusters, c->id, &c->reach) < 0)
			return -1;
	return 0;
}

static bool has(const struct reach_list *seen, const struct cluster *cluster)
{
	for (size_t i = 0; i < seen->count; i++)
		if (!strcmp(seen->entries[i].cluster, cluster->id) &&
		    !strcmp(seen->entries[i].reach.profile, cluster->reach.profile) &&
		    !strcmp(seen->entries[i].reach.endpoint, cluster->reach.endpoint))
			return true;
	return false;
}

/** config_look_covers() - has a look judged what the clusters have by now? */
bool config_look_covers(const struct reach_list *seen, const struct agent *agent)
{
	for (const struct cluster *c = agent->clusters; c; c = c->next)
		if (has_own(c) && !has(seen, c))
			return false;
	return true;
}

/* A fault is of the thread of the look until the look has ended. */
static void keep(const struct fault *f, void *userdata)
{
	struct config_look *look = userdata;
	struct fault *more = reallocarray(look->found, look->count + 1, sizeof(*more));

	/* A configuration with a fault must not be taken for a good one. */
	if (!more)
		abort();
	look->found = more;
	more[look->count++] = *f;
}

static void look_run(void *data)
{
	struct config_look *look = data;
	struct faults all = { .each = keep, .userdata = look };

	if (look->reads && look->files)
		config_check_load_all(look->path, &look->config, &all);
	else if (look->reads)
		config_load_all(look->path, &look->config, &all);
	else if (look->files)
		config_check_files(&look->config, &all);
	if (!look->config.file)
		return;
	for (size_t i = 0; i < look->clusters.count; i++)
		own_reach_check(&look->config, look->clusters.entries[i].cluster,
				&look->clusters.entries[i].reach, &all);
}

static void look_run_noted(void *data)
{
	struct config_look *look = data;

	file_note_use(&look->note);
	look_run(look);
}

static void look_done(void *data)
{
	struct config_look *look = data;

	look->end->done(look);
}

static void fault_of(const char *path, unsigned int seconds, struct fault *f)
{
	fault_set(f, "InvalidConfiguration",
		  "%.400s has not answered for %u seconds. See which file system it is on. Name another file if that file system cannot be mended.",
		  path ? path : "A file of the configuration", seconds);
}

static void look_late(void *data, bool begun)
{
	struct config_look *look = data;
	_cleanup_text_ char *path = file_note_read(&look->note);
	struct fault f;

	fault_of(path, look->agent->config.device_timeout_seconds, &f);
	look->end->late(look, &f, begun);
}

static void look_drop(void *data)
{
	config_look_free(data);
}

static const struct device_work look_work = {
	.run = look_run_noted,
	.done = look_done,
	.late = look_late,
	.drop = look_drop,
};

/**
 * config_look_begin() - look in a device thread, for as long as DeviceTimeoutSeconds=
 * @look: owned by @end afterwards
 *
 * Each look has a lane of its own: a file that does not answer must not keep the look at a corrected
 * configuration waiting.
 */
void config_look_begin(struct config_look *look, struct agent *agent,
		       const struct config_look_end *end)
{
	static unsigned int number;
	char lane[DEVICE_LANE_MAX];

	look->agent = agent;
	look->end = end;
	snprintf(lane, sizeof(lane), "configuration %u", ++number);
	device_thread_submit(agent->devices, lane, &look_work, look);
}

static const struct file_look_work now_work = { .run = look_run, .drop = look_drop };

/**
 * config_look_now() - look, and wait for the result, where there is no event loop yet
 * @late: names the file that does not answer
 *
 * Return: false if one does not; then @look is gone.
 */
bool config_look_now(struct config_look *look, struct fault *late)
{
	_cleanup_text_ char *path = NULL;

	if (file_look_within(WAIT_S * 1000, &now_work, look, &path))
		return true;
	fault_of(path, WAIT_S, late);
	return false;
}

/** config_look_report() - add what a look has found to @all */
void config_look_report(const struct config_look *look, struct faults *all)
{
	for (size_t i = 0; i < look->count; i++)
		faults_add(all, &look->found[i]);
}
