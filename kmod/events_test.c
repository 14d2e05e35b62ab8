// SPDX-License-Identifier: GPL-2.0
/*
 * dm-envelope: tests of the counters and traces: each event off the usual way of a bio is counted
 * and traced once, the usual way is not, and a trace shows no key.
 */
#include <linux/delay.h>

#ifdef ENVELOPE_XTS_IS_INTERNAL
#include <asm/fpu/api.h>
#endif

#include "fixture_test.h"
#include "trace.h"

#define LARGE 1048576

/** struct key_trace - what a tracepoint said about a key */
struct key_trace {
	int serial;
	char text[32];
};

/**
 * struct trace_log - what tracepoints said
 * @lock: guards the other fields
 * @events: traces of bios, by event
 * @sector: of the last trace of a bio
 * @bytes: of the same
 * @op: of the same
 * @keys: traces of keys
 * @nr_keys: number of entries in @keys
 * @devices: traces of devices, with a space after each
 */
struct trace_log {
	spinlock_t lock; /* of what follows */
	u64 events[ENVELOPE_NR_EVENTS];
	sector_t sector;
	unsigned int bytes;
	char op;
	struct key_trace keys[16];
	unsigned int nr_keys;
	char devices[64];
};

static void saw_io(void *data, dev_t dev, const char *event, char op, sector_t sector,
		   unsigned int bytes)
{
	struct trace_log *log = data;
	unsigned long flags;
	unsigned int i;

	spin_lock_irqsave(&log->lock, flags);
	for (i = 0; i < ENVELOPE_NR_EVENTS; i++)
		log->events[i] += !strcmp(event, envelope_event_name(i));
	log->sector = sector;
	log->bytes = bytes;
	log->op = op;
	spin_unlock_irqrestore(&log->lock, flags);
}

static void saw_key(void *data, int serial, const char *event, const char *reason, u64 left_ms)
{
	struct trace_log *log = data;
	struct key_trace *trace;
	unsigned long flags;

	spin_lock_irqsave(&log->lock, flags);
	if (log->nr_keys < ARRAY_SIZE(log->keys)) {
		trace = &log->keys[log->nr_keys++];
		trace->serial = serial;
		snprintf(trace->text, sizeof(trace->text), "%s:%s ", event, reason);
	}
	spin_unlock_irqrestore(&log->lock, flags);
}

static void saw_device(void *data, dev_t dev, const char *event, const char *reason)
{
	struct trace_log *log = data;
	unsigned long flags;
	size_t at;

	spin_lock_irqsave(&log->lock, flags);
	at = strlen(log->devices);
	snprintf(log->devices + at, sizeof(log->devices) - at, "%s:%s ", event, reason);
	spin_unlock_irqrestore(&log->lock, flags);
}

static void unlog(void *log)
{
	unregister_trace_envelope_device(saw_device, log);
	unregister_trace_envelope_key(saw_key, log);
	unregister_trace_envelope_io(saw_io, log);
	tracepoint_synchronize_unregister();
}

static struct trace_log *trace_log_new(struct kunit *test)
{
	struct trace_log *log = kunit_kzalloc(test, sizeof(*log), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, log);
	spin_lock_init(&log->lock);
	KUNIT_ASSERT_EQ(test, register_trace_envelope_io(saw_io, log), 0);
	KUNIT_ASSERT_EQ(test, register_trace_envelope_key(saw_key, log), 0);
	KUNIT_ASSERT_EQ(test, register_trace_envelope_device(saw_device, log), 0);
	KUNIT_ASSERT_EQ(test, kunit_add_action_or_reset(test, unlog, log), 0);
	return log;
}

static u64 count_of(struct fixture *fixture, enum envelope_event event)
{
	struct envelope_counters sum;

	envelope_io_counters(fixture->dev, &sum);
	return sum.events[event];
}

static void events_exit(struct kunit *test)
{
	if (test->priv)
		fixture_free(test->priv);
}

/* ---- what happens to a bio ---- */

static blk_status_t starved_write(struct fixture *fixture, blk_opf_t opf)
{
	unsigned long limit = fixture_starve();
	blk_status_t status = test_simple(fixture, REQ_OP_WRITE | opf, 64, 4096);

	envelope_pages_set_limit(limit);
	return status;
}

