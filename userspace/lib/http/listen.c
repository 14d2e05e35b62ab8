// SPDX-License-Identifier: MIT
/*
 * Making and taking listening sockets.
 *
 * Must never steal the socket of another running service.
 */

#include "lib/http/listen.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <systemd/sd-daemon.h>

#include "lib/base/log.h"

#define SOCKET_FLAGS (SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK)

static int listen_fault(struct fault *f, int fd, const char *address)
{
	fault_set(f, "InvalidConfiguration",
		  "%s cannot be listened on: %s. Check that no other program serves it.", address,
		  strerror(errno));
	if (fd >= 0)
		close(fd);
	return -1;
}

/* A process that answers owns the socket. A socket without an answer is left from a crash. */
static int remove_stale(const struct sockaddr_un *address)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int r = 0;

	if (fd < 0)
		return -1;
	if (!connect(fd, (const struct sockaddr *)address, sizeof(*address)))
		r = EADDRINUSE;
	else if (errno == ECONNREFUSED && unlink(address->sun_path))
		r = errno;
	close(fd);
	errno = r;
	return r ? -1 : 0;
}

/*
 * Only root, the owner and @group may connect. The signature authenticates each request, but a
 * user that can connect can also hold connections and keep others out. Other users take TLS.
 */
static int give_to(const char *path, gid_t group)
{
	struct stat st;

	if (stat(path, &st))
		return -1;
	/* A socket of the systemd unit has that group already. */
	if (group != (gid_t)-1 && st.st_gid != group && chown(path, (uid_t)-1, group)) {
		if (errno != EPERM)
			return -1;
		log_warning("cannot give %s to group %u: only its owner and root can connect", path,
			    group);
	}
	return chmod(path, 0660);
}

static int listen_unix(const char *path, gid_t group, int *out, struct fault *f)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	mode_t mask;
	int fd, r;

	snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	if (remove_stale(&address))
		return listen_fault(f, -1, path);
	fd = socket(AF_UNIX, SOCKET_FLAGS, 0);
	if (fd < 0)
		return listen_fault(f, fd, path);
	/* No user can connect before group and mode are right. */
	mask = umask(0777);
	r = bind(fd, (struct sockaddr *)&address, sizeof(address));
	umask(mask);
	if (r || give_to(path, group) || listen(fd, SOMAXCONN))
		return listen_fault(f, fd, path);
	*out = fd;
	return 0;
}

static int listen_tcp(unsigned int port, int *out, struct fault *f)
{
	struct sockaddr_in address = {
		.sin_family = AF_INET,
		.sin_port = htons((uint16_t)port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	char name[32];
	int on = 1;
	int fd;

	snprintf(name, sizeof(name), "127.0.0.1:%u", port);
	fd = socket(AF_INET, SOCKET_FLAGS, 0);
	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) ||
	    bind(fd, (struct sockaddr *)&address, sizeof(address)) || listen(fd, SOMAXCONN))
		return listen_fault(f, fd, name);
	*out = fd;
	return 0;
}

static int take_activated(int count, struct listeners *listeners, struct fault *f)
{
	int fd;

	for (fd = SD_LISTEN_FDS_START; fd < SD_LISTEN_FDS_START + count; fd++) {
		int *slot = sd_is_socket(fd, AF_UNIX, SOCK_STREAM, 1) > 0   ? &listeners->unix_fd
			    : sd_is_socket(fd, AF_INET, SOCK_STREAM, 1) > 0 ? &listeners->tcp_fd
									    : NULL;

		if (!slot || *slot >= 0)
			return fault_set(f, "InvalidConfiguration",
					 "systemd passed a socket that is neither the unix nor the IPv4 stream socket. Correct the socket unit.");
		if (fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK) < 0)
			return listen_fault(f, -1, "the socket that systemd passed");
		*slot = fd;
	}
	return 0;
}

/**
 * listeners_open() - take the sockets of socket activation, else bind the given ones
 * @unix_path: "" for none; a stale socket is replaced, a served one is an error
 * @group: may connect to the unix socket; (gid_t)-1 for none
 * @port: on 127.0.0.1; 0 for none
 *
 * Return: 0 or -1.
 */
int listeners_open(const char *unix_path, gid_t group, unsigned int port,
		   struct listeners *listeners, struct fault *f)
{
	int count = sd_listen_fds(1);

	*listeners = (struct listeners){ -1, -1, count > 0 };
	if (count > 0)
		return take_activated(count, listeners, f);
	if (*unix_path != '\0' && listen_unix(unix_path, group, &listeners->unix_fd, f))
		return -1;
	if (port != 0 && listen_tcp(port, &listeners->tcp_fd, f)) {
		if (listeners->unix_fd >= 0)
			close(listeners->unix_fd);
		return -1;
	}
	if (listeners->unix_fd < 0 && listeners->tcp_fd < 0)
		return fault_set(f, "InvalidConfiguration",
				 "There is no socket to listen on. Set ListenUnix or ListenTcp.");
	return 0;
}
