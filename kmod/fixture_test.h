/* SPDX-License-Identifier: GPL-2.0 */
/*
 * dm-envelope: what the tests of whole devices share.
 *
 *	disk_test.c	a disk in memory that holds, fails and completes bios on command
 *	fixture_test.c	a real envelope device on that disk, with a real key
 *	thread_test.c	threads that tests start
 *	bio_test.c	bios that tests send, and what they must look like on the disk
 *	sweep_test.c	one allocation after another fails
 *
 * The suites that use them:
 *
 *	io_test.c	what comes out of map and end_io
 *	revoke_test.c	the end of the key, with bios in every stage
 *	queue_test.c	the end of the key, with writes that wait for pages
 *	load_test.c	the end of the key, with threads that read and write
 *	path_test.c	the ways that a bio can take, and who does its work
 *	backlog_test.c	the reads that one interrupt completes
 *	poll_test.c	bios that are polled for
 *	refusal_test.c	what a refused read leaves in its buffer
 *	section_test.c	sections are short and not preempted, and a kill waits for nothing else
 *	parallel_test.c	helpers
 *	idle_test.c	keys that no bio looks at
 *	race_test.c	the end of the key against load, renewal and removal
 *	pages_test.c	pages that writes use again and again
 *	runs_test.c	contiguous pages for large writes
 *	bounce_test.c	the bounce pages of writes
 *	share_test.c	pages of one device beside a device that hangs
 *	reuse_test.c	pages that the disk uses for longer than the write
 *	events_test.c	counters and traces
 *	machine_test.c	hibernation, reboot, panic, a copy of the virtual machine
 *	upcall_test.c	table loads that wait for a program
 *	unload_test.c	what the module leaves behind when it goes
 */
#ifndef _DM_ENVELOPE_FIXTURE_TEST_H
#define _DM_ENVELOPE_FIXTURE_TEST_H

#include <kunit/test.h>
#include <linux/blkdev.h>
#include <linux/irq_work.h>
#include <linux/timer.h>

#include "envelope.h"

/* Nothing that a test waits for takes that long, also on a machine under load. */
#define LONG_ENOUGH (30 * HZ)
/* Long enough to see that something does not happen. */
#define A_WHILE (HZ / 3)

/* ---- the disk ---- */

#define DISK_SECTORS (8u << 11)
/* More than an envelope device takes in one piece. */
#define DISK_ATOMIC_BYTES (4u << 20)

/* Newer kernels want atomic writes declared. */
#ifdef DM_TARGET_ATOMIC_WRITES
#define DISK_FEATURES (BLK_FEAT_NOWAIT | BLK_FEAT_POLL | BLK_FEAT_ATOMIC_WRITES)
#else
#define DISK_FEATURES (BLK_FEAT_NOWAIT | BLK_FEAT_POLL)
#endif
#define DISK_PATH "/dev/envelope-disk"

enum disk_context {
	DISK_PROCESS, /* in submit_bio, or in the thread that releases the bio */
	DISK_SOFTIRQ,
	DISK_HARDIRQ,
};

/**
 * struct test_disk - a disk in memory
 * @disk: bio-based, with a volatile cache and FUA
 * @data: its contents
 * @lock: guards what follows
 * @hold: bios are kept in @held until released
 * @held: bios that wait
 * @nr_held: number of bios in @held
 * @ready: bios to be completed in @context
 * @context: where bios complete
 * @fail_op: operation that fails with @fail_status, if that is not 0
 * @fail_status: what to fail with; REQ_OP_FLUSH stands for empty flushes
 * @flushes: empty flushes seen
 * @fua: writes with FUA seen
 * @discards: discards seen
 * @atomic: atomic writes seen
 * @polled: polled bios seen
 * @interrupts: polled bios are completed in @context all the same
 * @largest: sectors of the largest write seen
 * @segments: segments of the write seen last
 * @sender: the thread that writes
 * @foreign: writes that another thread has sent
 * @keep_page: the next write leaves a reference to the last page of its first segment in @kept
 * @kept: the test drops the reference
 */
struct test_disk {
	struct gendisk *disk;
	u8 *data;
	spinlock_t lock; /* of what follows */
	bool hold;
	struct bio_list held;
	unsigned int nr_held;
	struct bio_list ready;
	enum disk_context context;
	enum req_op fail_op;
	blk_status_t fail_status;
	unsigned int flushes;
	unsigned int fua;
	unsigned int discards;
	unsigned int atomic;
	unsigned int polled;
	bool interrupts;
	unsigned int largest;
	unsigned int segments;
	struct task_struct *sender;
	unsigned int foreign;
	bool keep_page;
	struct page *kept;
	struct timer_list timer;
	struct irq_work irq_work;
	wait_queue_head_t wait;
};

struct test_disk *test_disk_new(struct kunit *test);
void test_disk_free(struct test_disk *disk);
void test_disk_hold(struct test_disk *disk);
bool test_disk_wait_held(struct test_disk *disk, unsigned int nr);
void test_disk_release(struct test_disk *disk);
void test_disk_interrupt(struct test_disk *disk);

/* ---- the device ---- */

#define FIXTURE_DATA_SECTORS (6u << 11)

