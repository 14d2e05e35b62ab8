/* SPDX-License-Identifier: MIT */
/*
 * Listening sockets: handed over by systemd, or made here.
 *
 * Must never bind an address other than loopback.
 */
#ifndef ENVELOPE_LISTEN_H
#define ENVELOPE_LISTEN_H

#include <stdbool.h>
#include <sys/types.h>

#include "lib/base/fault.h"

struct listeners {
	int unix_fd; /* -1: none; ownership passes to the caller */
	int tcp_fd;
	bool activated; /* handed over by systemd, which keeps them */
};

int listeners_open(const char *unix_path, gid_t group, unsigned int port,
		   struct listeners *listeners, struct fault *f);

#endif
