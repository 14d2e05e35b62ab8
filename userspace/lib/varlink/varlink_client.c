// SPDX-License-Identifier: MIT
/*
 * A blocking varlink client: one connection, one call at a time. An error reply
 * becomes a struct fault: io.dmenvelope.Cluster.Fault carries a code and a message; this file has
 * the words for the protocol's own errors.
 */

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "lib/base/json.h"
#include "lib/varlink/varlink.h"

/**
 * struct varlink_client - a connection; owned by the caller of varlink_connect()
 * @fd: the socket
 * @timeout_ms: longest wait for one reply, -1 for no limit
 * @broken: bytes in transit are out of step, no further call is possible
 * @input, @output: messages under way
 */
struct varlink_client {
	int fd;
	int timeout_ms;
	bool broken;
	struct varlink_buffer input;
	struct varlink_buffer output;
};

/**
 * varlink_connect() - connect to a service
 * @path: of its socket
 * @ret: the client, to be closed with varlink_disconnect()
 * @f: tells a missing server from a missing permission
 *
 * Return: 0 or -1.
 */
int varlink_connect(const char *path, struct varlink_client **ret, struct fault *f)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	_cleanup_varlink_ struct varlink_client *client = NULL;

	if (strlen(path) >= sizeof(address.sun_path))
		return fault_set(f, "InvalidParameterValue", "The socket path %s is too long.",
				 path);
	strcpy(address.sun_path, path);
	client = calloc(1, sizeof(*client));
	if (!client)
		return fault_set(f, "InternalFailure", "Out of memory.");
	client->timeout_ms = -1;
	client->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (client->fd < 0)
		return fault_set(f, "InternalFailure", "A socket cannot be made: %s.",
				 strerror(errno));
	if (connect(client->fd, (struct sockaddr *)&address, sizeof(address)) < 0) {
		if (errno == EACCES || errno == EPERM)
			return fault_set(f, "AccessDeniedException",
					 "No permission to connect to %s. Become root or a member of the group envelope.",
					 path);
		return fault_set(f, "AgentUnreachable",
				 "The agent does not answer on %s: %s. Check with 'systemctl status enveloped' that it runs.",
				 path, strerror(errno));
	}
	*ret = client;
	client = NULL;
	return 0;
}

/** varlink_client_timeout() - longest wait for one reply; -1, the default: no limit */
void varlink_client_timeout(struct varlink_client *client, int milliseconds)
{
	client->timeout_ms = milliseconds;
}

/** varlink_client_fd() - the socket, for a caller that polls it; not to be closed */
int varlink_client_fd(const struct varlink_client *client)
{
	return client->fd;
}

static int64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

static int wait_for(struct varlink_client *client, short events, int64_t deadline, struct fault *f)
{
	struct pollfd pollfd = { .fd = client->fd, .events = events };

	for (;;) {
		int64_t left = client->timeout_ms < 0 ? -1 : deadline - now_ms();
		int n;

		if (client->timeout_ms >= 0 && left < 0)
			left = 0;
		n = poll(&pollfd, 1, (int)left);
		if (n > 0)
			return 0;
		if (n < 0 && errno == EINTR)
			continue;
		client->broken = true;
		if (n < 0)
			return fault_set(f, "InternalFailure",
					 "The agent's socket cannot be polled: %s.",
					 strerror(errno));
		return fault_set(f, "AgentUnreachable",
				 "The agent took the call and has not answered for %d seconds. It finishes what it has begun: 'envelope cluster describe' shows the result. If that does not answer either, the agent hangs.",
				 (client->timeout_ms + 999) / 1000);
	}
}

static int send_call(struct varlink_client *client, const char *method, json_object *params,
		     bool more, int64_t deadline, struct fault *f)
{
	json_object *message = json_object_new_object();
	int r;

	if (client->broken) {
		json_object_put(message);
		return fault_set(f, "AgentUnreachable", "The connection has failed before.");
	}
	json_add_string(message, "method", method);
	json_add_object(message, "parameters",
			params ? json_object_get(params) : json_object_new_object());
	if (more)
		json_add_bool(message, "more", true);
	r = varlink_buffer_append_message(&client->output, message);
	json_object_put(message);
	if (r < 0)
		return fault_set(f, "InvalidParameterValue", "The request is too large.");
	for (;;) {
		if (wait_for(client, POLLOUT, deadline, f) < 0)
			return -1;
		r = varlink_buffer_write(&client->output, client->fd);
		if (r == 0)
			return 0;
		if (r == -EAGAIN)
			continue;
		client->broken = true;
		return fault_set(f, "AgentUnreachable",
				 "The request cannot be sent to the agent: %s.", strerror(-r));
	}
}