/** struct fixture_options - what a table line can say */
struct fixture_options {
	unsigned int sector_size;
	u64 iv_offset;
	sector_t start;
	bool allow_discards;
	u64 lease_ns; /* 0: ten minutes */
};

/**
 * struct fixture - an envelope device in use
 * @disk: below it
 * @key: struct key, referenced until fixture_forget_key()
 * @vk: its volume key, referenced
 * @dev: the target's device; gone once the table is
 * @file: the open block device
 * @bdev: the same
 */
struct fixture {
	struct kunit *test;
	struct fixture_options options;
	struct test_disk *disk;
	char name[32];
	u8 key_bytes[ENVELOPE_KEY_SIZE];
	struct key *keyring;
	struct key *key;
	struct envelope_volume_key *vk;
	struct envelope_device *dev;
	struct file *file;
	struct block_device *bdev;
};

struct fixture *fixture_new(struct kunit *test, const struct fixture_options *options);
void fixture_free(struct fixture *fixture);
int fixture_run(const char *format, ...) __printf(1, 2);
struct key *fixture_add_key(struct fixture *fixture, const char *description, u64 lease_ns);
int fixture_renew(struct fixture *fixture, u64 left_ns);
int fixture_update_key(struct fixture *fixture);
int fixture_instantiate_key(struct fixture *fixture, struct key *key);
int fixture_revoke(struct fixture *fixture);
void fixture_forget_key(struct fixture *fixture);
int fixture_create(struct fixture *fixture, const char *suffix);
int fixture_remove(struct fixture *fixture, const char *suffix);
unsigned long fixture_starve(void);
void fixture_expect_dead(struct fixture *fixture, enum envelope_reason reason);
void fixture_expect_key_gone(struct fixture *fixture);

/* ---- threads ---- */

/**
 * struct errand - a function that runs in a thread of its own, so that a hang is seen
 * @fixture: its argument
 * @act: the function
 * @result: what @act returned
 * @done: completed when @act has returned
 */
struct errand {
	struct fixture *fixture;
	int (*act)(struct fixture *fixture);
	int result;
	struct completion done;
};

struct errand *errand_begin(struct fixture *fixture, int (*act)(struct fixture *fixture));
bool errand_ends_within(struct errand *errand, unsigned long timeout);
int errand_end(struct errand *errand);

/**
 * struct held_section - a section that stays open until the test closes it
 * @lc: of this lifecycle
 * @live: the section found the lifecycle live
 * @let_go: the thread in the section may leave
 * @entered: completed by the thread when it is inside
 * @left: completed when it is outside
 */
struct held_section {
	struct envelope_lifecycle *lc;
	bool live;
	bool let_go;
	struct completion entered;
	struct completion left;
};

struct held_section *held_section_begin(struct kunit *test, struct envelope_lifecycle *lc);
void held_section_end(struct held_section *section);

/* ---- bios ---- */

#define IO_MAX_SEGMENTS 160

/** struct io_segment - a piece of memory: on fresh pages, @offset into them */
struct io_segment {
	unsigned int offset;
	unsigned int len;
};

/**
 * struct test_io - one bio and its memory
 * @arena: pages that the segments lie in
 * @in_task: the bio completed in a thread
 * @nice: priority of the thread that completed it, or was interrupted
 * @bio: a polled bio, until test_io_poll()
 * @blocker: if set, a completion with success waits for it
 * @entered: completed when the completion of the bio begins
 * @done: completed when it has ended
 */
struct test_io {
	struct fixture *fixture;
	u8 *arena;
	size_t arena_size;
	const struct io_segment *segments;
	unsigned int nr;
	unsigned int size;
	blk_status_t status;
	bool in_task;
	int nice;
	struct bio *bio;
	struct completion *blocker;
	struct completion entered;
	struct completion done;
};

struct test_io *test_io_new(struct fixture *fixture, const struct io_segment *segments,
			    unsigned int nr);
void test_io_free(struct test_io *io);
void test_io_fill(struct test_io *io, const u8 *data);
void test_io_collect(struct test_io *io, u8 *data);
void test_io_submit(struct test_io *io, blk_opf_t opf, sector_t sector);
void test_ios_hold_reads(struct test_io **ios, unsigned int nr, sector_t sector, unsigned int step);
blk_status_t test_io_wait(struct test_io *io);
blk_status_t test_io_poll(struct test_io *io);
blk_status_t test_io_run(struct test_io *io, blk_opf_t opf, sector_t sector);
blk_status_t test_simple(struct fixture *fixture, blk_opf_t opf, sector_t sector,
			 unsigned int size);

/* What must be on the disk, from a transform of its own. @data is changed in place. */
void test_oracle(struct fixture *fixture, sector_t sector, u8 *data, unsigned int size);

/* ---- allocations that fail ---- */

/**
 * struct sweep - the n-th allocation of an operation fails, for one n after another
 * @nth: the allocation that fails next
 * @tries: times that the operation got on without it
 * @hit: the last attempt failed
 * @refused: attempts that failed
 * @complete: the operation needs no more allocations than @nth
 */
struct sweep {
	unsigned int nth;
	unsigned int tries;
	bool hit;
	unsigned int refused;
	bool complete;
};

bool sweep_begin(struct sweep *sweep);
void sweep_end(struct sweep *sweep, bool failed);

#endif
