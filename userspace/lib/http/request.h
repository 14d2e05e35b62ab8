/* SPDX-License-Identifier: MIT */
/*
 * One HTTP request and its response, as the server (http.c) and the service behind it exchange them.
 *
 * Must never depend on what a service does with them.
 */
#ifndef ENVELOPE_HTTP_REQUEST_H
#define ENVELOPE_HTTP_REQUEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define HTTP_HEADERS_MAX  64

#define HTTP_OK		  200
#define HTTP_BAD_REQUEST  400
#define HTTP_FORBIDDEN	  403
#define HTTP_NOT_FOUND	  404
#define HTTP_CONFLICT	  409
#define HTTP_TOO_LARGE	  413
#define HTTP_MANY_HEADERS 431
#define HTTP_SERVER_ERROR 500

enum transport {
	TRANSPORT_UNIX, /* in clear, and the kernel does not wipe its socket buffers */
	TRANSPORT_TLS,
};

struct http_header {	  /* borrowed from the connection */
	const char *name; /* any case */
	const char *value;
};

struct http_peer {
	char address[64]; /* on the unix socket 127.0.0.1 */
	pid_t pid;	  /* unix only: peer credentials; 0 unknown */
	uid_t uid;
};

struct http_request { /* owner: http.c; gone when the handler returns */
	const char *method;
	const char *path;
	bool has_query;
	const struct http_header *headers;
	size_t header_count;
	const uint8_t *body; /* never NULL */
	size_t body_size;
	enum transport transport;
	struct http_peer peer;
};

struct http_response { /* zeroed before the handler fills it */
	unsigned int status;
	char *body; /* malloc'd text; NULL drops the connection */
	char request_id[37];
	const char *content_type; /* borrowed; NULL: that of the service */
	struct http_header extra; /* one more header; its name is NULL for none; borrowed */
	bool close; /* the body holds plaintext, or the client misbehaves: close the connection */
};

const char *http_header(const struct http_request *request, const char *name);

bool http_posts_to_root(const struct http_request *request);

#endif
