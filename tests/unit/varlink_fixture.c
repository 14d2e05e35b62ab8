// SPDX-License-Identifier: MIT
/* A varlink server for tests. See varlink_fixture.h. */

#include "varlink_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/json.h"

static int echo(struct varlink_call *call, json_object *params, void *userdata)
{
	if (!json_get_string(params, "text"))
		return varlink_error_parameter(call, "text");
	return varlink_reply(call, params);
}

static int count(struct varlink_call *call, json_object *params, void *userdata)
{
	int64_t to = json_get_int(params, "to", 0);

	if (!varlink_call_wants_more(call))
		return varlink_error(call, VARLINK_ERROR_EXPECTED_MORE, NULL);
	for (int64_t i = 1; i <= to; i++) {
		_cleanup_json_ json_object *reply = json_object_new_object();

		json_add_int(reply, "number", i);
		if (i == to)
			return varlink_reply(call, reply);
		if (varlink_notify(call, reply) < 0) {
			varlink_call_release(call);
			return 0;
		}
	}
	return varlink_reply(call, NULL);
}

static int fail_always(struct varlink_call *call, json_object *params, void *userdata)
{
	_cleanup_json_ json_object *fault = json_object_new_object();

	json_add_string(fault, "code", "DBClusterNotFoundFault");
	json_add_string(fault, "message", "no such cluster");
	return varlink_error(call, "test.Things.Fault", fault);
}

static void on_gone(struct varlink_call *call, void *userdata)
{
	struct varlink_fixture *fixture = userdata;

	fixture->gone++;
	fixture->kept = NULL;
	varlink_call_release(call);
}

static int keep(struct varlink_call *call, json_object *params, void *userdata)
{
	struct varlink_fixture *fixture = userdata;

	fixture->kept = call;
	varlink_call_on_gone(call, on_gone, fixture);
	return 0;
}

static int finish(struct varlink_call *call, json_object *params, void *userdata)
{
	struct varlink_fixture *fixture = userdata;
	_cleanup_json_ json_object *reply = json_object_new_object();

	if (fixture->kept)
		varlink_reply(fixture->kept, params);
	json_add_bool(reply, "kept", fixture->kept);
	fixture->kept = NULL;
	return varlink_reply(call, reply);
}

static int gone(struct varlink_call *call, json_object *params, void *userdata)
{
	const struct varlink_fixture *fixture = userdata;
	_cleanup_json_ json_object *reply = json_object_new_object();

	json_add_int(reply, "gone", fixture->gone);
	return varlink_reply(call, reply);
}

static int give_up(struct varlink_call *call, json_object *params, void *userdata)
{
	return -EIO;
}

static const struct varlink_method methods[] = {
	{ "Echo", echo, VARLINK_READ },
	{ "Count", count, VARLINK_READ },
	{ "Fail", fail_always, VARLINK_READ },
	{ "Keep", keep, VARLINK_READ },
	{ "Finish", finish, VARLINK_READ },
	{ "GiveUp", give_up, VARLINK_READ },
	{ "Gone", gone, VARLINK_READ },
	{ "Change", echo, VARLINK_CHANGE },
	{ 0 },
};

const struct varlink_service test_service = {
	.vendor = "test",
	.product = "things",
	.version = "1",
	.url = "https://example.test",
	.interface = "test.Things",
	.description = "interface test.Things\n",
	.methods = methods,
};

static int on_stop(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
	return sd_event_exit(userdata, 0);
}

static void *serve(void *userdata)
{
	sd_event_loop(userdata);
	return NULL;
}

int varlink_setup(void **state)
{
	struct varlink_fixture *fixture = calloc(1, sizeof(*fixture));
	struct fault f = { 0 };

	strcpy(fixture->directory, "/tmp/varlink-test-XXXXXX");
	assert_non_null(mkdtemp(fixture->directory));
	snprintf(fixture->path, sizeof(fixture->path), "%s/s", fixture->directory);
	assert_int_equal(pipe(fixture->stop), 0);
	assert_true(sd_event_new(&fixture->event) >= 0);
	assert_int_equal(varlink_server_new(&fixture->server, fixture->event, &test_service,
					    fixture),
			 0);
	assert_int_equal(varlink_server_listen_path(fixture->server, fixture->path, 0666, 0, &f),
			 0);
	assert_true(sd_event_add_io(fixture->event, NULL, fixture->stop[0], EPOLLIN, on_stop,
				    fixture->event) >= 0);
	assert_int_equal(pthread_create(&fixture->thread, NULL, serve, fixture->event), 0);
	*state = fixture;
	return 0;
}

int varlink_teardown(void **state)
{
	struct varlink_fixture *fixture = *state;

	assert_int_equal(write(fixture->stop[1], "x", 1), 1);
	pthread_join(fixture->thread, NULL);
	if (fixture->kept)
		varlink_call_release(fixture->kept);
	varlink_server_free(fixture->server);
	sd_event_unref(fixture->event);
	close(fixture->stop[0]);
	close(fixture->stop[1]);
	assert_int_equal(access(fixture->path, F_OK), -1);
	rmdir(fixture->directory);
	free(fixture);
	return 0;
}

struct varlink_client *varlink_connected(struct varlink_fixture *fixture)
{
	struct varlink_client *client = NULL;
	struct fault f = { 0 };

	if (varlink_connect(fixture->path, &client, &f) < 0)
		fail_msg("cannot connect: %s", f.message);
	varlink_client_timeout(client, 60000);
	return client;
}
