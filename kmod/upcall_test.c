// SPDX-License-Identifier: GPL-2.0
/*
 * dm-envelope: tests of a table load that waits for a program that brings no key: the load ends
 * when it is killed, and by itself after a while.
 */
#include <linux/delay.h>
#include <linux/module.h>

#include "fixture_test.h"

#define TABLE "0 8 envelope aes-xts-plain64 :64:envelope:%s 0 " DISK_PATH " 0"

/* Leaves a sign that it runs, and ends when the test leaves another sign. */
static const char program[] = "#!/bin/sh\n: >/asked\nuntil [ -e /answer ]; do sleep 1; done\n";

static int upcall_init(struct kunit *test)
{
	return fixture_run("rm -f /asked /answer; mkdir -p /sbin; "
			   "printf %%s '%s' >/sbin/request-key; chmod +x /sbin/request-key",
			   program);
}

static void upcall_exit(struct kunit *test)
{
	fixture_run("rm -f /sbin/request-key /asked /answer");
	fixture_free(test->priv);
}

static int load_and_kill(struct fixture *fixture)
{
	return fixture_run("dmsetup create late --table '" TABLE "' & load=$!; "
			   "until [ -e /asked ]; do sleep 1; done; kill -9 $load; wait $load; "
			   "killed=$?; dmsetup remove --retry late; exit $killed",
			   "killed");
}

static int load(struct fixture *fixture)
{
	return fixture_run("dmsetup create late --table '" TABLE "'", "slow");
}

/* The program is still running when the load ends. It keeps the module until it has ended. */
static void expect_to_end_alone(struct kunit *test, int (*act)(struct fixture *fixture))
{
	struct fixture *fixture = test->priv;
	int users = module_refcount(THIS_MODULE);
	struct errand *errand = errand_begin(fixture, act);
	unsigned long deadline;

	KUNIT_EXPECT_TRUE_MSG(test, errand_ends_within(errand, LONG_ENOUGH),
			      "the load waits for the program");
	KUNIT_EXPECT_EQ(test, module_refcount(THIS_MODULE), users + 1);
	KUNIT_EXPECT_EQ(test, fixture_run("touch /answer"), 0);
	KUNIT_EXPECT_NE(test, errand_end(errand), 0);
	deadline = jiffies + LONG_ENOUGH;
	while (module_refcount(THIS_MODULE) != users && time_before(jiffies, deadline))
		msleep(20);
	KUNIT_EXPECT_EQ(test, module_refcount(THIS_MODULE), users);
}

static void killed_load_ends(struct kunit *test)
{
	fixture_new(test, &(struct fixture_options){});
	expect_to_end_alone(test, load_and_kill);
}

static void slow_answer_ends_the_load(struct kunit *test)
{
	unsigned long limit;

	fixture_new(test, &(struct fixture_options){});
	limit = envelope_upcall_set_limit(HZ);
	expect_to_end_alone(test, load);
	envelope_upcall_set_limit(limit);
}

static struct kunit_case upcall_cases[] = { KUNIT_CASE(killed_load_ends),
					    KUNIT_CASE(slow_answer_ends_the_load),
					    {} };

static struct kunit_suite upcall_suite = {
	.name = "envelope_upcall",
	.init = upcall_init,
	.exit = upcall_exit,
	.test_cases = upcall_cases,
};

kunit_test_suite(upcall_suite);
