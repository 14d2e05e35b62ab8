// SPDX-License-Identifier: MIT
/*
 * What libmicrohttpd makes of a connection that the strict reader of requests accepts. It may refuse
 * more, as a request without a Host. But each request that it hands to the server is the one that is there
 * when the bytes are read line by line: the same target, the same number of headers, the same body.
 */
#include "fuzz.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include <microhttpd.h>

#include "lib/http/head.h"

#define ROUNDS 100000 /* more than a connection of a fuzz target needs to its end */

struct seen { /* one request, as lines */
	const char *target;
	size_t target_size;
	size_t headers;
	const char *body;
	size_t body_size;
};

/* The connection of this input. */
static struct {
	const char *at; /* of the next request */
	size_t left;
	struct seen request;
	char *target; /* as libmicrohttpd reads it; malloc'd */
	size_t body_taken;
	bool over;
} now;

static size_t length_of(const char *line, const char *end)
{
	static const char name[] = "Content-Length:";
	size_t size = sizeof(name) - 1;

	if ((size_t)(end - line) < size || strncasecmp(line, name, size) != 0)
		return 0;
	return strtoul(line + size, NULL, 10);
}

/* The next request, which libmicrohttpd has begun to read. Return: whether there is one */
static bool next_request(void)
{
	const char *empty = memmem(now.at, now.left, "\r\n\r\n", 4), *line, *end;
	size_t head = empty ? (size_t)(empty + 4 - now.at) : 0;

	now.request = (struct seen){ 0 };
	if (!empty)
		return false;
	line = memchr(now.at, ' ', head);
	end = memmem(now.at, head, "\r\n", 2);
	if (!line || line > end)
		return false;
	now.request.target = line + 1;
	now.request.target_size =
		(size_t)((char *)memchr(line + 1, ' ', (size_t)(end - line)) - line) - 1;
	for (line = end + 2; line < empty + 2; line = end + 2) {
		end = memmem(line, (size_t)(empty + 2 - line), "\r\n", 2);
		now.request.headers++;
		now.request.body_size += length_of(line, end);
	}
	now.request.body = empty + 4;
	now.at += head;
	now.left -= head;
	return true;
}

/* After the request line. The headers may be missing yet. */
static void *on_target(void *userdata, const char *uri, struct MHD_Connection *connection)
{
	free(now.target);
	now.target = strdup(uri);
	return NULL;
}

static void begin(struct MHD_Connection *connection)
{
	const struct seen *seen = &now.request;
	bool there = next_request();

	fuzz_holds(there && now.target, "a request that is read is there");
	fuzz_holds(strlen(now.target) == seen->target_size &&
			   !memcmp(now.target, seen->target, seen->target_size),
		   "both read the same target");
	fuzz_holds(MHD_get_connection_values(connection, MHD_HEADER_KIND, NULL, NULL) ==
			   (int)seen->headers,
		   "both read the same headers");
	now.body_taken = 0;
}

static enum MHD_Result answer(struct MHD_Connection *connection)
{
	struct MHD_Response *response = MHD_create_response_from_buffer(0, (void *)"",
									MHD_RESPMEM_PERSISTENT);
	enum MHD_Result r = MHD_queue_response(connection, MHD_HTTP_OK, response);

	MHD_destroy_response(response);
	return r;
}

static enum MHD_Result on_request(void *userdata, struct MHD_Connection *connection,
				  const char *url, const char *method, const char *http_version,
				  const char *upload, size_t *size, void **context)
{
	static char begun;
	const struct seen *seen = &now.request;

	if (!*context) {
		*context = &begun;
		begin(connection);
		return MHD_YES;
	}
	if (*size) {
		fuzz_holds(now.body_taken + *size <= seen->body_size && *size <= now.left &&
				   !memcmp(upload, now.at, *size),
			   "both read the same body");
		now.body_taken += *size;
		now.at += *size;
		now.left -= *size;
		*size = 0;
		return MHD_YES;
	}
	fuzz_holds(now.body_taken == seen->body_size, "both read the whole body");
	return answer(connection);
}

static void on_connection(void *userdata, struct MHD_Connection *connection, void **context,
			  enum MHD_ConnectionNotificationCode code)
{
	if (code == MHD_CONNECTION_NOTIFY_CLOSED)
		now.over = true;
}

static void on_log(void *userdata, const char *format, va_list arguments)
{
}

static struct MHD_Daemon *start(void)
{
	struct MHD_Daemon *daemon =
		MHD_start_daemon(MHD_USE_NO_LISTEN_SOCKET | MHD_USE_ERROR_LOG, 0, NULL, NULL,
				 on_request, NULL, MHD_OPTION_EXTERNAL_LOGGER, on_log, NULL,
				 MHD_OPTION_URI_LOG_CALLBACK, on_target, NULL,
				 MHD_OPTION_NOTIFY_CONNECTION, on_connection, NULL,
				 MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)32768,
				 MHD_OPTION_STRICT_FOR_CLIENT, 1, MHD_OPTION_END);

	if (!daemon)
		abort();
	return daemon;
}

static void serve(const char *bytes, size_t size)
{
	static struct MHD_Daemon *daemon;
	struct sockaddr address = { .sa_family = AF_UNIX };
	char answers[4096];
	int ends[2];

	if (!daemon)
		daemon = start();
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) ||
	    send(ends[1], bytes, size, MSG_NOSIGNAL) != (ssize_t)size ||
	    shutdown(ends[1], SHUT_WR) ||
	    MHD_add_connection(daemon, ends[0], &address, sizeof(address)) != MHD_YES)
		abort();
	/* A client that takes no answers fills the socket: then the server waits for it. */
	for (int i = 0; i < ROUNDS && !now.over; i++) {
		MHD_run(daemon);
		while (recv(ends[1], answers, sizeof(answers), 0) > 0)
			;
	}
	fuzz_holds(now.over, "a connection ends after its last byte");
	close(ends[1]);
	free(now.target);
	now.target = NULL;
}

bool fuzz_one(const uint8_t *bytes, size_t size)
{
	struct head head = { 0 };

	if (!size || size > 8192 || !head_take(&head, bytes, size))
		return false;
	now.at = (const char *)bytes;
	now.left = size;
	now.over = false;
	serve(now.at, size);
	return true;
}
