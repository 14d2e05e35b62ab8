// SPDX-License-Identifier: MIT
/* sources: ../tests/unit/varlink_fixture.c */
/*
 * Varlink server and client: calls, streams, faults, bad clients, and clients that have gone.
 */

#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/base/json.h"
#include "lib/varlink/varlink.h"
#include "varlink_fixture.h"

static void call_and_answer(void **state)
{
	_cleanup_varlink_ struct varlink_client *client = varlink_connected(*state);
	_cleanup_json_ json_object *params = json_object_new_object();
	struct fault f = { 0 };

	json_add_string(params, "text", "a/b \"quoted\" \xc3\xa4");
	for (int i = 0; i < 3; i++) {
		_cleanup_json_ json_object *reply = NULL;

		assert_int_equal(varlink_call(client, "test.Things.Echo", params, &reply, &f), 0);
		assert_string_equal(json_get_string(reply, "text"), "a/b \"quoted\" \xc3\xa4");
	}
}

static void large_answer(void **state)
{
	_cleanup_varlink_ struct varlink_client *client = varlink_connected(*state);
	_cleanup_json_ json_object *params = json_object_new_object();
	_cleanup_json_ json_object *reply = NULL;
	struct fault f = { 0 };
	char *text = malloc(900001);

	memset(text, 'x', 900000);
	text[900000] = 0;
	json_add_string(params, "text", text);
	assert_int_equal(varlink_call(client, "test.Things.Echo", params, &reply, &f), 0);
	assert_string_equal(json_get_string(reply, "text"), text);
	free(text);
}

static void streaming_needs_more(void **state)
{
	_cleanup_varlink_ struct varlink_client *client = varlink_connected(*state);
	_cleanup_json_ json_object *params = json_object_new_object();
	struct fault f = { 0 };

	json_add_int(params, "to", 100);
	assert_int_equal(varlink_call(client, "test.Things.Count", params, NULL, &f), -1);
	assert_non_null(strstr(f.message, "ExpectedMore"));
}

static int sum_up(json_object *reply, void *userdata)
{
	*(int64_t *)userdata += json_get_int(reply, "number", 0);
	return 0;
}

static void streaming_gives_every_answer(void **state)
{
	_cleanup_varlink_ struct varlink_client *client = varlink_connected(*state);
	_cleanup_json_ json_object *params = json_object_new_object();
	struct fault f = { 0 };
	int64_t sum = 0;

	json_add_int(params, "to", 100);
	assert_int_equal(varlink_call_more(client, "test.Things.Count", params, sum_up, &sum, &f),
			 0);
	assert_int_equal(sum, 5050);
}

/* The server drops a client that requests many answers and reads none, and goes on. */
static void streaming_without_reading(void **state)
{
	_cleanup_varlink_ struct varlink_client *other = varlink_connected(*state);
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	const char request[] = "{\"method\":\"test.Things.Count\",\"more\":true,"
			       "\"parameters\":{\"to\":1000000}}";
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	strcpy(address.sun_path, ((struct varlink_fixture *)*state)->path);
	assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(write(fd, request, sizeof(request)), sizeof(request));
	call_and_answer(state);
	/* The client can read the answers that were sent before the limit. Then the stream ends. */
	for (size_t total = 0;;) {
		char chunk[65536];
		ssize_t n = read(fd, chunk, sizeof(chunk));

		if (n <= 0)
			break;
		total += (size_t)n;
		assert_true(total < 2 * VARLINK_OUTPUT_MAX);
	}
	close(fd);
	call_and_answer(state);
}

static void faults_arrive(void **state)
{
	_cleanup_varlink_ struct varlink_client *client = varlink_connected(*state);
	struct fault f = { 0 };

	assert_int_equal(varlink_call(client, "test.Things.Fail", NULL, NULL, &f), -1);
	assert_string_equal(f.code, "DBClusterNotFoundFault");
	assert_string_equal(f.message, "no such cluster");
	assert_int_equal(varlink_call(client, "test.Things.Echo", NULL, NULL, &f), -1);
	assert_string_equal(f.code, "InvalidParameterValue");
	assert_non_null(strstr(f.message, "text"));
	assert_int_equal(varlink_call(client, "test.Things.None", NULL, NULL, &f), -1);
	assert_string_equal(f.code, "InvalidAction");
	assert_int_equal(varlink_call(client, "test.Nothing.None", NULL, NULL, &f), -1);
	assert_string_equal(f.code, "InvalidAction");
	assert_int_equal(varlink_call(client, "none", NULL, NULL, &f), -1);
}