static void read_large(struct fixture *fixture)
{
	fixture->disk->context = DISK_HARDIRQ;
	KUNIT_EXPECT_EQ(fixture->test, test_simple(fixture, REQ_OP_READ, 64, LARGE), BLK_STS_OK);
}

static void write_starved(struct fixture *fixture)
{
	KUNIT_EXPECT_EQ(fixture->test, starved_write(fixture, 0), BLK_STS_OK);
}

static void write_starved_nowait(struct fixture *fixture)
{
	KUNIT_EXPECT_EQ(fixture->test, starved_write(fixture, REQ_NOWAIT), BLK_STS_AGAIN);
}

static void write_while_disk_is_busy(struct fixture *fixture)
{
	fixture->disk->fail_op = REQ_OP_WRITE;
	fixture->disk->fail_status = BLK_STS_AGAIN;
	KUNIT_EXPECT_EQ(fixture->test, test_simple(fixture, REQ_OP_WRITE | REQ_NOWAIT, 64, 4096),
			BLK_STS_AGAIN);
}

/* The first write has the whole reserve, so the second write waits until the disk has it. */
static void write_twice_from_the_reserve(struct fixture *fixture)
{
	static const struct io_segment segment = { 0, LARGE };
	struct test_io *first = test_io_new(fixture, &segment, 1);
	struct test_io *second = test_io_new(fixture, &segment, 1);
	unsigned long limit = fixture_starve(), deadline = jiffies + LONG_ENOUGH;

	test_disk_hold(fixture->disk);
	test_io_submit(first, REQ_OP_WRITE, 64);
	KUNIT_EXPECT_TRUE(fixture->test, test_disk_wait_held(fixture->disk, 1));
	test_io_submit(second, REQ_OP_WRITE, 64);
	while (!wq_has_sleeper(&fixture->dev->bounce.wait) && time_before(jiffies, deadline))
		msleep(20);
	test_disk_release(fixture->disk);
	KUNIT_EXPECT_EQ(fixture->test, test_io_wait(first), BLK_STS_OK);
	KUNIT_EXPECT_EQ(fixture->test, test_io_wait(second), BLK_STS_OK);
	envelope_pages_set_limit(limit);
	test_io_free(second);
	test_io_free(first);
}

/* A helper comes if a CPU is idle for long enough. */
static void read_until_helped(struct fixture *fixture)
{
	unsigned long deadline = jiffies + (IS_ENABLED(CONFIG_PREEMPT_RT) ? HZ : LONG_ENOUGH);

	fixture->disk->context = DISK_HARDIRQ;
	while (!count_of(fixture, ENVELOPE_HELPED) && time_before(jiffies, deadline))
		test_simple(fixture, REQ_OP_READ, 64, LARGE);
}

static void write_after_the_revoke(struct fixture *fixture)
{
	key_revoke(fixture->key);
	KUNIT_EXPECT_EQ(fixture->test, test_simple(fixture, REQ_OP_WRITE, 64, 4096), BLK_STS_IOERR);
}

static void revoke_while_reading(struct fixture *fixture)
{
	static const struct io_segment segment = { 0, 4096 };
	struct test_io *io = test_io_new(fixture, &segment, 1);

	test_disk_hold(fixture->disk);
	test_io_submit(io, REQ_OP_READ, 64);
	KUNIT_EXPECT_TRUE(fixture->test, test_disk_wait_held(fixture->disk, 1));
	key_revoke(fixture->key);
	test_disk_release(fixture->disk);
	KUNIT_EXPECT_EQ(fixture->test, test_io_wait(io), BLK_STS_IOERR);
	test_io_free(io);
}

static void write_half_a_unit(struct fixture *fixture)
{
	KUNIT_EXPECT_EQ(fixture->test, test_simple(fixture, REQ_OP_WRITE, 64, 512), BLK_STS_IOERR);
}

/* The cipher layer refuses a bio that is smaller than a data unit. */
static void read_with_a_cipher_that_fails(struct fixture *fixture)
{
	static const struct io_segment segment = { 0, 4096 };
	struct test_io *io = test_io_new(fixture, &segment, 1);

	test_disk_hold(fixture->disk);
	test_io_submit(io, REQ_OP_READ, 64);
	KUNIT_EXPECT_TRUE(fixture->test, test_disk_wait_held(fixture->disk, 1));
	fixture->dev->sector_size = 8192;
	test_disk_release(fixture->disk);
	KUNIT_EXPECT_EQ(fixture->test, test_io_wait(io), BLK_STS_IOERR);
	fixture->dev->sector_size = 4096;
	test_io_free(io);
}

