// SPDX-License-Identifier: MIT
/*
 * HTTP through libmicrohttpd.
 *
 * Must never buffer a body beyond BODY_MAX, and never leave a body unwiped: request and response are
 * heap blocks, which wipe_malloc.c wipes when they are freed. For the same reason the connection's
 * memory pool has a size that libmicrohttpd takes from the heap and not from mmap().
 */

#include "lib/http/http.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <microhttpd.h>

#include "lib/base/log.h"
#include "lib/base/secret.h"
#include "lib/http/connections.h"

#define BODY_MAX     (64 * 1024)
#define POOL_BYTES   (32 * 1024)
#define IDLE_SECONDS 30
#define TLS_PRIORITIES                                     \
	"NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2:-RSA:" \
	"-CIPHER-ALL:+AES-256-GCM:+AES-128-GCM:+CHACHA20-POLY1305"
#define USEC_PER_MSEC 1000ULL
#define EAGER_TURNS   16
#define REST_MSEC     10

struct http {
	/* A server that http_renew() has replaced, until its last connection ends; owned by @newer */
	struct http *older;
	struct http *newer;		    /* that listens now; NULL: this one */
	const struct http_service *service; /* borrowed */
	enum transport transport;
	struct MHD_Daemon *daemon;
	sd_event *event; /* borrowed */
	sd_event_source *io;
	sd_event_source *timer;
	unsigned int eager; /* turns in a row that libmicrohttpd wanted at once, without an event */
	struct connections *connections;
};

struct exchange { /* one HTTP request; freed by on_completed() */
	uint8_t *body;
	size_t size;
	bool too_large;
};

struct header_list {
	struct http_header headers[HTTP_HEADERS_MAX];
	size_t count;
	bool too_many;
};

static enum MHD_Result take_header(void *cls, enum MHD_ValueKind kind, const char *name,
				   const char *value)
{
	struct header_list *list = cls;

	if (list->count == HTTP_HEADERS_MAX) {
		list->too_many = true;
		return MHD_NO;
	}
	list->headers[list->count++] = (struct http_header){ name, value ? value : "" };
	return MHD_YES;
}

static void describe_peer(struct http_request *request, struct MHD_Connection *connection)
{
	struct http_peer *peer = &request->peer;
	const union MHD_ConnectionInfo *info;
	struct ucred cred;
	socklen_t size = sizeof(cred);

	if (request->transport == TRANSPORT_UNIX) {
		snprintf(peer->address, sizeof(peer->address), "127.0.0.1");
		info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
		if (info && !getsockopt(info->connect_fd, SOL_SOCKET, SO_PEERCRED, &cred, &size)) {
			peer->pid = cred.pid;
			peer->uid = cred.uid;
		}
		return;
	}
	info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
	if (info && info->client_addr->sa_family == AF_INET)
		inet_ntop(AF_INET, &((const struct sockaddr_in *)info->client_addr)->sin_addr,
			  peer->address, sizeof(peer->address));
}

static enum MHD_Result respond(struct http *http, struct MHD_Connection *connection,
			       const struct http_response *answer)
{
	struct MHD_Response *response;
	enum MHD_Result queued;

	if (!answer->body)
		return MHD_NO;
	response = MHD_create_response_from_buffer(strlen(answer->body), answer->body,
						   MHD_RESPMEM_MUST_FREE);
	if (!response) {
		free(answer->body);
		return MHD_NO;
	}
	MHD_add_response_header(response, "Content-Type",
				answer->content_type ? answer->content_type
						     : http->service->content_type);
	MHD_add_response_header(response, "x-amzn-RequestId", answer->request_id);
	if (answer->extra.name)
		MHD_add_response_header(response, answer->extra.name, answer->extra.value);
	if (answer->close || http->newer)
		MHD_add_response_header(response, "Connection", "close");
	queued = MHD_queue_response(connection, answer->status, response);
	MHD_destroy_response(response);
	return queued;
}

/* A request beyond the server's limits never reaches the service's handler. */
static enum MHD_Result refuse(struct http *http, struct MHD_Connection *connection,
			      unsigned int status)
{
	const struct http_service *service = http->service;
	struct http_response response = {
		.status = status,
		.body = service->refuse(status),
		.request_id = "-",
		.close = true,
	};

	service->refused(status, service->userdata);
	return respond(http, connection, &response);
}

/* Frees the body before the connection ends, because it may hold plaintext. */
static void drop_body(struct exchange *exchange)
{
	free(exchange->body);
	exchange->body = NULL;
	exchange->size = 0;
}

static enum MHD_Result handle(struct http *http, struct MHD_Connection *connection,
			      struct exchange *exchange, const char *method, const char *path)
{
	struct http_response response = { 0 };
	struct header_list list = { 0 };
	struct http_request request;

