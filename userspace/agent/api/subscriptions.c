// SPDX-License-Identifier: MIT
/*
 * Answers the calls Status and Events. A watcher is a call of Status: the agent answers after it
 * has read the kernel's present figures of all devices. If a device keeps the agent from reading
 * them, the agent answers from memory. A follower is a call of Events that stays open: the agent
 * sends it each new audit record.
 */
#include "agent/api/subscriptions.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/api/cluster_json.h"
#include "agent/api/disk_json.h"
#include "agent/api/reply.h"
#include "agent/lease/lease.h"
#include "agent/volume/device_events.h"
#include "agent/work/state.h"
#include "lib/base/json.h"
#include "lib/base/log.h"

/* How long an answer waits for a look. A look takes milliseconds, unless a device hangs. */
#define LOOK_NS (2 * NS_PER_S)

/* One answer stays well below the largest message, all answers below the limit of unread output. */
#define EVENTS_PER_ANSWER 200
#define BYTES_PER_ANSWER  (VARLINK_MESSAGE_MAX / 4)
#define BYTES_IN_ALL	  (VARLINK_OUTPUT_MAX / 2)

/**
 * struct watcher - a call of Status
 * @id: identifier of the watched cluster; "" for all clusters
 * @due: the agent answers after a look at the devices that begins after this
 * @asked: number of the look that had begun last by then. It may have read a device before, and would
 *	say something old to a client that has just had the answer of an operation
 * @timer: the end of the wait for the figures
 */
struct watcher {
	struct watcher *next;
	struct agent *agent;
	struct varlink_call *call;
	char id[CLUSTER_ID_MAX + 1];
	bool due;
	uint64_t asked;
	sd_event_source *timer;
};

/** struct follower - a call of Events that stays open for new records */
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
	sd_event_source_disable_unref(watcher->timer);
	free(watcher);
}

static void watcher_gone(struct varlink_call *call, void *userdata)
{
	watcher_free(userdata);
	varlink_call_release(call);
}

static json_object *volumes(const struct watcher *watcher)
{
	json_object *reply = json_object_new_object(), *list = json_object_new_array();
	const struct fault *trouble = catalog_trouble(watcher->agent->catalog);

	if (!trouble && watcher->agent->refused.code[0])
		trouble = &watcher->agent->refused;
	for (struct cluster *c = watcher->agent->clusters; c; c = c->next) {
		json_object *volume;

		if (watcher->id[0] && strcasecmp(watcher->id, c->id))
			continue;
		volume = cluster_volume_to_json(c, watcher->agent->config.lease_seconds);
		json_object_array_add(list, disk_json_add(volume, c));
	}
	json_add_object(reply, "volumes", list);
	if (trouble)
		json_add_string(reply, "problem", trouble->message);
	return reply;
}

static void answer(struct watcher *watcher)
{
	_cleanup_json_ json_object *reply = volumes(watcher);

	watcher->due = false;
	watcher->timer = sd_event_source_disable_unref(watcher->timer);
	if (varlink_call_wants_more(watcher->call)) {
		varlink_notify(watcher->call, reply);
	} else {
		varlink_reply(watcher->call, reply);
		watcher_free(watcher);
	}
}

static int on_timer(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct watcher *watcher = userdata;

	state_flush(watcher->agent);
	answer(watcher);
	return 0;
}

/*
 * Nanoseconds for which an answer may wait: none while a look hangs that began long ago. Else the look
 * under way ends soon, and the answer waits for the next one.
 */
static uint64_t patience(const struct agent *agent)
{
	uint64_t age = agent->refreshing ? lease_now() - agent->look_ns : 0;

	return age < LOOK_NS ? LOOK_NS : 0;
}

static void expect(struct watcher *watcher)
{
	struct agent *agent = watcher->agent;
	int r = 0;

	/* A watch has each change. A single answer does not wait for the changes of others. */
	if (!watcher->due || varlink_call_wants_more(watcher->call))
		watcher->asked = agent->look_number;
	watcher->due = true;
	if (!watcher->timer)
		r = sd_event_add_time_relative(agent->event, &watcher->timer, CLOCK_MONOTONIC,
					       patience(agent) / 1000, 1000, on_timer, watcher);
	if (r < 0)
		log_error("An answer to Status may be late, there is no timer: %s", strerror(-r));
}

