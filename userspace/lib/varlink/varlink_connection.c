// SPDX-License-Identifier: MIT
/*
 * Serves a varlink client: one call at a time, in order; a call may be answered later,
 * and a streaming one (`more`) many times. org.varlink.service is answered in
 * varlink_service.c.
 *
 * Lifetime: a connection is freed when its socket fails or its client has gone. A call outlives
 * its connection until it is answered or released, so the code that works on the call needs no
 * bookkeeping of clients.
 */

#include "lib/varlink/varlink_connection.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/base/json.h"
#include "lib/base/log.h"
#include "lib/varlink/varlink_service.h"

#define GROUPS_MAX 256

/**
 * struct varlink_call - a call that waits for its answer
 * @connection: NULL once the client has gone
 * @message: the call as it came; @params points into it or is the empty object
 * @gone, @gone_userdata: called when the client goes
 */
struct varlink_call {
	struct varlink_connection *connection;
	json_object *message;
	json_object *params;
	bool oneway;
	bool more;
	uid_t uid;
	pid_t pid;
	varlink_gone_t gone;
	void *gone_userdata;
};

static void connection_free(struct varlink_connection *connection)
{
	struct varlink_server *server = connection->server;

	if (connection->prev)
		connection->prev->next = connection->next;
	else
		server->connections = connection->next;
	if (connection->next)
		connection->next->prev = connection->prev;
	server->connections_count--;
	sd_event_source_unref(connection->source);
	close(connection->fd);
	free(connection->groups);
	varlink_buffer_free(&connection->input);
	varlink_buffer_free(&connection->output);
	free(connection);
}

static void hold(struct varlink_connection *connection)
{
	connection->holds++;
}

static void let_go(struct varlink_connection *connection)
{
	if (!--connection->holds && connection->dead)
		connection_free(connection);
}

/** varlink_connection_close() - end it; it is freed at once, or when its last holder lets go */
void varlink_connection_close(struct varlink_connection *connection)
{
	struct varlink_call *call = connection->call;

	if (connection->dead)
		return;
	hold(connection);
	connection->dead = true;
	connection->call = NULL;
	if (call) {
		call->connection = NULL;
		if (call->gone)
			call->gone(call, call->gone_userdata);
	}
	sd_event_source_set_enabled(connection->source, SD_EVENT_OFF);
	let_go(connection);
}

/*
 * While a call waits for its answer nothing more is read, so a client cannot pile up work. A
 * closed socket is still reported (EPOLLHUP).
 */
static void update_events(struct varlink_connection *connection)
{
	uint32_t events = 0;

	if (!connection->call && !connection->eof)
		events |= EPOLLIN;
	if (varlink_buffer_used(&connection->output))
		events |= EPOLLOUT;
	sd_event_source_set_io_events(connection->source, events);
}

static int queue(struct varlink_connection *connection, json_object *message)
{
	int r = varlink_buffer_append_message(&connection->output, message);

	if (r == 0)
		r = varlink_buffer_write(&connection->output, connection->fd);
	if (r == -EAGAIN)
		r = varlink_buffer_used(&connection->output) > VARLINK_OUTPUT_MAX ? -ENOBUFS : 0;
	return r;
}

static void process(struct varlink_connection *connection);

/* Sends an answer; the last one (!@continues) also ends the call and frees it. */
static int answer(struct varlink_call *call, const char *error, json_object *params, bool continues)
{
	struct varlink_connection *connection = call->connection;
	json_object *message;
	int r = connection ? 0 : -ENOTCONN;

	if (connection && !call->oneway) {
		message = json_object_new_object();
		if (error)
			json_add_string(message, "error", error);
		json_add_object(message, "parameters",
				params ? json_object_get(params) : json_object_new_object());
		if (continues)
			json_add_bool(message, "continues", true);
		r = queue(connection, message);
		json_object_put(message);
	}
	if (!continues) {
		if (connection)
			connection->call = NULL;
		call->connection = NULL;
		varlink_call_release(call);
	}
	if (!connection)
		return r;
	if (r < 0) {
		varlink_connection_close(connection);
		return r;
	}
	update_events(connection);
	/* Within process() the next message is taken by its loop, so answers never nest. */
	if (!continues && !connection->holds)
		process(connection);
	return 0;
}

/**
 * varlink_reply() - answer a call with its result, for the last time
 * @call: freed by this
 * @params: borrowed; NULL for none
 *
 * Return: 0, or negative when the client did not get the answer; the caller has nothing more to
 * do.
 */
int varlink_reply(struct varlink_call *call, json_object *params)
{
	return answer(call, NULL, params, false);
}