	MHD_get_connection_values(connection, MHD_HEADER_KIND, take_header, &list);
	if (list.too_many)
		return refuse(http, connection, HTTP_MANY_HEADERS);
	request = (struct http_request){
		.method = method,
		.path = path,
		.has_query = MHD_get_connection_values(connection, MHD_GET_ARGUMENT_KIND, NULL,
						       NULL) > 0,
		.headers = list.headers,
		.header_count = list.count,
		.body = exchange->body ? exchange->body : (const uint8_t *)"",
		.body_size = exchange->size,
		.transport = http->transport,
	};
	describe_peer(&request, connection);
	http->service->handle(&request, &response, http->service->userdata);
	drop_body(exchange);
	return respond(http, connection, &response);
}

static void take_body(struct exchange *exchange, const char *data, size_t size)
{
	uint8_t *body;

	if (exchange->too_large || size > BODY_MAX - exchange->size) {
		exchange->too_large = true;
		drop_body(exchange);
		return;
	}
	body = realloc(exchange->body, exchange->size + size);
	if (!body) {
		exchange->too_large = true;
		drop_body(exchange);
		return;
	}
	memcpy(body + exchange->size, data, size);
	exchange->body = body;
	exchange->size += size;
}

static enum MHD_Result on_request(void *cls, struct MHD_Connection *connection, const char *url,
				  const char *method, const char *version, const char *data,
				  size_t *data_size, void **state)
{
	struct exchange *exchange = *state;

	if (!exchange) {
		*state = calloc(1, sizeof(*exchange));
		return *state ? MHD_YES : MHD_NO;
	}
	if (*data_size > 0) {
		take_body(exchange, data, *data_size);
		*data_size = 0;
		return MHD_YES;
	}
	if (exchange->too_large)
		return refuse(cls, connection, HTTP_TOO_LARGE);
	return handle(cls, connection, exchange, method, url);
}

static void on_completed(void *cls, struct MHD_Connection *connection, void **state,
			 enum MHD_RequestTerminationCode toe)
{
	struct exchange *exchange = *state;
	struct http *http = cls;

	if (!exchange)
		return;
	connections_answered(http->connections, connection);
	drop_body(exchange);
	free(exchange);
	*state = NULL;
}

__attribute__((format(printf, 2, 0))) static void on_log(void *cls, const char *fmt, va_list ap)
{
	char line[512];

	vsnprintf(line, sizeof(line), fmt, ap);
	line[strcspn(line, "\n")] = '\0';
	log_debug("http: %s", line);
}

/*
 * Runs libmicrohttpd, and arms the timer for its next turn.
 *
 * While half of a TLS handshake is there, libmicrohttpd wants its next turn at once, again and again
 * until the other half comes: a stranger could keep a CPU busy by one byte. An event is always
 * handled at once, and turns without an event are spaced out after EAGER_TURNS.
 */
static int pump(struct http *http)
{
	MHD_UNSIGNED_LONG_LONG msec;
	uint64_t now;

	do {
		MHD_run(http->daemon);
	} while (connections_freed(http->connections));
	stack_wipe();
	if (MHD_get_timeout(http->daemon, &msec) != MHD_YES)
		return sd_event_source_set_enabled(http->timer, SD_EVENT_OFF);
	if (msec == 0 && ++http->eager > EAGER_TURNS)
		msec = REST_MSEC;
	sd_event_now(http->event, CLOCK_MONOTONIC, &now);
	sd_event_source_set_time(http->timer, now + msec * USEC_PER_MSEC);
	return sd_event_source_set_enabled(http->timer, SD_EVENT_ONESHOT);
}

static void end(struct http *http)
{
	if (http->newer)
		http->newer->older = http->older;
	if (http->older)
		http->older->newer = http->newer;
	sd_event_source_disable_unref(http->io);
	sd_event_source_disable_unref(http->timer);
	MHD_stop_daemon(http->daemon);
	connections_free(http->connections);
	free(http);
}

static int run(struct http *http)
{
	int r = pump(http);

	if (http->newer && connections_none(http->connections))
		end(http);
	return r;
}

static int on_io(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
	struct http *http = userdata;

	http->eager = 0;
	return run(http);
}

static int on_timer(sd_event_source *source, uint64_t usec, void *userdata)
{
	return run(userdata);
}

static struct MHD_Daemon *start_daemon(struct http *http, int fd, const struct tls *tls)
{
	unsigned int flags = MHD_USE_EPOLL | MHD_USE_ERROR_LOG;
	struct MHD_OptionItem none[] = { { MHD_OPTION_END, 0, NULL } };
	struct MHD_OptionItem secure[] = {
		{ MHD_OPTION_HTTPS_MEM_CERT, 0, tls ? tls->certificate : NULL },
		{ MHD_OPTION_HTTPS_MEM_KEY, 0, tls ? tls->key : NULL },
		{ MHD_OPTION_HTTPS_PRIORITIES, 0, (void *)TLS_PRIORITIES },
		{ MHD_OPTION_END, 0, NULL },
	};

