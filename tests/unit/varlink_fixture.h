/* SPDX-License-Identifier: MIT */
/*
 * A varlink server in a thread of its own, with the interface test.Things.
 */
#ifndef VARLINK_FIXTURE_H
#define VARLINK_FIXTURE_H

#include <pthread.h>

#include "lib/varlink/varlink.h"

struct varlink_fixture {
	char directory[64];
	char path[128];
	sd_event *event;
	struct varlink_server *server;
	int stop[2];
	pthread_t thread;
	/* Written by the server's thread, read once it has been joined. */
	struct varlink_call *kept;
	int gone;
};

extern const struct varlink_service test_service;

/** varlink_setup() - start the server; *@state becomes its struct varlink_fixture */
int varlink_setup(void **state);

/** varlink_teardown() - stop the server and release all that it had */
int varlink_teardown(void **state);

#define WITH_SERVER(test) cmocka_unit_test_setup_teardown(test, varlink_setup, varlink_teardown)

/** varlink_connected() - a client of the server; the caller disconnects it */
struct varlink_client *varlink_connected(struct varlink_fixture *fixture);

#endif
