/* SPDX-License-Identifier: MIT */
/*
 * A client's connection: between varlink_server.c, which accepts it, and
 * varlink_connection.c, which serves it.
 */
#ifndef ENVELOPE_VARLINK_CONNECTION_H
#define ENVELOPE_VARLINK_CONNECTION_H

#include "lib/varlink/varlink.h"

/**
 * struct varlink_connection - one client; owned by its server's list
 * @server: never NULL
 * @prev, @next: in the server's list
 * @fd, @source: its socket
 * @uid, @gid, @pid, @groups, @groups_count: the peer when it connected (SO_PEERCRED, SO_PEERGROUPS)
 * @input, @output: bytes under way
 * @call: being answered; the connection holds no reference on it
 * @holds: functions on the stack that still use it
 * @eof: the client sends no more
 * @dead: closed; freed when @holds is 0
 */
struct varlink_connection {
	struct varlink_server *server;
	struct varlink_connection *prev, *next;
	int fd;
	sd_event_source *source;
	uid_t uid;
	gid_t gid;
	pid_t pid;
	gid_t *groups;
	size_t groups_count;
	struct varlink_buffer input;
	struct varlink_buffer output;
	struct varlink_call *call;
	unsigned int holds;
	bool eof;
	bool dead;
};

/**
 * struct varlink_server - owned by the caller of varlink_server_new()
 * @event: a reference
 * @group: whose members may mutate besides root; 0 for none
 * @path: unlinked at the end; NULL when the socket was passed in
 * @connections: list of @connections_count, owned
 */
struct varlink_server {
	sd_event *event;
	const struct varlink_service *service;
	void *userdata;
	gid_t group;
	int listen_fd;
	sd_event_source *listen_source;
	char *path;
	struct varlink_connection *connections;
	size_t connections_count;
};

int varlink_connection_new(struct varlink_server *server, int fd);
void varlink_connection_close(struct varlink_connection *connection);

#endif
