/* SPDX-License-Identifier: MIT */
/*
 * The connections of one listening socket, and how long each may last: a client must not keep
 * others out by holding connections.
 *
 * A request has PATIENT_SECONDS from the start of the connection, or from the response before it,
 * to its end. It has HURRIED_SECONDS while more than PRESSURE connections are open. libmicrohttpd's
 * own timeout counts silence only: a client that sends a byte now and then never reaches it. On the
 * unix socket each user but the favoured one has at most PEER_MAX connections at a time.
 */
#ifndef ENVELOPE_HTTP_CONNECTIONS_H
#define ENVELOPE_HTTP_CONNECTIONS_H

#include <microhttpd.h>
#include <systemd/sd-event.h>

#include "lib/http/http_service.h"

#define CONNECTIONS_MAX 256
#define PRESSURE	192
#define PATIENT_SECONDS 30
#define HURRIED_SECONDS 2
#define PEER_MAX	64

struct connections;

int connections_new(sd_event *event, enum transport transport, const struct http_service *service,
		    struct connections **connections);

void connections_notify(void *connections, struct MHD_Connection *connection, void **context,
			enum MHD_ConnectionNotificationCode code);

void connections_answered(struct connections *connections, struct MHD_Connection *connection);

bool connections_freed(struct connections *connections);

bool connections_none(const struct connections *connections);

void connections_free(struct connections *connections);

#endif
