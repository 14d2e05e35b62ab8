// SPDX-License-Identifier: MIT
/*
 * Ends connections that hold a place for too long.
 *
 * Must never close a descriptor: libmicrohttpd owns it, sees the shutdown and closes it.
 */

#include "lib/http/connections.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "lib/base/log.h"
#include "lib/http/receive.h"

#define USEC_PER_SEC 1000000ULL
#define SWEEP_USEC   (USEC_PER_SEC / 2)
#define WARN_USEC    (60 * USEC_PER_SEC)

struct held { /* one connection, from accept to close */
	struct held *next, *previous;
	int fd;
	uid_t uid;	/* unix only */
	uint64_t since; /* begin of the time for its request */
};

struct connections {
	sd_event *event; /* borrowed */
	sd_event_source *sweep;
	enum transport transport;
	const struct http_service *service; /* borrowed */
	struct held *first;
	unsigned int count;
	bool freed;	 /* a connection has closed since the last call of connections_freed() */
	uint64_t warned; /* time of the last warning about too many connections; 0: none yet */
};

static uint64_t now_usec(struct connections *connections)
{
	uint64_t now = 0;

	sd_event_now(connections->event, CLOCK_MONOTONIC, &now);
	return now;
}

static void end(const struct held *held)
{
	shutdown(held->fd, SHUT_RDWR);
}

static void arm(struct connections *connections)
{
	sd_event_source_set_time(connections->sweep, now_usec(connections) + SWEEP_USEC);
	sd_event_source_set_enabled(connections->sweep, SD_EVENT_ONESHOT);
}

/* Ends each connection whose time is over. */
static int on_sweep(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct connections *connections = userdata;
	bool pressure = connections->count > PRESSURE;
	uint64_t now = now_usec(connections);
	uint64_t limit = (pressure ? HURRIED_SECONDS : PATIENT_SECONDS) * USEC_PER_SEC;
	unsigned int ended = 0;

	for (struct held *held = connections->first; held; held = held->next) {
		if (now - held->since < limit)
			continue;
		end(held);
		ended++;
	}
	if (pressure && ended > 0 &&
	    (connections->warned == 0 || now - connections->warned > WARN_USEC)) {
		log_warning("%u connections to the %s socket at once: ended %u that had sent no whole request in %d s",
			    connections->count,
			    connections->transport == TRANSPORT_UNIX ? "unix" : "TCP", ended,
			    HURRIED_SECONDS);
		connections->warned = now;
	}
	if (connections->count > 0)
		arm(connections);
	return 0;
}

static unsigned int held_by(const struct connections *connections, uid_t uid)
{
	unsigned int count = 0;

	for (const struct held *held = connections->first; held; held = held->next)
		count += held->uid == uid;
	return count;
}

static void check_peer(struct connections *connections, struct held *held)
{
	socklen_t size = sizeof(struct ucred);
	struct ucred cred;

	if (getsockopt(held->fd, SOL_SOCKET, SO_PEERCRED, &cred, &size))
		return;
	held->uid = cred.uid;
	if (cred.uid != connections->service->favoured && held_by(connections, cred.uid) > PEER_MAX)
		end(held);
}

static void started(struct connections *connections, struct MHD_Connection *connection,
		    void **context)
{
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
	struct held *held = info ? calloc(1, sizeof(*held)) : NULL;

	if (!held ||
	    receive_watch(info->connect_fd, connections->transport, connections->service)) {
		if (info)
			shutdown(info->connect_fd, SHUT_RDWR);
		free(held);
		return;
	}
	held->fd = info->connect_fd;
	held->uid = (uid_t)-1;
	held->since = now_usec(connections);
	held->next = connections->first;
	if (held->next)
		held->next->previous = held;
	connections->first = held;
	if (connections->count++ == 0)
		arm(connections);
	if (connections->transport == TRANSPORT_UNIX)
		check_peer(connections, held);
	*context = held;
}

static void closed(struct connections *connections, struct held *held)
{
	receive_forget(held->fd);
	if (held->previous)
		held->previous->next = held->next;
	else
		connections->first = held->next;
	if (held->next)
		held->next->previous = held->previous;
	connections->count--;
	connections->freed = true;
	free(held);
}

/** connections_notify() - MHD_NotifyConnectionCallback, with the connections as its closure */
void connections_notify(void *userdata, struct MHD_Connection *connection, void **context,
			enum MHD_ConnectionNotificationCode code)
{
	if (code == MHD_CONNECTION_NOTIFY_STARTED) {
		started(userdata, connection, context);
	} else if (*context) {
		closed(userdata, *context);
		*context = NULL;
	}
}

/** connections_answered() - a request of @connection is done, the next one has its own time */
void connections_answered(struct connections *connections, struct MHD_Connection *connection)
{
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
	struct held *held = info ? info->socket_context : NULL;

	if (held)
		held->since = now_usec(connections);
}

/**
 * connections_freed() - has a connection ended since the last call?
 *
 * At its limit libmicrohttpd stops to listen. It listens again in the first MHD_run() after a
 * connection ended, and no event leads to this run if all connections ended in the run before.
 */
bool connections_freed(struct connections *connections)
{
	bool freed = connections->freed;

	connections->freed = false;
	return freed;
}

/** connections_none() - is no connection open? */
bool connections_none(const struct connections *connections)
{
	return connections->count == 0;
}

/**
 * connections_new() - watch over the connections of one socket
 * @service: its favoured user has no limit of PEER_MAX; borrowed
 *
 * Return: 0 or a negative errno.
 */
int connections_new(sd_event *event, enum transport transport, const struct http_service *service,
		    struct connections **out)
{
	struct connections *connections = calloc(1, sizeof(*connections));
	int r;

	if (!connections)
		return -ENOMEM;
	connections->event = event;
	connections->transport = transport;
	connections->service = service;
	r = sd_event_add_time(event, &connections->sweep, CLOCK_MONOTONIC, UINT64_MAX, 1, on_sweep,
			      connections);
	if (r >= 0)
		r = sd_event_source_set_enabled(connections->sweep, SD_EVENT_OFF);
	if (r < 0) {
		connections_free(connections);
		return r;
	}
	*out = connections;
	return 0;
}

/** connections_free() - after the daemon has closed them; NULL is fine */
void connections_free(struct connections *connections)
{
	if (!connections)
		return;
	sd_event_source_disable_unref(connections->sweep);
	free(connections);
}
