// SPDX-License-Identifier: MIT
/*
 * recv() and gnutls_record_recv() for libmicrohttpd. The dynamic linker prefers the program's
 * definition, as it does with those of wipe_malloc.c. For the same reason this file is no part of the
 * library: each program that calls recv() would get it.
 */
/* The fortified header defines recv() itself. */
#undef _FORTIFY_SOURCE

#include "lib/http/receive.h"

#include <dlfcn.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <gnutls/gnutls.h>

#include "lib/http/head.h"

static const char refusal[] = "HTTP/1.1 400 Bad Request\r\n"
			      "Content-Length: 0\r\n"
			      "Connection: close\r\n\r\n";

/* Indexed by the descriptor. Only the thread of the event loop receives. */
static struct watched {
	bool on;
	enum transport transport;
	const struct http_service *service;
	struct head head;
} * watched;
static size_t watched_count;

/**
 * receive_watch() - read what comes over the connection @fd before libmicrohttpd does
 * @service: hears of a request that is not in order; borrowed
 *
 * Return: 0 or a negative errno.
 */
int receive_watch(int fd, enum transport transport, const struct http_service *service)
{
	size_t need = (size_t)fd + 1;

	if (need > watched_count) {
		struct watched *more = reallocarray(watched, need, sizeof(*more));

		if (!more)
			return -ENOMEM;
		memset(more + watched_count, 0, (need - watched_count) * sizeof(*more));
		watched = more;
		watched_count = need;
	}
	watched[fd] = (struct watched){ .on = true, .transport = transport, .service = service };
	return 0;
}

/** receive_forget() - before the descriptor is closed */
void receive_forget(int fd)
{
	size_t i;

	watched[fd].on = false;
	for (i = 0; i < watched_count && !watched[i].on; i++)
		;
	if (i < watched_count)
		return;
	free(watched);
	watched = NULL;
	watched_count = 0;
}

/* Are the bytes in order, or none of this file's business? */
static bool in_order(int fd, enum transport transport, const void *bytes, ssize_t size)
{
	const struct http_service *service;

	if (size <= 0 || fd < 0 || (size_t)fd >= watched_count || !watched[fd].on ||
	    watched[fd].transport != transport)
		return true;
	if (head_take(&watched[fd].head, bytes, (size_t)size))
		return true;
	service = watched[fd].service;
	service->refused(HTTP_BAD_REQUEST, service->userdata);
	return false;
}

/** recv() - the C library's */
ssize_t recv(int fd, void *bytes, size_t size, int flags)
{
	static ssize_t (*next)(int, void *, size_t, int);
	ssize_t n;

	if (!next)
		*(void **)&next = dlsym(RTLD_NEXT, "recv");
	n = next(fd, bytes, size, flags);
	if ((flags & MSG_PEEK) || in_order(fd, TRANSPORT_UNIX, bytes, n))
		return n;
	send(fd, refusal, sizeof(refusal) - 1, MSG_NOSIGNAL | MSG_DONTWAIT);
	errno = ECONNRESET;
	return -1;
}

/** gnutls_record_recv() - GnuTLS's */
ssize_t gnutls_record_recv(gnutls_session_t session, void *bytes, size_t size)
{
	static ssize_t (*next)(gnutls_session_t, void *, size_t);
	ssize_t n;

	if (!next)
		*(void **)&next = dlsym(RTLD_NEXT, "gnutls_record_recv");
	n = next(session, bytes, size);
	if (in_order(gnutls_transport_get_int(session), TRANSPORT_TLS, bytes, n))
		return n;
	gnutls_record_send(session, refusal, sizeof(refusal) - 1);
	return GNUTLS_E_PULL_ERROR;
}