static int receive(struct varlink_client *client, int64_t deadline, json_object **ret,
		   struct fault *f)
{
	for (;;) {
		int r = varlink_buffer_take(&client->input, ret);

		if (r > 0)
			return 0;
		if (r == 0) {
			if (wait_for(client, POLLIN, deadline, f) < 0)
				return -1;
			r = varlink_buffer_read(&client->input, client->fd);
			if (r > 0 || r == -EINTR || r == -EAGAIN)
				continue;
		}
		client->broken = true;
		if (r == -EBADMSG || r == -EMSGSIZE)
			return fault_set(f, "InternalFailure",
					 "The agent's answer is not a varlink message.");
		return fault_set(f, "AgentUnreachable", "The agent closed the connection%s%s.",
				 r ? ": " : "", r ? strerror(-r) : "");
	}
}

/* Turns the protocol's error @name into words. */
static int protocol_fault(const char *name, json_object *params, struct fault *f)
{
	const char *parameter = json_get_string(params, "parameter");

	if (!strcmp(name, VARLINK_ERROR_INVALID_PARAMETER))
		return fault_set(f, "InvalidParameterValue",
				 "The parameter %s is missing, unknown or of the wrong type.",
				 parameter ? parameter : "?");
	if (!strcmp(name, VARLINK_ERROR_PERMISSION_DENIED))
		return fault_set(f, "AccessDeniedException",
				 "Only root and members of the group envelope may do this.");
	if (!strcmp(name, VARLINK_ERROR_METHOD_NOT_FOUND) ||
	    !strcmp(name, VARLINK_ERROR_INTERFACE_NOT_FOUND))
		return fault_set(f, "InvalidAction",
				 "The agent does not know this operation. Check that envelope and enveloped are of the same version.");
	return fault_set(f, "InternalFailure", "The agent answered with the error %s.", name);
}

/* Splits a reply into its parameters (0, *ret owned by the caller) or a fault (-1). */
static int open_reply(json_object *message, json_object **ret, struct fault *f)
{
	const char *error = json_get_string(message, "error"), *code, *text, *dot;
	json_object *params = json_get(message, "parameters");

	if (!error) {
		*ret = params ? json_object_get(params) : json_object_new_object();
		return 0;
	}
	dot = strrchr(error, '.');
	code = params ? json_get_string(params, "code") : NULL;
	text = params ? json_get_string(params, "message") : NULL;
	if (dot && !strcmp(dot, ".Fault") && code && text)
		return fault_set(f, code, "%s", text);
	return protocol_fault(error, params, f);
}

/**
 * varlink_call() - call a method and wait for its answer
 * @client: the connection
 * @method: with its interface, "io.dmenvelope.Cluster.StartCluster"
 * @params: borrowed; NULL for none
 * @reply: the answer's parameters, owned by the caller; NULL when not wanted
 * @f: the service's fault, or the reason why no answer came
 *
 * Return: 0 or -1.
 */
int varlink_call(struct varlink_client *client, const char *method, json_object *params,
		 json_object **reply, struct fault *f)
{
	int64_t deadline = now_ms() + client->timeout_ms;
	json_object *message = NULL, *answer = NULL;
	int r;

	if (send_call(client, method, params, false, deadline, f) < 0 ||
	    receive(client, deadline, &message, f) < 0)
		return -1;
	r = open_reply(message, &answer, f);
	json_object_put(message);
	if (r == 0 && reply)
		*reply = answer;
	else
		json_object_put(answer);
	return r;
}

/**
 * varlink_call_more() - call a method and hand each of its answers to @each
 * @client: the connection; cannot be used again after @each has ended the call early
 * @method: with its interface
 * @params: borrowed; NULL for none
 * @each: sees every answer's parameters (borrowed); non-zero ends the call
 * @userdata: for @each
 * @f: as in varlink_call()
 *
 * Return: 0 after the last answer, what @each returned if not 0, or -1 with a fault.
 */
int varlink_call_more(struct varlink_client *client, const char *method, json_object *params,
		      varlink_each_t each, void *userdata, struct fault *f)
{
	int64_t deadline = now_ms() + client->timeout_ms;

	if (send_call(client, method, params, true, deadline, f) < 0)
		return -1;
	for (;;) {
		json_object *message = NULL, *answer = NULL;
		bool continues;
		int r;

		deadline = now_ms() + client->timeout_ms;
		if (receive(client, deadline, &message, f) < 0)
			return -1;
		continues = json_get_bool(message, "continues", false);
		r = open_reply(message, &answer, f);
		json_object_put(message);
		if (r < 0)
			return r;
		r = each(answer, userdata);
		json_object_put(answer);
		if (r)
			client->broken = continues;
		if (r || !continues)
			return r;
	}
}

/** varlink_disconnect() - close and free; NULL is fine */
void varlink_disconnect(struct varlink_client *client)
{
	if (!client)
		return;
	if (client->fd >= 0)
		close(client->fd);
	varlink_buffer_free(&client->input);
	varlink_buffer_free(&client->output);
	free(client);
}