/* Two reads complete in one interrupt, on a CPU that has no time for them. */
static void read_without_time(struct fixture *fixture)
{
	static const struct io_segment segment = { 0, 4096 };
	struct test_io *ios[2] = { test_io_new(fixture, &segment, 1),
				   test_io_new(fixture, &segment, 1) };
	u64 budget = envelope_interrupt_set_budget(0);
	unsigned int i;

	test_ios_hold_reads(ios, 2, 64, 0);
	test_disk_interrupt(fixture->disk);
	for (i = 0; i < 2; i++) {
		KUNIT_EXPECT_EQ(fixture->test, test_io_wait(ios[i]), BLK_STS_OK);
		test_io_free(ios[i]);
	}
	envelope_interrupt_set_budget(budget);
}

#ifdef ENVELOPE_XTS_IS_INTERNAL
/* The disk interrupts a thread that uses the FPU. */
static void read_while_fpu_is_busy(struct fixture *fixture)
{
	static const struct io_segment segment = { 0, 4096 };
	struct test_io *io = test_io_new(fixture, &segment, 1);
	unsigned long deadline = jiffies + LONG_ENOUGH;

	fixture->disk->context = DISK_HARDIRQ;
	test_disk_hold(fixture->disk);
	test_io_submit(io, REQ_OP_READ, 64);
	KUNIT_EXPECT_TRUE(fixture->test, test_disk_wait_held(fixture->disk, 1));
	kernel_fpu_begin();
	test_disk_release(fixture->disk);
	while (!count_of(fixture, ENVELOPE_FPU_BUSY) && time_before(jiffies, deadline))
		cpu_relax();
	kernel_fpu_end();
	KUNIT_EXPECT_EQ(fixture->test, test_io_wait(io), BLK_STS_OK);
	test_io_free(io);
}
#endif

/**
 * struct event_row - how to bring about an event
 * @name: of the event
 * @act: brings it about, once unless @often
 * @event: the event
 * @op: of the bio
 * @bytes: of the bio
 * @often: other bios have the event too
 * @not_with_rt: does not happen with PREEMPT_RT
 */
struct event_row {
	const char *name;
	void (*act)(struct fixture *fixture);
	enum envelope_event event;
	char op;
	unsigned int bytes;
	bool often;
	bool not_with_rt;
};

static const struct event_row event_rows[] = {
	{ "read_in_worker", read_large, ENVELOPE_READ_IN_WORKER, 'R', LARGE },
	{ "read_backlog", read_without_time, ENVELOPE_READ_BACKLOG, 'R', 4096, .often = true,
	  .not_with_rt = true },
	{ "offered", read_large, ENVELOPE_OFFERED, 'R', LARGE },
	{ "helped", read_until_helped, ENVELOPE_HELPED, 'R', LARGE, .often = true,
	  .not_with_rt = true },
#ifdef ENVELOPE_XTS_IS_INTERNAL
	{ "fpu_busy", read_while_fpu_is_busy, ENVELOPE_FPU_BUSY, 'R', 4096 },
#endif
	{ "write_in_worker", write_starved, ENVELOPE_WRITE_IN_WORKER, 'W', 4096 },
	{ "reserve", write_starved, ENVELOPE_RESERVE, 'W', 4096 },
	{ "waited", write_twice_from_the_reserve, ENVELOPE_WAITED, 'W', LARGE },
	{ "again", write_starved_nowait, ENVELOPE_AGAIN, 'W', 4096 },
	{ "again_below", write_while_disk_is_busy, ENVELOPE_AGAIN_BELOW, 'W', 4096 },
	{ "refused_failed", write_after_the_revoke, ENVELOPE_REFUSED_FAILED, 'W', 4096 },
	{ "refused_late", revoke_while_reading, ENVELOPE_REFUSED_LATE, 'R', 4096 },
	{ "refused_invalid", write_half_a_unit, ENVELOPE_REFUSED_INVALID, 'W', 512 },
	{ "refused_cipher", read_with_a_cipher_that_fails, ENVELOPE_REFUSED_CIPHER, 'R', 4096 },
};