/** subscriptions_status() - answer a call of Status; @id NULL for all clusters */
int subscriptions_status(struct agent *agent, struct varlink_call *call, const char *id)
{
	struct watcher *watcher = calloc(1, sizeof(*watcher));

	if (!watcher)
		return -1;
	watcher->agent = agent;
	watcher->call = call;
	snprintf(watcher->id, sizeof(watcher->id), "%s", id ? id : "");
	watcher->next = agent->watchers;
	agent->watchers = watcher;
	varlink_call_on_gone(call, watcher_gone, watcher);
	expect(watcher);
	device_events_refresh(agent);
	return 0;
}

/** subscriptions_changed() - the state that Status shows has changed; true if a watcher waits */
bool subscriptions_changed(struct agent *agent)
{
	for (struct watcher *w = agent->watchers; w; w = w->next)
		expect(w);
	return agent->watchers;
}

/** subscriptions_looked() - the agent has read all devices: answer the watchers that are due */
void subscriptions_looked(struct agent *agent)
{
	struct watcher *next;

	state_flush(agent);
	for (struct watcher *w = agent->watchers; w; w = next) {
		next = w->next;
		if (w->due && agent->look_number > w->asked)
			answer(w);
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

static size_t bytes_of(json_object *records, size_t i)
{
	size_t size;

	json_object_to_json_string_length(json_object_array_get_idx(records, i),
					  JSON_C_TO_STRING_PLAIN, &size);
	return size + 1;
}

/* Index of the first record to send, so that the newest records fit into @bytes. */
static size_t newest(json_object *records, size_t bytes)
{
	size_t first = json_object_array_length(records), used = 0;

	while (first && (used += bytes_of(records, first - 1)) <= bytes)
		first--;
	return first;
}

/* Index after the last record of the part that begins at @first. A part has at least one record. */
static size_t part_end(json_object *records, size_t first)
{
	size_t count = json_object_array_length(records), end = first, bytes = 0;

	while (end < count && end - first < EVENTS_PER_ANSWER &&
	       (bytes += bytes_of(records, end)) <= BYTES_PER_ANSWER)
		end++;
	return end == first && end < count ? end + 1 : end;
}

/*
 * Sends records: in several parts if the client wants more, else in one part.
 * @last: end the call with the last part; false for a follower, whose call stays open
 */
static int send_events(struct varlink_call *call, json_object *records, bool last)
{
	bool more = varlink_call_wants_more(call);
	size_t count = json_object_array_length(records);
	size_t sent = newest(records, more ? BYTES_IN_ALL : BYTES_PER_ANSWER);

	do {
		_cleanup_json_ json_object *reply = json_object_new_object();
		json_object *part = json_object_new_array();
		size_t end = part_end(records, sent);

		for (; sent < end; sent++)
			json_object_array_add(part,
					      json_object_get(
						      json_object_array_get_idx(records, sent)));
		json_add_object(reply, "events", part);
		if (sent == count && last)
			return varlink_reply(call, reply);
		if (varlink_notify(call, reply) < 0) {
			/* follower_gone() releases the call of a follower. */
			if (last)
				varlink_call_release(call);
			return -1;
		}
	} while (sent < count);
	return 0;
}

/**
 * subscriptions_events() - answer a call of Events
 * @since: NULL for all
 * @limit: send at most this many old records, the newest ones
 * @follow: send new records too, if the call wants more
 */
int subscriptions_events(struct agent *agent, struct varlink_call *call, const char *since,
			 size_t limit, bool follow)
{
	_cleanup_json_ json_object *records = NULL;
	struct follower *follower;
	struct fault f;

	follow = follow && varlink_call_wants_more(call);
	/* Without "more" the client gets one answer, which must hold all records. */
	if (!varlink_call_wants_more(call) && limit > EVENTS_PER_ANSWER)
		limit = EVENTS_PER_ANSWER;
	records = audit_read(agent->audit, since, limit, &f);
	if (!records) {
		reply_fault(call, &f);
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

/** subscriptions_recorded() - an audit record has been written: send it to the followers */
void subscriptions_recorded(json_object *record, void *userdata)
{
	struct agent *agent = userdata;
	struct follower *next;

	for (struct follower *f = agent->followers; f; f = next) {
		_cleanup_json_ json_object *reply = json_object_new_object();
		json_object *events = json_object_new_array();

		next = f->next;
		json_object_array_add(events, json_object_get(record));
		json_add_object(reply, "events", events);
		varlink_notify(f->call, reply);
	}
}

/** subscriptions_close() - free the watchers and followers that the closed server has left */
void subscriptions_close(struct agent *agent)
{
	while (agent->watchers)
		watcher_free(agent->watchers);
	while (agent->followers)
		follower_free(agent->followers);
}
