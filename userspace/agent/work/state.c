// SPDX-License-Identifier: MIT
/*
 * The status of a cluster. After a refusal of the KMS the caller must drop the key before it sets a
 * status here: writing may hang.
 *
 * A change that a client waits for is saved at once. Changes that come in numbers (a KMS that refuses
 * the keys of a thousand clusters, a look that finds a thousand failed devices or volumes) are saved
 * together: two syncs each would keep the loop from its watchdog, and the keys of later clusters from
 * being revoked.
 */
#include "agent/work/state.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-daemon.h>
#include <time.h>

#include "agent/catalog/boot_starts.h"
#include "agent/catalog/grants.h"
#include "agent/catalog/lengths.h"
#include "agent/catalog/places.h"
#include "agent/catalog/protections.h"
#include "agent/catalog/reaches.h"
#include "agent/catalog/settings.h"
#include "agent/catalog/stamps.h"
#include "agent/volume/device_events.h"
#include "agent/work/recovery_window.h"
#include "dm-envelope.h"
#include "lib/base/log.h"

/**
 * state_announce() - tell the service manager how many clusters there are, and how many run
 *
 * Says also what is wrong with the configuration, if something is.
 */
void state_announce(const struct agent *agent)
{
	unsigned int count = 0, available = 0;

	for (const struct cluster *c = agent->clusters; c; c = c->next) {
		count++;
		available += c->status == CLUSTER_AVAILABLE;
	}
	sd_notifyf(0, "STATUS=Serving %u clusters, %u of them available.%s%s", count, available,
		   agent->refused.code[0] ? " The configuration has a fault: " : "",
		   agent->refused.message);
}

static void flush_soon(struct agent *agent);

/* Makes state_flush() save the cluster. */
static void mark_unsaved(struct cluster *cluster)
{
	struct agent *agent = cluster->agent;

	if (!agent->unsaved)
		agent->unsaved = json_object_new_array();
	cluster->unsaved = true;
	flush_soon(agent);
}

/* What people chose for the cluster: each choice is in the catalog already, unless that is a new one. */
static int save_choices(const struct cluster *cluster, struct fault *f)
{
	struct catalog *catalog = cluster->agent->catalog;
	int r = 0;

	if (cluster->allow_discards)
		r = settings_record(catalog, cluster, f);
	if (r == 0 && (cluster->reach.profile[0] || cluster->reach.endpoint[0]))
		r = reaches_record(catalog, cluster->volume_id, &cluster->reach, f);
	if (r == 0 && (cluster->restart.at_boot || cluster->restart.read_only))
		r = boot_starts_record(catalog, cluster, f);
	return r;
}

/*
 * Writes a cluster, and what the agent knows of it beside its row: the catalog may be a new one. What is
 * not known does not overwrite the catalog's. Must be called in a transaction: a killed agent must not
 * leave a row of a cluster without its protection. Each table by itself would be a sync by itself.
 */
static int save(const struct cluster *cluster, bool all, struct fault *f)
{
	struct catalog *catalog = cluster->agent->catalog;
	int r = catalog_store(catalog, cluster, f);

	if (r == 0 && all)
		r = save_choices(cluster, f);
	if (r == 0 && cluster->stamp.host[0])
		r = stamps_record(catalog, cluster, f);

	if (r == 0 && cluster->deletion_protection)
		r = protections_record(catalog, cluster, f);
	if (r == 0 && cluster->disk)
		r = places_record(catalog, cluster, f);
	if (r == 0 && cluster->grant.kms[0])
		r = grants_record(catalog, cluster->volume_id, &cluster->grant, f);
	if (r == 0 && cluster->sectors)
		r = lengths_record(catalog, cluster, f);
	if (r == 0 && cluster->restart.unsaved)
		r = boot_starts_record(catalog, cluster, f);
	return r < 0 ? r : recovery_window_save(cluster, f);
}

/* The next agent doubts a loss on the disk that the catalog does not know: see catalog_return.c. */
static int store(struct cluster *cluster)
{
	struct catalog *catalog = cluster->agent->catalog;
	struct fault f;
	int r = catalog_begin(catalog, &f);

	if (r == 0) {
		r = save(cluster, false, &f);
		r |= catalog_end(catalog, r == 0, &f);
	}
	if (r == 0)
		cluster->restart.unsaved = false;
	else
		log_error("Cluster %s: %s", cluster->id, f.message);
	return r;
}

/**
 * state_save_all() - write clusters to the catalog, in one transaction
 * @all: every cluster, with what people chose for it; otherwise those with changes that are not saved
 *
 * A cluster that the catalog refuses keeps no other cluster from it.
 *
 * Return: false if the file takes no changes; catalog_return.c calls again then.
 */
