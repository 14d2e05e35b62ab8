/* SPDX-License-Identifier: MIT */
/*
 * A look at a configuration, and at the files that it names, which may be on a file system that does not
 * answer, such as NFS or FUSE.
 *
 * Must never hold the event loop: leases are renewed with the configuration in force meanwhile.
 */
#ifndef ENVELOPE_AGENT_CONFIG_LOOK_H
#define ENVELOPE_AGENT_CONFIG_LOOK_H

#include "agent/agent.h"
#include "agent/catalog/reach_list.h"
#include "lib/base/file_note.h"

struct config_look;

/**
 * struct config_look_end - what follows a look in a device thread
 * @done: in the event loop, after the look; owns it
 * @late: in the event loop, if the look has not ended in time. @f names the file; @done is called when
 *	it answers, unless @begun is false: then @late owns the look
 */
struct config_look_end {
	void (*done)(struct config_look *look);
	void (*late)(struct config_look *look, const struct fault *f, bool begun);
};

/**
 * struct config_look - one look; belongs to its thread while it lasts
 * @agent, @end: of a look in a device thread
 * @reads: @config is read, from @path; otherwise the caller has set it
 * @path: owned, as for config_load_all(): the caller may be gone before the thread is
 * @files: the files of the configuration count, not only those of the clusters
 * @config: owned; without a file, if it could not be read for lack of memory
 * @clusters: whose own profiles and endpoints are judged
 * @found: what is wrong, @count faults; owned
 * @note: which file the thread looks at
 */
struct config_look {
	struct agent *agent;
	const struct config_look_end *end;
	bool reads;
	char *path;
	bool files;
	struct config config;
	struct reach_list clusters;
	struct fault *found;
	size_t count;
	struct file_note note;
};

struct config_look *config_look_new(const char *path, struct config *config);
int config_look_at_clusters(struct config_look *look, const struct agent *agent);
bool config_look_covers(const struct reach_list *seen, const struct agent *agent);
bool config_look_now(struct config_look *look, struct fault *late);
void config_look_begin(struct config_look *look, struct agent *agent,
		       const struct config_look_end *end);
void config_look_report(const struct config_look *look, struct faults *all);
void config_look_free(struct config_look *look);

#endif