/**
 * varlink_notify() - send one of several answers of a streaming call
 * @call: stays with the caller, who must have seen varlink_call_wants_more()
 * @params: borrowed
 *
 * Return: 0, or negative: the client has gone. Its gone function, if it has one, has
 * run and released the call by then; without one the caller releases it.
 */
int varlink_notify(struct varlink_call *call, json_object *params)
{
	return answer(call, NULL, params, true);
}

/** varlink_error() - answer a call with an error; otherwise like varlink_reply() */
int varlink_error(struct varlink_call *call, const char *error, json_object *params)
{
	return answer(call, error, params, false);
}

/** varlink_error_parameter() - answer that one parameter is missing, unknown or of a wrong type */
int varlink_error_parameter(struct varlink_call *call, const char *parameter)
{
	_cleanup_json_ json_object *params = json_object_new_object();

	json_add_string(params, "parameter", parameter);
	return varlink_error(call, VARLINK_ERROR_INVALID_PARAMETER, params);
}

/** varlink_call_wants_more() - true when the client takes several answers */
bool varlink_call_wants_more(const struct varlink_call *call)
{
	return call->more;
}

/** varlink_call_is_gone() - true when nobody waits for the answer any longer */
bool varlink_call_is_gone(const struct varlink_call *call)
{
	return !call->connection;
}

/** varlink_call_uid() - the caller's user id when it connected */
uid_t varlink_call_uid(const struct varlink_call *call)
{
	return call->uid;
}

/** varlink_call_pid() - the caller's process id when it connected; not to decide by */
pid_t varlink_call_pid(const struct varlink_call *call)
{
	return call->pid;
}

/**
 * varlink_call_on_gone() - set a function for a client that goes before the answer
 *
 * @gone must call varlink_call_release(). Without such a function the call waits for its answer,
 * and the answer is dropped.
 */
void varlink_call_on_gone(struct varlink_call *call, varlink_gone_t gone, void *userdata)
{
	call->gone = gone;
	call->gone_userdata = userdata;
}

/** varlink_call_release() - free a call whose client has gone, unanswered */
void varlink_call_release(struct varlink_call *call)
{
	json_object_put(call->message);
	json_object_put(call->params);
	free(call);
}

static bool may_change(const struct varlink_connection *connection)
{
	gid_t group = connection->server->group;

	if (connection->uid == 0 || (group && connection->gid == group))
		return true;
	for (size_t i = 0; group && i < connection->groups_count; i++)
		if (connection->groups[i] == group)
			return true;
	return false;
}

static int error_named(struct varlink_call *call, const char *error, const char *key,
		       const char *value)
{
	_cleanup_json_ json_object *params = json_object_new_object();

	json_add_string(params, key, value);
	return varlink_error(call, error, params);
}

/* Finds the method of @name and calls it. Negative: the connection must go. */
static int dispatch(struct varlink_connection *connection, struct varlink_call *call,
		    const char *name)
{
	struct varlink_server *server = connection->server;
	const struct varlink_service *service = server->service;
	const char *dot = strrchr(name, '.');
	size_t length = dot ? (size_t)(dot - name) : 0;

	if (!dot || !length || !dot[1])
		return varlink_error_parameter(call, "method");
	if (!strncmp(name, VARLINK_SERVICE ".", length + 1) && !VARLINK_SERVICE[length])
		return varlink_service_answer(service, call, dot + 1, call->params);
	if (strncmp(name, service->interface, length) || service->interface[length]) {
		_cleanup_json_ json_object *params = json_object_new_object();

		json_add_object(params, "interface", json_object_new_string_len(name, (int)length));
		return varlink_error(call, VARLINK_ERROR_INTERFACE_NOT_FOUND, params);
	}
	for (const struct varlink_method *m = service->methods; m->name; m++) {
		if (strcmp(m->name, dot + 1))
			continue;
		if (m->right == VARLINK_READ || may_change(connection))
			return m->handler(call, call->params, server->userdata);
		if (service->denied)
			return service->denied(call, m->name);
		return varlink_error(call, VARLINK_ERROR_PERMISSION_DENIED, NULL);
	}
	return error_named(call, VARLINK_ERROR_METHOD_NOT_FOUND, "method", name);
}