	if (http->transport == TRANSPORT_TLS)
		flags |= MHD_USE_TLS;
	return MHD_start_daemon(flags, 0, NULL, NULL, on_request, http, MHD_OPTION_EXTERNAL_LOGGER,
				on_log, NULL, MHD_OPTION_LISTEN_SOCKET, fd,
				MHD_OPTION_NOTIFY_COMPLETED, on_completed, http,
				MHD_OPTION_NOTIFY_CONNECTION, connections_notify, http->connections,
				MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)POOL_BYTES,
				MHD_OPTION_CONNECTION_LIMIT, (unsigned int)CONNECTIONS_MAX,
				MHD_OPTION_CONNECTION_TIMEOUT, (unsigned int)IDLE_SECONDS,
				MHD_OPTION_SIGPIPE_HANDLED_BY_APP, 1, MHD_OPTION_STRICT_FOR_CLIENT,
				1, MHD_OPTION_ARRAY,
				http->transport == TRANSPORT_TLS ? secure : none, MHD_OPTION_END);
}

static int watch(struct http *http)
{
	const union MHD_DaemonInfo *info;
	int r;

	info = MHD_get_daemon_info(http->daemon, MHD_DAEMON_INFO_EPOLL_FD);
	if (!info || info->epoll_fd < 0)
		return -EINVAL;
	r = sd_event_add_io(http->event, &http->io, info->epoll_fd, EPOLLIN, on_io, http);
	/* Leases are renewed over the unix socket, so requests over TCP wait for it. */
	if (r >= 0 && http->transport == TRANSPORT_UNIX)
		r = sd_event_source_set_priority(http->io, SD_EVENT_PRIORITY_IMPORTANT);
	if (r < 0)
		return r;
	return sd_event_add_time(http->event, &http->timer, CLOCK_MONOTONIC, UINT64_MAX, 1,
				 on_timer, http);
}

/**
 * http_new() - serve @fd
 * @event: loop
 * @service: borrowed
 * @fd: listening socket, non-blocking; ownership passes also on failure
 * @transport: of the socket
 * @tls: certificate, for TRANSPORT_TLS; borrowed
 *
 * Return: 0 or -1.
 */
int http_new(sd_event *event, const struct http_service *service, int fd, enum transport transport,
	     const struct tls *tls, struct http **out, struct fault *f)
{
	struct http *http = calloc(1, sizeof(*http));
	int r;

	if (!http) {
		close(fd);
		return fault_set(f, "InternalFailure",
				 "Out of memory. Free some, and start again.");
	}
	http->service = service;
	http->event = event;
	http->transport = transport;
	r = connections_new(event, transport, service, &http->connections);
	if (r >= 0)
		http->daemon = start_daemon(http, fd, tls);
	if (!http->daemon) {
		close(fd);
		connections_free(http->connections);
		free(http);
		return fault_set(f, "InternalFailure",
				 "The HTTP server cannot be started. See the log for the reason.");
	}
	r = watch(http);
	if (r < 0) {
		end(http);
		return fault_set(f, "InternalFailure", "The HTTP server cannot be watched: %s.",
				 strerror(-r));
	}
	*out = http;
	return 0;
}

/**
 * http_renew() - present another certificate to the connections from now on
 * @http: of TRANSPORT_TLS; replaced by a new server on the same socket
 * @tls: borrowed
 *
 * The present connections end with their next answer, or when their time is over. Until then they are
 * served with the old certificate. Must not be called by the service's handler.
 *
 * Return: 0, or -1: the present certificate stays.
 */
int http_renew(struct http **http, const struct tls *tls, struct fault *f)
{
	struct http *old = *http;
	const union MHD_DaemonInfo *info = MHD_get_daemon_info(old->daemon,
							       MHD_DAEMON_INFO_LISTEN_FD);
	int fd = info ? fcntl(info->listen_fd, F_DUPFD_CLOEXEC, 0) : -1;

	if (fd < 0)
		return fault_set(f, "InternalFailure",
				 "The listening socket cannot be used for a new certificate: %s.",
				 strerror(errno));
	if (http_new(old->event, old->service, fd, old->transport, tls, http, f))
		return -1;
	close(MHD_quiesce_daemon(old->daemon));
	old->newer = *http;
	(*http)->older = old;
	if (connections_none(old->connections))
		end(old);
	return 0;
}

/** http_free() - stop serving, close all connections */
void http_free(struct http *http)
{
	if (!http)
		return;
	while (http->older)
		end(http->older);
	end(http);
}
