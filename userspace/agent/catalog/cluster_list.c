// SPDX-License-Identifier: MIT
/* The list of all clusters, owned by the agent. */
#include "agent/catalog/cluster_list.h"

#include <stdlib.h>
#include <string.h>

/** cluster_find() - by identifier in any case; borrowed, or NULL */
struct cluster *cluster_find(struct agent *agent, const char *id)
{
	struct cluster *c;

	for (c = agent->clusters; c && strcasecmp(c->id, id); c = c->next)
		;
	return c;
}

/** cluster_find_volume() - by volume id; borrowed, or NULL */
struct cluster *cluster_find_volume(struct agent *agent, const char *volume_id)
{
	struct cluster *c;

	for (c = agent->clusters; c && strcmp(c->volume_id, volume_id); c = c->next)
		;
	return c;
}

/** cluster_add() - put it at the list's end; the list owns it from now on */
void cluster_add(struct agent *agent, struct cluster *cluster)
{
	struct cluster **end = &agent->clusters;

	while (*end)
		end = &(*end)->next;
	cluster->agent = agent;
	*end = cluster;
}

/**
 * cluster_changed() - an operation on it has ended
 *
 * A look or a scan that began before may have seen what is no longer so.
 */
void cluster_changed(struct cluster *cluster)
{
	cluster->changed = ++cluster->agent->changes;
}

/** cluster_remove() - take it out of the list and free it; nothing may be at work on it */
void cluster_remove(struct cluster *cluster)
{
	struct cluster **link = &cluster->agent->clusters;

	while (*link != cluster)
		link = &(*link)->next;
	*link = cluster->next;
	cluster->agent->removed = ++cluster->agent->changes;
	sd_event_source_disable_unref(cluster->renewal.timer);
	sd_event_source_disable_unref(cluster->loss.timer);
	sd_event_source_disable_unref(cluster->restart.timer);
	sd_event_source_disable_unref(cluster->record.timer);
	sd_event_source_disable_unref(cluster->reservation.timer);
	cluster_free(cluster);
}