/* Takes over a message, makes a call of it and calls its method. */
static int begin(struct varlink_connection *connection, json_object *message)
{
	const char *name = json_get_string(message, "method");
	json_object *params = json_get(message, "parameters");
	struct varlink_call *call;
	int r;

	if (!name || (params && !json_object_is_type(params, json_type_object))) {
		json_object_put(message);
		return -EBADMSG;
	}
	call = calloc(1, sizeof(*call));
	if (!call) {
		json_object_put(message);
		return -ENOMEM;
	}
	call->connection = connection;
	call->message = message;
	call->params = params ? json_object_get(params) : json_object_new_object();
	call->oneway = json_get_bool(message, "oneway", false);
	call->more = json_get_bool(message, "more", false) && !call->oneway;
	call->uid = connection->uid;
	call->pid = connection->pid;
	connection->call = call;
	r = dispatch(connection, call, name);
	/* A lost client is not an error of the handler, and connection->dead is already set. */
	if (connection->dead || r >= 0)
		return 0;
	if (connection->call == call) {
		connection->call = NULL;
		varlink_call_release(call);
	}
	return r;
}

/* Works through the received messages, until one must wait for its answer. */
static void process(struct varlink_connection *connection)
{
	int r = 0;

	hold(connection);
	while (!connection->dead && !connection->call) {
		json_object *message = NULL;

		r = varlink_buffer_take(&connection->input, &message);
		if (r <= 0)
			break;
		r = begin(connection, message);
		if (r < 0)
			break;
	}
	if (r < 0 && !connection->dead) {
		log_warning("varlink: dropping a client of uid %u, pid %d: %s.", connection->uid,
			    connection->pid, strerror(-r));
		varlink_connection_close(connection);
	}
	/* The client hung up, or closed only its sending side and has its answers now. */
	if (connection->eof && !connection->call && !varlink_buffer_used(&connection->output))
		varlink_connection_close(connection);
	if (!connection->dead)
		update_events(connection);
	let_go(connection);
}

static int on_io(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
	struct varlink_connection *connection = userdata;
	int r;

	/* Both sides are closed: an answer would not be read. */
	if (revents & (EPOLLHUP | EPOLLERR) && (connection->call || connection->eof)) {
		varlink_connection_close(connection);
		return 0;
	}
	if (revents & EPOLLOUT) {
		r = varlink_buffer_write(&connection->output, fd);
		if (r < 0 && r != -EAGAIN) {
			varlink_connection_close(connection);
			return 0;
		}
	}
	if (revents & (EPOLLIN | EPOLLHUP) && !connection->call && !connection->eof) {
		r = varlink_buffer_read(&connection->input, fd);
		if (r <= 0 && r != -EAGAIN && r != -EINTR)
			connection->eof = true;
	}
	process(connection);
	return 0;
}

/*
 * Reads the peer's ids. An old kernel does not report supplementary groups: the list is then
 * empty.
 */
static int read_peer(struct varlink_connection *connection)
{
	struct ucred credentials;
	socklen_t size = sizeof(credentials);

	if (getsockopt(connection->fd, SOL_SOCKET, SO_PEERCRED, &credentials, &size) < 0)
		return -errno;
	connection->uid = credentials.uid;
	connection->gid = credentials.gid;
	connection->pid = credentials.pid;
	connection->groups = calloc(GROUPS_MAX, sizeof(gid_t));
	if (!connection->groups)
		return -ENOMEM;
	size = GROUPS_MAX * sizeof(gid_t);
	if (getsockopt(connection->fd, SOL_SOCKET, SO_PEERGROUPS, connection->groups, &size) == 0)
		connection->groups_count = size / sizeof(gid_t);
	return 0;
}

/**
 * varlink_connection_new() - serve a client
 * @fd: its socket, taken over also on failure
 *
 * Return: 0, -EUSERS when there are too many, or another negative errno.
 */
int varlink_connection_new(struct varlink_server *server, int fd)
{
	struct varlink_connection *connection = calloc(1, sizeof(*connection));
	size_t limit = VARLINK_CONNECTIONS_MAX;
	int r;

	if (!connection) {
		close(fd);
		return -ENOMEM;
	}
	connection->server = server;
	connection->fd = fd;
	connection->next = server->connections;
	if (connection->next)
		connection->next->prev = connection;
	server->connections = connection;
	server->connections_count++;
	r = read_peer(connection);
	if (r == 0 && connection->uid == 0)
		limit += VARLINK_CONNECTIONS_ROOT;
	else if (r == 0 && !may_change(connection))
		limit = VARLINK_CONNECTIONS_READERS;
	if (r == 0 && server->connections_count > limit)
		r = -EUSERS;
	if (r == 0)
		r = sd_event_add_io(server->event, &connection->source, fd, EPOLLIN, on_io,
				    connection);
	if (r < 0)
		connection_free(connection);
	return r;
}
