/* SPDX-License-Identifier: MIT */
/*
 * Who is connected to one listening socket, and for how long: nobody may keep others out by
 * holding connections.
 *
 * A request has PATIENT_SECONDS from the start of the connection, or from the answer before it, to
 * its end; HURRIED_SECONDS while more than PRESSURE connections are open. libmicrohttpd's own
 * timeout is one of silence, which a client that sends a byte now and then never meets. On the
 * unix socket a user other than the agent's has at most PEER_MAX connections at a time.
 */
#ifndef ENVELOPE_HTTP_CONNECTIONS_H
#define ENVELOPE_HTTP_CONNECTIONS_H

#include <microhttpd.h>
#include <systemd/sd-event.h>

#include "lib/http/request.h"

#define CONNECTIONS_MAX 256
#define PRESSURE	192
#define PATIENT_SECONDS 30
#define HURRIED_SECONDS 2
#define PEER_MAX	64

struct connections;

/** connections_new() - Return: 0 or a negative errno */
int connections_new(sd_event *event, enum transport transport, struct connections **connections);

/** connections_notify() - MHD_NotifyConnectionCallback, with the connections as its closure */
void connections_notify(void *connections, struct MHD_Connection *connection, void **context,
			enum MHD_ConnectionNotificationCode code);

/** connections_answered() - a request of @connection is done, the next one has its own time */
void connections_answered(struct connections *connections, struct MHD_Connection *connection);

/** connections_free() - after the daemon has closed them; NULL is fine */
void connections_free(struct connections *connections);

#endif
