// SPDX-License-Identifier: MIT
/*
 * The status of a cluster. After a refusal of the KMS the caller must drop the key before it sets a
 * status here: writing may hang.
 */
#include "agent/work/state.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-daemon.h>
#include <time.h>

#include "agent/volume/device_events.h"
#include "dm-envelope.h"
#include "lib/base/log.h"

/* Seconds until a loss that the catalog did not take is written again. */
#define STORE_AGAIN_S 5

/** state_announce() - tell the service manager how many clusters there are, and how many run */
void state_announce(const struct agent *agent)
{
	unsigned int count = 0, available = 0;

	for (const struct cluster *c = agent->clusters; c; c = c->next) {
		count++;
		available += c->status == CLUSTER_AVAILABLE;
	}
	sd_notifyf(0, "STATUS=Serving %u clusters, %u of them available.", count, available);
}

static int store(struct cluster *cluster);

static int on_store(sd_event_source *source, uint64_t usec, void *userdata)
{
	store(userdata);
	return 0;
}

/*
 * A loss must get into the catalog: the next agent doubts a loss on the disk that the catalog does
 * not know.
 */
static void store_again(struct cluster *cluster)
{
	int r = sd_event_add_time_relative(cluster->agent->event, &cluster->store_timer,
					   CLOCK_BOOTTIME, STORE_AGAIN_S * 1000000ULL, 0, on_store,
					   cluster);

	if (r < 0)
		log_error("Cluster %s: cannot set a timer: %s", cluster->id, strerror(-r));
}

static int store(struct cluster *cluster)
{
	struct fault f;
	int r = catalog_store(cluster->agent->catalog, cluster, &f);

	cluster->store_timer = sd_event_source_disable_unref(cluster->store_timer);
	if (r < 0)
		log_error("Cluster %s: %s", cluster->id, f.message);
	if (r < 0 && cluster_is_inaccessible(cluster))
		store_again(cluster);
	return r;
}

/** state_begin() - the status of a cluster that has none yet; recorded nowhere */
void state_begin(struct cluster *cluster, enum cluster_status status)
{
	cluster->status = status;
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

	cluster->status = status;
	va_start(args, format);
	vsnprintf(cluster->reason, sizeof(cluster->reason), format, args);
	va_end(args);
	stored = store(cluster);
	audit_status(cluster->agent->audit, cluster, before);
	log_info("Cluster %s: %s%s%s", cluster->id, cluster_status_name(status),
		 cluster->reason[0] ? ", " : "", cluster->reason);
	state_announce(cluster->agent);
	device_events_changed(cluster->agent);
	return stored;
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

	cluster->status = CLUSTER_DELETING;
	va_start(args, format);
	vsnprintf(cluster->reason, sizeof(cluster->reason), format, args);
	va_end(args);
	audit_status(cluster->agent->audit, cluster, before);
	log_warning("Cluster %s: %s", cluster->id, cluster->reason);
}