static void service_describes_itself(void **state)
{
	_cleanup_varlink_ struct varlink_client *client = varlink_connected(*state);
	_cleanup_json_ json_object *info = NULL, *text = NULL, *params = NULL;
	json_object *interfaces = NULL;
	struct fault f = { 0 };

	assert_int_equal(varlink_call(client, "org.varlink.service.GetInfo", NULL, &info, &f), 0);
	assert_string_equal(json_get_string(info, "product"), "things");
	assert_true(json_object_object_get_ex(info, "interfaces", &interfaces));
	assert_int_equal(json_object_array_length(interfaces), 2);
	params = json_object_new_object();
	json_add_string(params, "interface", "test.Things");
	assert_int_equal(varlink_call(client, "org.varlink.service.GetInterfaceDescription", params,
				      &text, &f),
			 0);
	assert_string_equal(json_get_string(text, "description"), "interface test.Things\n");
	json_add_string(params, "interface", "test.Nothing");
	assert_int_equal(varlink_call(client, "org.varlink.service.GetInterfaceDescription", params,
				      NULL, &f),
			 -1);
}

static void pipelined_calls_keep_their_order(void **state)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	struct varlink_buffer buffer = { 0 };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	strcpy(address.sun_path, ((struct varlink_fixture *)*state)->path);
	assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	for (int i = 0; i < 50; i++) {
		char text[128];

		snprintf(text, sizeof(text),
			 "{\"method\":\"test.Things.Echo\",%s"
			 "\"parameters\":{\"text\":\"%d\"}}",
			 i % 5 ? "" : "\"oneway\":true,", i);
		varlink_buffer_append(&buffer, text, strlen(text) + 1);
	}
	assert_int_equal(varlink_buffer_write(&buffer, fd), 0);
	/* Only the sending side is closed: all answers must still come. */
	shutdown(fd, SHUT_WR);
	for (int i = 0; i < 50; i++) {
		json_object *message = NULL, *params;
		int r;

		if (!(i % 5))
			continue;
		while ((r = varlink_buffer_take(&buffer, &message)) == 0) {
			int n = varlink_buffer_read(&buffer, fd);

			assert_true(n > 0 || n == -EAGAIN);
			usleep(n > 0 ? 0 : 1000);
		}
		assert_int_equal(r, 1);
		params = json_get_object(message, "parameters");
		assert_int_equal(atoi(json_get_string(params, "text")), i);
		json_object_put(message);
	}
	assert_int_equal(recv(fd, &(char){ 0 }, 1, 0), 0);
	close(fd);
	varlink_buffer_free(&buffer);
}

/* Sends @text without more and expects the server to close the connection. */
static void expect_dropped(struct varlink_fixture *fixture, const char *text, size_t size)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);
	char byte;

	strcpy(address.sun_path, fixture->path);
	assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	for (size_t sent = 0; sent < size;) {
		ssize_t n = send(fd, text + sent, size - sent, MSG_NOSIGNAL);

		if (n < 0)
			break;
		sent += (size_t)n;
	}
	assert_true(recv(fd, &byte, 1, 0) <= 0);
	close(fd);
}

static void bad_clients_are_dropped(void **state)
{
	struct varlink_fixture *fixture = *state;
	size_t size = VARLINK_MESSAGE_MAX + 65536;
	char *spaces = malloc(size);

	memset(spaces, ' ', size);
	expect_dropped(fixture, "nonsense", 9);
	expect_dropped(fixture, "{}", 3);
	expect_dropped(fixture, "{\"method\":1}", 13);
	expect_dropped(fixture, "{\"method\":\"test.Things.Echo\",\"parameters\":[]}", 46);
	expect_dropped(fixture, "{\"method\":\"test.Things.GiveUp\"}", 32);
	expect_dropped(fixture, spaces, size);
	free(spaces);
	call_and_answer(state);
}

