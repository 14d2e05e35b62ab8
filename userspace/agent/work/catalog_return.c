// SPDX-License-Identifier: MIT
/*
 * Notices that the file of the catalog is gone. While it is, or takes no changes, tries it again
 * every few seconds. When the file is back, every cluster is stored in it, since any change of a
 * status may be missing.
 */
#include "agent/work/catalog_return.h"

#include <string.h>

#include "agent/catalog/cluster_list.h"
#include "agent/catalog/pools.h"
#include "agent/catalog/snapshots.h"
#include "agent/last_good.h"
#include "agent/lease/grant.h"
#include "agent/state_lock.h"
#include "agent/volume/device_events.h"
#include "agent/work/fencing.h"
#include "agent/work/key_loss.h"
#include "agent/work/length.h"
#include "agent/work/place.h"
#include "agent/work/pool.h"
#include "agent/work/reconcile.h"
#include "agent/work/recovery_window.h"
#include "agent/work/release.h"
#include "agent/work/snapshot_removal.h"
#include "agent/work/stamp.h"
#include "agent/work/start_note.h"
#include "agent/work/state.h"
#include "lib/base/json.h"
#include "lib/base/log.h"
#include "lib/base/text.h"

#define TRY_AGAIN_S 5
#define LOOK_S	    5

static void try_again_later(struct agent *agent);

/* A look without the file takes any disk that it meets. The disk of the file is the cluster's. */
static void take_over_disk(struct cluster *present)
{
	_cleanup_text_ char *met = text_take(&present->disk);

	place_load(present);
	if (!present->disk)
		present->disk = text_take(&met);
}

/* A header names no principal, so a grant without one is not newer than the file's. */
static void take_over_grant(struct cluster *present)
{
	struct grant grant = present->grant;

	grant_load(present);
	if (grant.principal[0])
		present->grant = grant;
}

/*
 * A host that was fenced may have the volume open. What this agent has seen of the disk is newer than
 * the row: a reservation that has ended keeps nobody out any more.
 */
static void take_over_fence(struct cluster *present, const struct cluster *row)
{
	bool known = present->reservation.known, held = present->reservation.held;

	fencing_load(present);
	if (known)
		fencing_note(present, held);
	if (present->operation || present->status != CLUSTER_STOPPED ||
	    row->status != CLUSTER_STOPPED || !present->reservation.fence_s)
		return;
	memcpy(present->reason, row->reason, sizeof(present->reason));
	release_await(present);
}

/*
 * The agent took the cluster in from its header while the file could not be read. The file has what
 * people chose, the path that the user gave, and who gave the key last. A start while the file was away
 * is newer than the file's.
 */
static void take_over_row(struct cluster *present, struct cluster *row)
{
	bool started = present->status == CLUSTER_AVAILABLE;
	bool at_boot = present->restart.at_boot, read_only = present->restart.read_only;

	text_put(&present->device, text_take(&row->device));
	reconcile_load_choices(present);
	if (started)
		start_note(present, at_boot, read_only);
	take_over_disk(present);
	take_over_grant(present);
	length_load(present);
	take_over_fence(present, row);
	if (!present->stamp.host[0])
		stamp_load(present);
	if (present->operation || present->status != CLUSTER_STOPPED ||
	    !cluster_is_inaccessible(row))
		return;
	present->status = row->status;
	present->denied_since = row->denied_since;
	memcpy(present->reason, row->reason, sizeof(present->reason));
	recovery_window_load(present);
	key_loss_check(present);
}

/*
 * A row of a file that could not be read when the agent started. What the agent has seen since then is
 * newer, but a loss stays a loss until the KMS has given the key.
 */
static void take_row(struct cluster *row, void *userdata)
{
	struct agent *agent = userdata;
	struct cluster *present = cluster_find_volume(agent, row->volume_id);

	if (!present && !cluster_find(agent, row->id)) {
		reconcile_load_cluster(row, agent);
		device_events_refresh(agent);
		return;
	}
	if (present)
		take_over_row(present, row);
	cluster_free(row);
}

static int on_timer(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct agent *agent = userdata;
	struct fault f;

	/* The folder may be another one, and another agent may have it. */
	if (!state_lock_follow(agent->config.state_directory, &agent->state_lock)) {
		try_again_later(agent);
		return 0;
	}
	if (catalog_reopen(agent->catalog)) {
		if (!agent->pools && pools_load(agent, &f) < 0)
			log_error("%s", f.message);
		if (!agent->snapshots && snapshots_load(agent, &f) < 0)
			log_error("%s", f.message);
		if (catalog_load(agent->catalog, take_row, agent, &f) < 0)
			log_error("%s", f.message);
		pool_resume(agent);
		snapshot_resume(agent);
	}
	if (!state_save_all(agent, true) || !catalog_settled(agent->catalog)) {
		try_again_later(agent);
		return 0;
	}
	agent->catalog_timer = sd_event_source_disable_unref(agent->catalog_timer);
	if (!agent->refused.code[0])
		last_good_keep(&agent->config);
	log_warning("The catalog is written again, and has every cluster.");
	audit_service_event(agent->audit, "CatalogReturn", NULL, catalog_repaired(agent->catalog));
	return 0;
}

static void try_again_later(struct agent *agent)
{
	int r;

	agent->catalog_timer = sd_event_source_disable_unref(agent->catalog_timer);
	r = sd_event_add_time_relative(agent->event, &agent->catalog_timer, CLOCK_BOOTTIME,
				       TRY_AGAIN_S * 1000000ULL, 0, on_timer, agent);
	if (r < 0)
		log_error("Cannot set a timer: %s", strerror(-r));
}

static void on_trouble(void *userdata)
{
	struct agent *agent = userdata;
	const struct fault *trouble = catalog_trouble(agent->catalog);

	log_error("%s", trouble->message);
	audit_service_event(agent->audit, "CatalogCheck", NULL, trouble);
	try_again_later(agent);
}

/* Without a change nothing else notices that the catalog is gone. */
static int on_look(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct agent *agent = userdata;

	catalog_follow(agent->catalog);
	sd_event_source_set_time_relative(source, LOOK_S * 1000000ULL);
	return sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
}

/** catalog_return_watch() - report what was found at the opening of the catalog, and watch it */
void catalog_return_watch(struct agent *agent)
{
	const struct fault *repaired = catalog_repaired(agent->catalog);

	if (repaired) {
		log_error("%s", repaired->message);
		audit_service_event(agent->audit, "CatalogCheck", NULL, repaired);
	}
	catalog_on_trouble(agent->catalog, on_trouble, agent);
	agent->catalog_look = sd_event_source_disable_unref(agent->catalog_look);
	if (sd_event_add_time_relative(agent->event, &agent->catalog_look, CLOCK_BOOTTIME,
				       LOOK_S * 1000000ULL, 0, on_look, agent) < 0)
		log_error("Cannot set a timer for looks at the catalog.");
	if (catalog_trouble(agent->catalog))
		on_trouble(agent);
}
