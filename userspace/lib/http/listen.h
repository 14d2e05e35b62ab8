/* SPDX-License-Identifier: MIT */
/*
 * Listening sockets: handed over by systemd, or made here.
 *
 * Must never bind an address other than loopback.
 */
#ifndef ENVELOPE_KMS_LISTEN_H
#define ENVELOPE_KMS_LISTEN_H

#include <stdbool.h>

#include "lib/base/fault.h"

struct listeners {
	int unix_fd; /* -1: none; ownership passes to the caller */
	int tcp_fd;
	bool activated; /* handed over by systemd, which keeps them */
};

/**
 * listeners_open() - take the sockets of socket activation, else bind those asked for
 * @unix_path: "" for none; a stale socket is replaced, a served one is an error
 * @port: on 127.0.0.1; 0 for none
 *
 * Return: 0 or -1.
 */
int listeners_open(const char *unix_path, unsigned int port, struct listeners *listeners,
		   struct fault *f);

#endif