static void expect_nothing_kept(struct varlink_client *client)
{
	_cleanup_json_ json_object *reply = NULL;
	struct fault f = { 0 };

	assert_int_equal(varlink_call(client, "test.Things.Finish", NULL, &reply, &f), 0);
	assert_false(json_get_bool(reply, "kept", true));
}

static void client_gone_while_waiting(void **state)
{
	struct varlink_fixture *fixture = *state;
	_cleanup_varlink_ struct varlink_client *other = varlink_connected(fixture);
	struct varlink_client *client = varlink_connected(fixture);
	struct fault f = { 0 };

	varlink_client_timeout(client, 100);
	assert_int_equal(varlink_call(client, "test.Things.Keep", NULL, NULL, &f), -1);
	assert_string_equal(f.code, "AgentUnreachable");
	/* The connection is out of step now, and the next call fails. */
	assert_int_equal(varlink_call(client, "test.Things.Echo", NULL, NULL, &f), -1);
	varlink_disconnect(client);
	for (int i = 0; i < 3000; i++) {
		_cleanup_json_ json_object *reply = NULL;

		assert_int_equal(varlink_call(other, "test.Things.Gone", NULL, &reply, &f), 0);
		if (json_get_int(reply, "gone", 0) == 1) {
			expect_nothing_kept(other);
			return;
		}
		usleep(10000);
	}
	fail_msg("the server never noticed that its client had gone");
}

static void *finish_later(void *userdata)
{
	_cleanup_varlink_ struct varlink_client *client = varlink_connected(userdata);
	_cleanup_json_ json_object *params = json_object_new_object();
	_cleanup_json_ json_object *reply = NULL;
	struct fault f = { 0 };

	json_add_string(params, "text", "at last");
	for (int i = 0; i < 3000 && !json_get_bool(reply, "kept", false); i++) {
		json_object_put(reply);
		reply = NULL;
		usleep(10000);
		varlink_call(client, "test.Things.Finish", params, &reply, &f);
	}
	return NULL;
}

static void answer_from_elsewhere(void **state)
{
	_cleanup_varlink_ struct varlink_client *client = varlink_connected(*state);
	_cleanup_json_ json_object *reply = NULL;
	struct fault f = { 0 };
	pthread_t thread;

	pthread_create(&thread, NULL, finish_later, *state);
	assert_int_equal(varlink_call(client, "test.Things.Keep", NULL, &reply, &f), 0);
	assert_string_equal(json_get_string(reply, "text"), "at last");
	pthread_join(thread, NULL);
	json_object_put(reply);
	reply = json_object_new_object();
	json_add_string(reply, "text", "again");
	assert_int_equal(varlink_call(client, "test.Things.Echo", reply, NULL, &f), 0);
}

static void connections_are_limited(void **state)
{
	struct varlink_fixture *fixture = *state;
	struct varlink_client *clients[VARLINK_CONNECTIONS_MAX + VARLINK_CONNECTIONS_ROOT + 4];
	size_t count_clients = sizeof(clients) / sizeof(*clients), refused = 0;
	_cleanup_json_ json_object *params = json_object_new_object();

	json_add_string(params, "text", "x");
	for (size_t i = 0; i < count_clients; i++) {
		struct fault f = { 0 };

		clients[i] = varlink_connected(fixture);
		refused += varlink_call(clients[i], "test.Things.Echo", params, NULL, &f) < 0;
	}
	assert_int_equal(refused, geteuid() ? count_clients - VARLINK_CONNECTIONS_READERS : 4);
	for (size_t i = 0; i < count_clients; i++)
		varlink_disconnect(clients[i]);
	/* The server sees one by one that the clients have gone. */
	for (int tries = 0; tries < 600; tries++) {
		_cleanup_varlink_ struct varlink_client *client = varlink_connected(fixture);
		struct fault f = { 0 };

		if (varlink_call(client, "test.Things.Echo", params, NULL, &f) == 0)
			break;
		usleep(50000);
	}
	call_and_answer(state);
}

