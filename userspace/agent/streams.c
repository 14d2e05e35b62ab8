// SPDX-License-Identifier: MIT
/*
 * Status and Events. A watcher is answered after the next look at the devices, so it
 * sees the kernel's figures of now; a follower gets each audit record as it is written.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "json.h"
#include "methods.h"
#include "streams.h"
#include "watch.h"

/* Keeps an answer well below the largest message. */
#define EVENTS_PER_ANSWER 200

/**
 * struct watcher - a call of Status
 * @id: of the cluster watched; "" for all
 * @due: to be answered after the next look
 */
struct watcher {
	struct watcher *next;
	struct agent *agent;
	struct varlink_call *call;
	char id[CLUSTER_ID_MAX + 1];
	bool due;
};

/** struct follower - a call of Events that goes on */
struct follower {
	struct follower *next;
	struct agent *agent;
	struct varlink_call *call;
};

static void watcher_free(struct watcher *watcher)
{
	struct watcher **link = &watcher->agent->watchers;

	while (*link != watcher)
		link = &(*link)->next;
	*link = watcher->next;
	free(watcher);
}

static void watcher_gone(struct varlink_call *call, void *userdata)
{
	watcher_free(userdata);
	varlink_call_release(call);
}

/** streams_status() - answer a call of Status; @id NULL for all clusters */
int streams_status(struct agent *agent, struct varlink_call *call, const char *id)
{
	struct watcher *watcher = calloc(1, sizeof(*watcher));

	if (!watcher)
		return -1;
	watcher->agent = agent;
	watcher->call = call;
	snprintf(watcher->id, sizeof(watcher->id), "%s", id ? id : "");
	watcher->due = true;
	watcher->next = agent->watchers;
	agent->watchers = watcher;
	varlink_call_on_gone(call, watcher_gone, watcher);
	watch_refresh(agent);
	return 0;
}

/** streams_changed() - something that Status shows has changed */
void streams_changed(struct agent *agent)
{
	for (struct watcher *w = agent->watchers; w; w = w->next)
		w->due = true;
}

static json_object *volumes(const struct watcher *watcher)
{
	json_object *reply = json_object_new_object(), *list = json_object_new_array();

	for (struct cluster *c = watcher->agent->clusters; c; c = c->next)
		if (!watcher->id[0] || !strcasecmp(watcher->id, c->id))
			json_object_array_add(list, cluster_volume_to_json(c));
	json_object_object_add(reply, "volumes", list);
	return reply;
}

/** streams_looked() - the devices have been looked at: answer the watchers that are due */
void streams_looked(struct agent *agent)
{
	struct watcher *next;

	for (struct watcher *w = agent->watchers; w; w = next) {
		_cleanup_json_ json_object *reply = NULL;

		next = w->next;
		if (!w->due)
			continue;
		w->due = false;
		reply = volumes(w);
		if (varlink_call_wants_more(w->call)) {
			varlink_notify(w->call, reply);
		} else {
			varlink_reply(w->call, reply);
			watcher_free(w);
		}
	}
}

static void follower_free(struct follower *follower)
{
	struct follower **link = &follower->agent->followers;

	while (*link != follower)
		link = &(*link)->next;
	*link = follower->next;
	free(follower);
}

static void follower_gone(struct varlink_call *call, void *userdata)
{
	follower_free(userdata);
	varlink_call_release(call);
}

/* Sends records from @from on; the last part with varlink_reply() unless @last is false. */
static int send_events(struct varlink_call *call, json_object *records, bool last)
{
	size_t count = json_object_array_length(records), sent = 0;

	do {
		_cleanup_json_ json_object *reply = json_object_new_object();
		json_object *part = json_object_new_array();
		size_t end = sent + EVENTS_PER_ANSWER;

		if (end > count || !varlink_call_wants_more(call))
			end = count;
		for (; sent < end; sent++)
			json_object_array_add(part, json_object_get(
					      json_object_array_get_idx(records, sent)));
		json_object_object_add(reply, "events", part);
		if (sent == count && last)
			return varlink_reply(call, reply);
		if (varlink_notify(call, reply) < 0)
			return -1;
	} while (sent < count);
	return 0;
}

/**
 * streams_events() - answer a call of Events
 * @since: NULL for all
 * @limit: at most so many old records, the newest
 * @follow: go on with new ones, if the call wants more
 */
int streams_events(struct agent *agent, struct varlink_call *call, const char *since,
		   size_t limit, bool follow)
{
	_cleanup_json_ json_object *records = NULL;
	struct follower *follower;
	struct fault f;

	follow = follow && varlink_call_wants_more(call);
	/* One answer must hold them all. */
	if (!varlink_call_wants_more(call) && limit > EVENTS_PER_ANSWER)
		limit = EVENTS_PER_ANSWER;
	records = audit_read(agent->audit, since, limit, &f);
	if (!records) {
		methods_reply_fault(call, &f);
		return 0;
	}
	if (!follow)
		return send_events(call, records, true);
	follower = calloc(1, sizeof(*follower));
	if (!follower)
		return -1;
	follower->agent = agent;
	follower->call = call;
	follower->next = agent->followers;
	agent->followers = follower;
	varlink_call_on_gone(call, follower_gone, follower);
	send_events(call, records, false);
	return 0;
}

/** streams_recorded() - an audit record has been written: send it to the followers */
void streams_recorded(json_object *record, void *userdata)
{
	struct agent *agent = userdata;
	struct follower *next;

	for (struct follower *f = agent->followers; f; f = next) {
		_cleanup_json_ json_object *reply = json_object_new_object();
		json_object *events = json_object_new_array();

		next = f->next;
		json_object_array_add(events, json_object_get(record));
		json_object_object_add(reply, "events", events);
		varlink_notify(f->call, reply);
	}
}

/** streams_close() - free what is left when the server has gone */
void streams_close(struct agent *agent)
{
	while (agent->watchers)
		watcher_free(agent->watchers);
	while (agent->followers)
		follower_free(agent->followers);
}