bool state_save_all(struct agent *agent, bool all)
{
	struct fault f;
	bool open = catalog_begin(agent->catalog, &f) == 0, kept = open;

	for (struct cluster *c = agent->clusters; kept && c; c = c->next) {
		if ((!all && !c->unsaved) || save(c, all, &f) == 0)
			continue;
		kept = strcmp(f.code, "CatalogUnavailable");
		if (kept)
			log_error("Cluster %s: %s", c->id, f.message);
	}
	if (open)
		kept = catalog_end(agent->catalog, kept, &f) == 0 && kept;
	if (!kept)
		log_error("%s", f.message);
	for (struct cluster *c = agent->clusters; kept && c; c = c->next)
		if (all || c->unsaved)
			c->restart.unsaved = false;
	return kept;
}

/**
 * state_flush() - save the changes of state_set_soon()
 *
 * They are in the catalog and in the audit trail when this returns. Must be called before a client
 * gets an answer.
 */
void state_flush(struct agent *agent)
{
	json_object *records = agent->unsaved;

	if (!records)
		return;
	agent->unsaved = NULL;
	agent->flush = sd_event_source_disable_unref(agent->flush);
	state_save_all(agent, false);
	audit_append(agent->audit, records);
	json_object_put(records);
	for (struct cluster *c = agent->clusters; c; c = c->next) {
		void (*saved)(struct cluster * cluster) = c->saved;

		c->unsaved = false;
		c->saved = NULL;
		if (saved)
			saved(c);
	}
	state_announce(agent);
}

static int on_flush(sd_event_source *source, void *userdata)
{
	state_flush(userdata);
	return 0;
}

/* Saves when nothing else is due in the loop: answers of the KMS that have come go first. */
static void flush_soon(struct agent *agent)
{
	int r;

	if (agent->flush)
		return;
	r = sd_event_add_defer(agent->event, &agent->flush, on_flush, agent);
	if (r >= 0)
		r = sd_event_source_set_priority(agent->flush, SD_EVENT_PRIORITY_NORMAL + 1);
	if (r < 0)
		log_error("Changes of status are saved late, there is no event: %s", strerror(-r));
}

/** state_begin() - the status of a cluster that has none yet; recorded nowhere */
void state_begin(struct cluster *cluster, enum cluster_status status)
{
	cluster->status = status;
}

static void change(struct cluster *cluster, enum cluster_status status, const char *format,
		   va_list args)
{
	cluster->status = status;
	vsnprintf(cluster->reason, sizeof(cluster->reason), format, args);
	log_info("Cluster %s: %s%s%s", cluster->id, cluster_status_name(status),
		 cluster->reason[0] ? ", " : "", cluster->reason);
}

/**
 * state_set() - give a cluster a status
 * @format: printf format of the reason; "" for none
 *
 * The status is in the catalog and in the audit trail when this returns.
 *
 * Return: 0, or -1 when the catalog did not take it: the next agent does not know the status then.
 */
int state_set(struct cluster *cluster, enum cluster_status status, const char *format, ...)
{
	enum cluster_status before = cluster->status;
	va_list args;
	int stored;

	state_flush(cluster->agent);
	va_start(args, format);
	change(cluster, status, format, args);
	va_end(args);
	stored = store(cluster);
	audit_status(cluster->agent->audit, cluster, before);
	state_announce(cluster->agent);
	device_events_changed(cluster->agent);
	return stored;
}

/**
 * state_set_soon() - give a cluster a status, which is saved together with those of others
 * @saved: called when the status is in the catalog and in the trail; NULL for nothing
 * @format: printf format of the reason
 *
 * The status is saved before the agent answers a client, and before the loop is idle.
 */
void state_set_soon(struct cluster *cluster, enum cluster_status status,
		    void (*saved)(struct cluster *cluster), const char *format, ...)
{
	struct agent *agent = cluster->agent;
	enum cluster_status before = cluster->status;
	va_list args;

	va_start(args, format);
	change(cluster, status, format, args);
	va_end(args);
	mark_unsaved(cluster);
	json_object_array_add(agent->unsaved, audit_status_record(agent->audit, cluster, before));
	if (saved)
		cluster->saved = saved;
	device_events_changed(agent);
}

/** state_save_soon() - save a cluster together with others, without a change of its status */
void state_save_soon(struct cluster *cluster)
{
	mark_unsaved(cluster);
}

/**
 * state_resumed() - record the end of a creation or deletion that an agent before this one began
 * @format: printf format of what became of it
 *
 * No client got an answer, so the trail has only this record of the end. The caller removes the
 * cluster from the catalog.
 */
void state_resumed(struct cluster *cluster, const char *format, ...)
{
	enum cluster_status before = cluster->status;
	va_list args;

	state_flush(cluster->agent);
	cluster->status = CLUSTER_DELETING;
	va_start(args, format);
	vsnprintf(cluster->reason, sizeof(cluster->reason), format, args);
	va_end(args);
	audit_status(cluster->agent->audit, cluster, before);
	log_warning("Cluster %s: %s", cluster->id, cluster->reason);
}
