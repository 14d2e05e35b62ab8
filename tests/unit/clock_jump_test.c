// SPDX-License-Identifier: MIT
/* sources: agent/clock_event.c agent/audit/agent_audit.c agent/audit/agent_record.c agent/catalog/cluster.c agent/api/cluster_json.c agent/lease/lease.c */
/*
 * A jump of the wall clock is reported once, from when to when; what is no jump is not reported.
 *
 * The test plays the kernel: it has both clocks, and an eventfd that is ready when the wall clock is set.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "agent/clock_event.h"
#include "lib/base/clock_jump.h"
#include "lib/base/json.h"

#define NS_PER_S 1000000000LL
#define FROM	 1000000000 /* 2001-09-09T01:46:40Z */

static struct {
	int64_t wall_ns, up_ns;
	int64_t late_ns;   /* that pass between readings of the wall clock and of the other */
	unsigned int late; /* so many times more */
	int fd;
} kernel;

static struct {
	unsigned int count;
	int64_t from, to;
} told;

/* The event loop reads the clocks too. */
int clock_gettime(clockid_t clock, struct timespec *ts)
{
	static clockid_t last;
	int64_t ns;

	if (clock == CLOCK_BOOTTIME && last == CLOCK_REALTIME && kernel.late) {
		kernel.late--;
		kernel.wall_ns += kernel.late_ns;
		kernel.up_ns += kernel.late_ns;
	}
	ns = clock == CLOCK_REALTIME ? kernel.wall_ns : kernel.up_ns;
	*ts = (struct timespec){ ns / 1000000000, ns % 1000000000 };
	last = clock;
	return 0;
}

int timerfd_create(int clock, int flags)
{
	assert_int_equal(clock, CLOCK_REALTIME);
	kernel.fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	return kernel.fd;
}

int timerfd_settime(int fd, int flags, const struct itimerspec *at, struct itimerspec *old)
{
	assert_int_equal(fd, kernel.fd);
	assert_int_equal(flags, TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET);
	assert_true(at->it_value.tv_sec > 4000000000);
	return 0;
}

static void jumped(int64_t from, int64_t to, void *userdata)
{
	told.count++;
	told.from = from;
	told.to = to;
}

static void set_clock(sd_event *e, int64_t by_ns)
{
	kernel.wall_ns += by_ns;
	eventfd_write(kernel.fd, 1);
	while (sd_event_run(e, 0) > 0)
		;
}

static void pass(int64_t ns)
{
	kernel.wall_ns += ns;
	kernel.up_ns += ns;
}

static void begin(sd_event **e, struct clock_jump **watch)
{
	memset(&told, 0, sizeof(told));
	memset(&kernel, 0, sizeof(kernel));
	kernel.wall_ns = FROM * NS_PER_S;
	kernel.up_ns = 500 * NS_PER_S;
	assert_true(sd_event_new(e) >= 0);
	assert_int_equal(clock_jump_watch(*e, jumped, NULL, watch), 0);
}

static void end(sd_event *e, struct clock_jump *watch)
{
	clock_jump_free(watch);
	sd_event_unref(e);
}

static void a_jump_is_reported_from_when_to_when(void **state)
{
	_cleanup_json_ json_object *details = NULL;
	struct clock_jump *watch;
	sd_event *e;

	begin(&e, &watch);
	pass(1000 * NS_PER_S);
	set_clock(e, 86400 * NS_PER_S);
	assert_int_equal(told.count, 1);
	assert_int_equal(told.from, FROM + 1000);
	assert_int_equal(told.to, FROM + 1000 + 86400);
	details = clock_jump_details(told.from, told.to);
	assert_string_equal(json_get_string(details, "from"), "2001-09-09T02:03:20Z");
	assert_string_equal(json_get_string(details, "to"), "2001-09-10T02:03:20Z");
	assert_int_equal(json_get_int(details, "seconds", 0), 86400);
	/* And back: the next one is reported too. */
	pass(2 * NS_PER_S);
	set_clock(e, -86400 * NS_PER_S);
	assert_int_equal(told.count, 2);
	assert_int_equal(told.to, FROM + 1002);
	end(e, watch);
}

static void what_is_no_jump_is_not_reported(void **state)
{
	struct clock_jump *watch;
	sd_event *e;

	begin(&e, &watch);
	/* A suspend of an hour, after which the kernel sets the clock. */
	pass(3600 * NS_PER_S);
	set_clock(e, 0);
	/* This process had to wait between two readings. */
	kernel.late = 20;
	kernel.late_ns = 5 * NS_PER_S;
	set_clock(e, 0);
	kernel.late = 0;
	assert_int_equal(told.count, 0);
	/* Corrections of a time service, until they are a second in all. */
	set_clock(e, 600000000);
	assert_int_equal(told.count, 0);
	set_clock(e, 600000000);
	assert_int_equal(told.count, 1);
	end(e, watch);
}

static void the_agent_records_a_jump(void **state)
{
	char trail[] = "/tmp/clock-jump-test-XXXXXX";
	_cleanup_json_ json_object *records = NULL;
	struct agent agent = { 0 };
	json_object *details;
	struct fault f;

	memset(&kernel, 0, sizeof(kernel));
	kernel.wall_ns = FROM * NS_PER_S;
	close(mkstemp(trail));
	assert_int_equal(audit_open(trail, "us-east-1", "123456789012", &agent.audit, &f), 0);
	assert_true(sd_event_new(&agent.event) >= 0);
	clock_event_watch(&agent);
	set_clock(agent.event, -3600 * NS_PER_S);
	records = audit_read(agent.audit, NULL, 10, &f);
	assert_int_equal(json_object_array_length(records), 1);
	details = json_object_array_get_idx(records, 0);
	assert_string_equal(json_get_string(details, "eventName"), "WallClockJump");
	details = json_get_object(details, "serviceEventDetails");
	assert_string_equal(json_get_string(details, "from"), "2001-09-09T01:46:40Z");
	assert_string_equal(json_get_string(details, "to"), "2001-09-09T00:46:40Z");
	assert_int_equal(json_get_int(details, "seconds", 0), -3600);
	clock_jump_free(agent.clock_jump);
	sd_event_unref(agent.event);
	audit_close(agent.audit);
	unlink(trail);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_jump_is_reported_from_when_to_when),
		cmocka_unit_test(what_is_no_jump_is_not_reported),
		cmocka_unit_test(the_agent_records_a_jump),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
