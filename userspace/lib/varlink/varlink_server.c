// SPDX-License-Identifier: MIT
/*
 * A varlink server on an sd-event loop: its socket, and the clients it accepts.
 * varlink_connection.c serves the clients.
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "lib/base/log.h"
#include "lib/varlink/varlink_connection.h"

#define BACKLOG 32

static int on_accept(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
	int client = accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	int r;

	if (client < 0) {
		if (errno != EAGAIN && errno != EINTR && errno != ECONNABORTED)
			log_error("varlink: cannot accept a connection: %s.", strerror(errno));
		return 0;
	}
	r = varlink_connection_new(userdata, client);
	if (r < 0)
		log_warning("varlink: refusing a connection: %s.", strerror(-r));
	return 0;
}

/**
 * varlink_server_new() - make a server that does not listen yet
 * @ret: to be released with varlink_server_free()
 * @event: its loop; a reference is kept
 * @service: what it offers; must outlive it
 * @userdata: for the handlers
 *
 * Return: 0 or -ENOMEM.
 */
int varlink_server_new(struct varlink_server **ret, sd_event *event,
		       const struct varlink_service *service, void *userdata)
{
	struct varlink_server *server = calloc(1, sizeof(*server));

	if (!server)
		return -ENOMEM;
	server->event = sd_event_ref(event);
	server->service = service;
	server->userdata = userdata;
	server->listen_fd = -1;
	*ret = server;
	return 0;
}

/**
 * varlink_server_listen_fd() - serve a listening socket
 * @server: that does not listen yet
 * @fd: taken over, also on failure
 * @group: whose members may mutate besides root; 0 for none
 *
 * Return: 0 or a negative errno.
 */
int varlink_server_listen_fd(struct varlink_server *server, int fd, gid_t group)
{
	int r = sd_event_add_io(server->event, &server->listen_source, fd, EPOLLIN, on_accept,
				server);

	if (r < 0) {
		close(fd);
		return r;
	}
	server->listen_fd = fd;
	server->group = group;
	return 0;
}

/* True when a server accepts connections at @address. */
static bool is_served(const struct sockaddr_un *address)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	bool served;

	if (fd < 0)
		return false;
	served = connect(fd, (const struct sockaddr *)address, sizeof(*address)) == 0 ||
		 errno == EAGAIN;
	close(fd);
	return served;
}

/**
 * varlink_server_listen_path() - make a socket in the file system and serve it
 * @server: that does not listen yet
 * @path: of the socket; the socket of a dead server is replaced
 * @mode: permissions of the socket
 * @group: owning group, whose members may mutate besides root; 0 for none
 * @f: InvalidConfiguration when another server serves @path
 *
 * Return: 0 or -1.
 */
int varlink_server_listen_path(struct varlink_server *server, const char *path, mode_t mode,
			       gid_t group, struct fault *f)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	mode_t mask;
	int fd, r;

	if (strlen(path) >= sizeof(address.sun_path))
		return fault_set(f, "InvalidConfiguration", "The socket path %s is too long.",
				 path);
	strcpy(address.sun_path, path);
	if (is_served(&address))
		return fault_set(f, "AgentRunning",
				 "Another process already serves %s. Stop it first.", path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return fault_set(f, "InternalFailure", "A socket cannot be made: %s.",
				 strerror(errno));
	unlink(path);
	/* No client can connect before owner and mode are right. */
	mask = umask(0777);
	r = bind(fd, (struct sockaddr *)&address, sizeof(address));
	umask(mask);
	if (r < 0 || (group && chown(path, (uid_t)-1, group) < 0) || chmod(path, mode) < 0 ||
	    listen(fd, BACKLOG) < 0) {
		fault_set(f, "InvalidConfiguration", "The socket %s cannot be listened on: %s.",
			  path, strerror(errno));
		close(fd);
		return -1;
	}
	r = varlink_server_listen_fd(server, fd, group);
	if (r < 0)
		return fault_set(f, "InternalFailure", "The socket %s cannot be served: %s.", path,
				 strerror(-r));
	server->path = strdup(path);
	return 0;
}

/** varlink_server_connections() - number of clients connected now */
size_t varlink_server_connections(const struct varlink_server *server)
{
	return server->connections_count;
}

/** varlink_server_free() - disconnect all clients and free; calls in work lose their client */
void varlink_server_free(struct varlink_server *server)
{
	if (!server)
		return;
	while (server->connections)
		varlink_connection_close(server->connections);
	sd_event_source_unref(server->listen_source);
	if (server->listen_fd >= 0)
		close(server->listen_fd);
	if (server->path)
		unlink(server->path);
	free(server->path);
	sd_event_unref(server->event);
	free(server);
}