KUNIT_ARRAY_PARAM_DESC(event, event_rows, name);

static void event_is_counted_and_traced(struct kunit *test)
{
	const struct event_row *row = test->param_value;
	/* The data begins elsewhere on the lower device: traces have the sector of our device. */
	struct fixture *fixture = fixture_new(test, &(struct fixture_options){ .start = 8 });
	struct trace_log *log = trace_log_new(test);
	u64 before = count_of(fixture, row->event);

	KUNIT_EXPECT_STREQ(test, envelope_event_name(row->event), row->name);
	row->act(fixture);
	if (IS_ENABLED(CONFIG_PREEMPT_RT) && row->not_with_rt) {
		KUNIT_EXPECT_EQ(test, count_of(fixture, row->event), 0);
		return;
	}
	if (row->often)
		KUNIT_EXPECT_GT(test, count_of(fixture, row->event), before);
	else
		KUNIT_EXPECT_EQ(test, count_of(fixture, row->event), before + 1);
	KUNIT_EXPECT_EQ(test, log->events[row->event], count_of(fixture, row->event) - before);
	KUNIT_EXPECT_EQ(test, log->sector, 64);
	KUNIT_EXPECT_EQ(test, log->bytes, row->bytes);
	KUNIT_EXPECT_EQ(test, log->op, row->op);
	KUNIT_EXPECT_EQ(test,
			fixture_run("dmsetup message %s 0 stats | grep -qw '%s=%llu'",
				    fixture->name, row->name, count_of(fixture, row->event)),
			0);
}

/* Bios of a healthy device cost no counter and no trace. */
static void usual_way_is_not_counted(struct kunit *test)
{
	struct fixture *fixture = fixture_new(test, &(struct fixture_options){});
	struct trace_log *log = trace_log_new(test);
	unsigned int i;

	fixture->disk->context = DISK_HARDIRQ;
	KUNIT_EXPECT_EQ(test, test_simple(fixture, REQ_OP_WRITE, 64, 8192), BLK_STS_OK);
	KUNIT_EXPECT_EQ(test, test_simple(fixture, REQ_OP_READ, 64, 8192), BLK_STS_OK);
	KUNIT_EXPECT_EQ(test, test_simple(fixture, REQ_OP_WRITE | REQ_PREFLUSH, 0, 0), BLK_STS_OK);
	for (i = 0; i < ENVELOPE_NR_EVENTS; i++) {
		KUNIT_EXPECT_EQ_MSG(test, count_of(fixture, i), 0, "%s", envelope_event_name(i));
		KUNIT_EXPECT_EQ(test, log->events[i], 0);
	}
	KUNIT_EXPECT_EQ(test,
			fixture_run("dmsetup message %s 0 stats | grep -qw 'reserve_free=%u'",
				    fixture->name, ENVELOPE_RESERVE_PAGES),
			0);
}

/* A trace has the serial number, which shows nothing, and never the description. */
static void life_of_a_key_is_traced(struct kunit *test)
{
	struct trace_log *log = trace_log_new(test);
	struct fixture *fixture = fixture_new(test, &(struct fixture_options){});
	char seen[256] = "";
	unsigned int i, at = 0;

	KUNIT_EXPECT_EQ(test, fixture_renew(fixture, 300 * (u64)NSEC_PER_SEC), 0);
	KUNIT_EXPECT_STREQ(test, log->devices, "");
	key_revoke(fixture->key);
	/* Keys of other tests may end meanwhile. */
	for (i = 0; i < log->nr_keys; i++)
		if (log->keys[i].serial == fixture->key->serial)
			at += scnprintf(seen + at, sizeof(seen) - at, "%s", log->keys[i].text);
	KUNIT_EXPECT_STREQ(test, seen, "live:- renewed:- ended:key-revoked wiped:key-revoked ");
	KUNIT_EXPECT_STREQ(test, log->devices, "failed:key-revoked ");
}

static struct kunit_case events_cases[] = { KUNIT_CASE_PARAM(event_is_counted_and_traced,
							     event_gen_params),
					    KUNIT_CASE(usual_way_is_not_counted),
					    KUNIT_CASE(life_of_a_key_is_traced),
					    {} };

static struct kunit_suite events_suite = {
	.name = "envelope_events",
	.exit = events_exit,
	.test_cases = events_cases,
};

kunit_test_suite(events_suite);
