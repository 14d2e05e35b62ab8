/* SPDX-License-Identifier: MIT */
/*
 * Varlink (varlink.org) over a unix stream socket: JSON objects, each ended by
 * one NUL byte. The server runs on an sd-event loop and never blocks; the client
 * blocks and is for the command line and small helpers.
 *
 * Input is hostile until it is parsed. This code alone bounds sizes, nesting, the number of
 * connections and unread output. Must never put a secret into a message: the kernel frees socket
 * buffers unwiped.
 */
#ifndef ENVELOPE_VARLINK_H
#define ENVELOPE_VARLINK_H

#include <json-c/json.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>
#include <systemd/sd-event.h>

#include "lib/base/fault.h"

/** VARLINK_MESSAGE_MAX - bytes of the largest message, without its NUL */
#define VARLINK_MESSAGE_MAX (1024 * 1024)
/** VARLINK_OUTPUT_MAX - unread bytes at which the server drops a client */
#define VARLINK_OUTPUT_MAX (4 * VARLINK_MESSAGE_MAX)
/**
 * VARLINK_CONNECTIONS_MAX - connections at one time; root may have some more, and clients that may
 * only read leave some for the others
 */
#define VARLINK_CONNECTIONS_MAX		  64
#define VARLINK_CONNECTIONS_ROOT	  8
#define VARLINK_CONNECTIONS_READERS	  48

#define VARLINK_SERVICE			  "org.varlink.service"
#define VARLINK_ERROR_INTERFACE_NOT_FOUND VARLINK_SERVICE ".InterfaceNotFound"
#define VARLINK_ERROR_METHOD_NOT_FOUND	  VARLINK_SERVICE ".MethodNotFound"
#define VARLINK_ERROR_INVALID_PARAMETER	  VARLINK_SERVICE ".InvalidParameter"
#define VARLINK_ERROR_PERMISSION_DENIED	  VARLINK_SERVICE ".PermissionDenied"
#define VARLINK_ERROR_EXPECTED_MORE	  VARLINK_SERVICE ".ExpectedMore"

/* ---- framing ---- */

/**
 * struct varlink_buffer - bytes that wait for the end of a message, or for the socket
 * @data: heap block, owned by the buffer
 * @start: first byte not yet taken
 * @end: one past the last byte
 * @size: allocated bytes
 */
struct varlink_buffer {
	char *data;
	size_t start;
	size_t end;
	size_t size;
};

void varlink_buffer_free(struct varlink_buffer *buffer);
size_t varlink_buffer_used(const struct varlink_buffer *buffer);
int varlink_buffer_append(struct varlink_buffer *buffer, const void *bytes, size_t size);
int varlink_buffer_append_message(struct varlink_buffer *buffer, json_object *message);
int varlink_buffer_read(struct varlink_buffer *buffer, int fd);
int varlink_buffer_write(struct varlink_buffer *buffer, int fd);
int varlink_buffer_take(struct varlink_buffer *buffer, json_object **ret);

/* ---- server ---- */

struct varlink_server;
struct varlink_call;

/**
 * typedef varlink_handler_t - answer one call
 * @call: to be answered with varlink_reply() or varlink_error(), now or later
 * @params: the call's parameters, an object, never NULL; borrowed
 * @userdata: as given to varlink_server_new()
 *
 * Returns 0, or negative when the call will get no answer: the server then drops the connection.
 */
typedef int (*varlink_handler_t)(struct varlink_call *call, json_object *params, void *userdata);

/** typedef varlink_gone_t - the client of a waiting call has gone; release the call */
typedef void (*varlink_gone_t)(struct varlink_call *call, void *userdata);

/** enum varlink_right - what a method needs; a row of a table that names no right is for changes */
enum varlink_right {
	VARLINK_CHANGE, /* root, and members of the server's group */
	VARLINK_READ,	/* every client that can connect */
};

/** typedef varlink_denied_t - answer a call of @method, which the client has no right to */
typedef int (*varlink_denied_t)(struct varlink_call *call, const char *method);

/**
 * struct varlink_method - one method of an interface
 * @name: without the interface, "CreateCluster"
 * @handler: answers it
 * @right: that its callers need
 */
struct varlink_method {
	const char *name;
	varlink_handler_t handler;
	enum varlink_right right;
};

/**
 * struct varlink_service - what a server offers; must outlive it
 * @vendor, @product, @version, @url: for org.varlink.service.GetInfo
 * @interface: name of the one interface
 * @description: its varlink text
 * @methods: ended by an entry without name
 * @denied: NULL answers with PermissionDenied
 */
struct varlink_service {
	const char *vendor;
	const char *product;
	const char *version;
	const char *url;
	const char *interface;
	const char *description;
	const struct varlink_method *methods;
	varlink_denied_t denied;
};

int varlink_server_new(struct varlink_server **ret, sd_event *event,
		       const struct varlink_service *service, void *userdata);
int varlink_server_listen_path(struct varlink_server *server, const char *path, mode_t mode,
			       gid_t group, struct fault *f);
int varlink_server_listen_fd(struct varlink_server *server, int fd, gid_t group);
size_t varlink_server_connections(const struct varlink_server *server);
void varlink_server_free(struct varlink_server *server);

bool varlink_call_wants_more(const struct varlink_call *call);
bool varlink_call_is_gone(const struct varlink_call *call);
uid_t varlink_call_uid(const struct varlink_call *call);
pid_t varlink_call_pid(const struct varlink_call *call);
void varlink_call_on_gone(struct varlink_call *call, varlink_gone_t gone, void *userdata);
void varlink_call_release(struct varlink_call *call);

int varlink_reply(struct varlink_call *call, json_object *params);
int varlink_notify(struct varlink_call *call, json_object *params);
int varlink_error(struct varlink_call *call, const char *error, json_object *params);
int varlink_error_parameter(struct varlink_call *call, const char *parameter);

/* ---- client ---- */

struct varlink_client;

/** typedef varlink_each_t - one reply of a streaming call; non-zero ends the call */
typedef int (*varlink_each_t)(json_object *reply, void *userdata);

int varlink_connect(const char *path, struct varlink_client **ret, struct fault *f);
void varlink_client_timeout(struct varlink_client *client, int milliseconds);
int varlink_client_fd(const struct varlink_client *client);
int varlink_call(struct varlink_client *client, const char *method, json_object *params,
		 json_object **reply, struct fault *f);
int varlink_call_more(struct varlink_client *client, const char *method, json_object *params,
		      varlink_each_t each, void *userdata, struct fault *f);
void varlink_disconnect(struct varlink_client *client);

static inline void varlink_disconnectp(struct varlink_client **client)
{
	varlink_disconnect(*client);
}
#define _cleanup_varlink_ __attribute__((cleanup(varlink_disconnectp)))

#endif
