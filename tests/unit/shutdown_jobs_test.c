// SPDX-License-Identifier: MIT
/* sources: agent/shutdown_jobs.c */
/*
 * While the host goes down systemd says whether anything but the agent has still to end. A stand-in for
 * systemd answers over the same protocol.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <systemd/sd-bus.h>
#include <unistd.h>

#include "agent/shutdown_jobs.h"

#define OURS "enveloped.service"

struct job {
	const char *unit, *type, *state;
};

/* A database that is ordered after nothing, and a mount that waits for the services. */
static const struct job ours = { OURS, "stop", "running" };
static const struct job database = { "database.service", "stop", "running" };
static const struct job mount = { "srv-db1.mount", "stop", "waiting" };
static const struct job power_off = { "poweroff.target", "start", "waiting" };

static struct {
	sd_event *event;
	char folder[32], address[160];
	sd_bus *bus;
	const struct job *jobs[4];
	unsigned int answers;
	int error;
} systemd;

static int list_jobs(sd_bus_message *call, void *userdata, sd_bus_error *error)
{
	sd_bus_message *reply = NULL;
	int r;

	systemd.answers++;
	if (systemd.error)
		return sd_bus_error_set_errno(error, systemd.error);
	assert_true(sd_bus_message_new_method_return(call, &reply) >= 0);
	assert_true(sd_bus_message_open_container(reply, 'a', "(usssoo)") >= 0);
	for (uint32_t i = 0; i < 4 && systemd.jobs[i]; i++)
		assert_true(sd_bus_message_append(reply, "(usssoo)", i, systemd.jobs[i]->unit,
						  systemd.jobs[i]->type, systemd.jobs[i]->state,
						  "/job", "/unit") >= 0);
	assert_true(sd_bus_message_close_container(reply) >= 0);
	r = sd_bus_send(NULL, reply, NULL);
	sd_bus_message_unref(reply);
	return r;
}

static const sd_bus_vtable manager[] = {
	SD_BUS_VTABLE_START(0),
	SD_BUS_METHOD("ListJobs", "", "a(usssoo)", list_jobs, SD_BUS_VTABLE_UNPRIVILEGED),
	SD_BUS_VTABLE_END,
};

static int on_connection(sd_event_source *source, int listener, uint32_t events, void *userdata)
{
	const sd_id128_t id = { .bytes = { 1 } };
	int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	assert_true(fd >= 0 && sd_bus_new(&systemd.bus) >= 0);
	assert_true(sd_bus_set_fd(systemd.bus, fd, fd) >= 0);
	assert_true(sd_bus_set_server(systemd.bus, true, id) >= 0);
	assert_true(sd_bus_add_object_vtable(systemd.bus, NULL, "/org/freedesktop/systemd1",
					     "org.freedesktop.systemd1.Manager", manager,
					     NULL) >= 0);
	assert_true(sd_bus_start(systemd.bus) >= 0);
	return sd_bus_attach_event(systemd.bus, systemd.event, 0);
}

static struct shutdown_jobs *connected(void)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct shutdown_jobs *jobs;

	memset(&systemd, 0, sizeof(systemd));
	strcpy(systemd.folder, "/tmp/shutdown-jobs-XXXXXX");
	assert_non_null(mkdtemp(systemd.folder));
	snprintf(address.sun_path, sizeof(address.sun_path), "%s/s", systemd.folder);
	snprintf(systemd.address, sizeof(systemd.address), "unix:path=%s", address.sun_path);
	assert_int_equal(sd_event_new(&systemd.event), 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(listen(fd, 1), 0);
	assert_true(sd_event_add_io(systemd.event, NULL, fd, EPOLLIN, on_connection, NULL) >= 0);
	assert_int_equal(shutdown_jobs_open(systemd.event, systemd.address, OURS, &jobs), 0);
	unlink(address.sun_path);
	return jobs;
}

static void disconnected(struct shutdown_jobs *jobs)
{
	shutdown_jobs_free(jobs);
	sd_bus_detach_event(systemd.bus);
	sd_bus_close_unref(systemd.bus);
	sd_event_unref(systemd.event);
	rmdir(systemd.folder);
}

/* Ask, and let the loop run until the answer has been read. */
static bool ask(struct shutdown_jobs *jobs, const struct job *a, const struct job *b,
		const struct job *c)
{
	unsigned int before = systemd.answers;

	systemd.jobs[0] = a;
	systemd.jobs[1] = b;
	systemd.jobs[2] = c;
	shutdown_jobs_ask(jobs);
	while (systemd.answers == before)
		assert_true(sd_event_run(systemd.event, UINT64_MAX) >= 0);
	while (sd_event_run(systemd.event, 20000) > 0)
		;
	return shutdown_jobs_wait_for_us(jobs);
}

static void a_service_that_has_not_ended_is_waited_for(void **state)
{
	struct shutdown_jobs *jobs = connected();

	assert_false(shutdown_jobs_wait_for_us(jobs));
	for (int i = 0; i < 3; i++)
		assert_false(ask(jobs, &ours, &database, &mount));
	disconnected(jobs);
}

static void when_all_others_wait_for_the_agent_it_knows(void **state)
{
	struct shutdown_jobs *jobs = connected();

	assert_false(ask(jobs, &ours, &database, &mount));
	assert_false(ask(jobs, &power_off, &ours, &mount));
	assert_true(ask(jobs, &power_off, &ours, &mount));
	disconnected(jobs);
}

static void one_answer_between_two_jobs_is_no_proof(void **state)
{
	struct shutdown_jobs *jobs = connected();

	assert_false(ask(jobs, &ours, &mount, NULL));
	assert_false(ask(jobs, &ours, &database, NULL));
	assert_false(ask(jobs, &ours, &mount, NULL));
	disconnected(jobs);
}

static void without_its_own_job_the_agent_knows_nothing(void **state)
{
	struct shutdown_jobs *jobs = connected();

	assert_false(ask(jobs, NULL, NULL, NULL));
	assert_false(ask(jobs, &mount, &power_off, NULL));
	assert_false(ask(jobs, &mount, &power_off, NULL));
	disconnected(jobs);
}

static void no_answer_is_no_proof(void **state)
{
	struct shutdown_jobs *jobs = connected();

	assert_false(ask(jobs, &ours, NULL, NULL));
	systemd.error = EACCES;
	assert_false(ask(jobs, &ours, NULL, NULL));
	systemd.error = 0;
	assert_false(ask(jobs, &ours, NULL, NULL));
	assert_true(ask(jobs, &ours, NULL, NULL));
	disconnected(jobs);
	assert_false(shutdown_jobs_wait_for_us(NULL));
	shutdown_jobs_ask(NULL);
}

static void without_systemd_there_is_nothing_to_ask(void **state)
{
	struct shutdown_jobs *jobs = NULL;
	sd_event *event = NULL;

	assert_int_equal(sd_event_new(&event), 0);
	assert_true(shutdown_jobs_open(event, "unix:path=/proc/nowhere", OURS, &jobs) < 0);
	assert_null(jobs);
	sd_event_unref(event);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_service_that_has_not_ended_is_waited_for),
		cmocka_unit_test(when_all_others_wait_for_the_agent_it_knows),
		cmocka_unit_test(one_answer_between_two_jobs_is_no_proof),
		cmocka_unit_test(without_its_own_job_the_agent_knows_nothing),
		cmocka_unit_test(no_answer_is_no_proof),
		cmocka_unit_test(without_systemd_there_is_nothing_to_ask),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