static void only_the_group_may_change(void **state)
{
	struct varlink_fixture *fixture = *state;
	_cleanup_varlink_ struct varlink_client *client = NULL;
	_cleanup_json_ json_object *params = json_object_new_object();
	struct fault f = { 0 };
	pid_t pid;
	int status;

	if (geteuid())
		skip();
	json_add_string(params, "text", "x");
	client = varlink_connected(fixture);
	assert_int_equal(varlink_call(client, "test.Things.Change", params, NULL, &f), 0);
	assert_int_equal(chmod(fixture->directory, 0755), 0);
	pid = fork();
	if (pid == 0) {
		struct varlink_client *nobody = NULL;

		if (setresgid(65534, 65534, 65534) || setresuid(65534, 65534, 65534) ||
		    varlink_connect(fixture->path, &nobody, &f) < 0 ||
		    varlink_call(nobody, "test.Things.Echo", params, NULL, &f) < 0)
			_exit(1);
		if (varlink_call(nobody, "test.Things.Change", params, NULL, &f) == 0)
			_exit(2);
		_exit(strcmp(f.code, "AccessDeniedException") ? 3 : 0);
	}
	waitpid(pid, &status, 0);
	assert_int_equal(status, 0);
}

/* As a user who may only read: connects without end. Return: how many got an answer. */
static int connect_as_reader(const struct varlink_fixture *fixture)
{
	_cleanup_json_ json_object *params = json_object_new_object();
	int answered = 0;

	json_add_string(params, "text", "x");
	if (setresgid(65534, 65534, 65534) || setresuid(65534, 65534, 65534))
		return -1;
	for (int i = 0; i < VARLINK_CONNECTIONS_MAX; i++) {
		struct varlink_client *client = NULL;
		struct fault f = { 0 };

		if (varlink_connect(fixture->path, &client, &f) == 0)
			answered += varlink_call(client, "test.Things.Echo", params, NULL, &f) == 0;
	}
	return answered;
}

static void readers_leave_room_for_the_others(void **state)
{
	struct varlink_fixture *fixture = *state;
	int status;
	pid_t pid;

	if (geteuid())
		skip();
	assert_int_equal(chmod(fixture->directory, 0755), 0);
	pid = fork();
	if (pid == 0)
		_exit(connect_as_reader(fixture));
	waitpid(pid, &status, 0);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), VARLINK_CONNECTIONS_READERS);
	call_and_answer(state);
}

static void a_living_server_is_not_replaced(void **state)
{
	struct varlink_fixture *fixture = *state;
	struct varlink_server *second = NULL;
	struct fault f = { 0 };

	assert_int_equal(varlink_server_new(&second, fixture->event, &test_service, NULL), 0);
	assert_int_equal(varlink_server_listen_path(second, fixture->path, 0600, 0, &f), -1);
	assert_non_null(strstr(f.message, "already serves"));
	varlink_server_free(second);
	call_and_answer(state);
}

static void a_missing_server_is_a_fault(void **state)
{
	struct varlink_client *client = NULL;
	struct fault f = { 0 };

	assert_int_equal(varlink_connect("/nonexistent/agent.sock", &client, &f), -1);
	assert_int_equal(fault_exit_code(f.code), 5);
	assert_null(client);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_missing_server_is_a_fault),
		WITH_SERVER(call_and_answer),
		WITH_SERVER(large_answer),
		WITH_SERVER(streaming_needs_more),
		WITH_SERVER(streaming_gives_every_answer),
		WITH_SERVER(streaming_without_reading),
		WITH_SERVER(faults_arrive),
		WITH_SERVER(service_describes_itself),
		WITH_SERVER(pipelined_calls_keep_their_order),
		WITH_SERVER(bad_clients_are_dropped),
		WITH_SERVER(client_gone_while_waiting),
		WITH_SERVER(answer_from_elsewhere),
		WITH_SERVER(connections_are_limited),
		WITH_SERVER(only_the_group_may_change),
		WITH_SERVER(readers_leave_room_for_the_others),
		WITH_SERVER(a_living_server_is_not_replaced),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
