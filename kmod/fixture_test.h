/* SPDX-License-Identifier: GPL-2.0 */
/*
 * dm-envelope: what the tests of whole devices stand on.
 *
 *	disk_test.c	a disk in memory that holds, fails and completes bios on command
 *	rig_test.c	a real envelope device on that disk, with a real key
 *	io_test.c	what comes out of map and end_io
 *	revoke_test.c	the end of the key, with bios in every stage
 *	path_test.c	the ways that a bio can take, and who does its work
 *	poll_test.c	bios that are polled for
 *	race_test.c	the end of the key against load, renewal and removal
 *	unload_test.c	what the module leaves behind when it goes
 */
#ifndef _DM_ENVELOPE_RIG_TEST_H
#define _DM_ENVELOPE_RIG_TEST_H

#include <kunit/test.h>
#include <linux/blkdev.h>
#include <linux/irq_work.h>
#include <linux/timer.h>

#include "envelope.h"

/* ---- the disk below ---- */

#define DISK_SECTORS (8u << 11)
/* More than an envelope device takes in one piece. */
#define DISK_ATOMIC_BYTES (4u << 20)

/* What newer kernels have to be told. */
#ifdef DM_TARGET_ATOMIC_WRITES
#define DISK_FEATURES (BLK_FEAT_NOWAIT | BLK_FEAT_POLL | BLK_FEAT_ATOMIC_WRITES)
#else
#define DISK_FEATURES (BLK_FEAT_NOWAIT | BLK_FEAT_POLL)
#endif
#define DISK_PATH "/dev/envelope-disk"

enum disk_context {
	DISK_PROCESS, /* inside submit_bio, or of whoever releases */
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
 * @nr_held: how many
 * @ready: bios to be completed in @context
 * @context: where bios complete
 * @fail_op: operation that fails with @fail_status, if that is not 0
 * @fail_status: what to fail with; REQ_OP_FLUSH stands for empty flushes
 * @flushes: empty flushes seen
 * @fua: writes with FUA seen
 * @discards: discards seen
 * @atomic: writes seen that may not be torn
 * @polled: bios seen that are polled for
 * @interrupts: such bios are completed in @context all the same
 * @largest: sectors of the largest write seen
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
	struct timer_list timer;
	struct irq_work irq_work;
	wait_queue_head_t wait;
};

struct test_disk *test_disk_new(struct kunit *test);
void test_disk_free(struct test_disk *disk);
void test_disk_hold(struct test_disk *disk);
bool test_disk_wait_held(struct test_disk *disk, unsigned int nr);
void test_disk_release(struct test_disk *disk);

/* ---- the device on it ---- */

#define RIG_DATA_SECTORS (6u << 11)

/** struct rig_options - what a table line can say */
struct rig_options {
	unsigned int sector_size;
	u64 iv_offset;
	sector_t start;
	bool allow_discards;
	u64 lease_ns; /* 0: a minute */
};

/**
 * struct rig - an envelope device in use
 * @disk: below it
 * @key: struct key, referenced until rig_forget_key()
 * @vk: its volume key, referenced
 * @dev: the target's device; gone once the table is
 * @file: the open block device
 * @bdev: the same
 */
struct rig {
	struct kunit *test;
	struct rig_options options;
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

struct rig *rig_new(struct kunit *test, const struct rig_options *options);
void rig_free(struct rig *rig);
int rig_run(const char *format, ...) __printf(1, 2);
struct key *rig_add_key(struct rig *rig, const char *description, u64 lease_ns);
int rig_renew(struct rig *rig, u64 left_ns);
void rig_forget_key(struct rig *rig);
int rig_create(struct rig *rig, const char *suffix);
int rig_remove(struct rig *rig, const char *suffix);
unsigned long rig_starve(void);

/**
 * struct errand - something done in a thread of its own, so that a hang is seen
 * @rig: what it is done to
 * @act: what is done
 * @result: what that returned
 * @done: completed when it has returned
 */
struct errand {
	struct rig *rig;
	int (*act)(struct rig *rig);
	int result;
	struct completion done;
};

#define A_WHILE	    (HZ / 3)
#define LONG_ENOUGH (10 * HZ)

struct errand *errand_begin(struct rig *rig, int (*act)(struct rig *rig));
bool errand_ends_within(struct errand *errand, unsigned long timeout);
int errand_end(struct errand *errand);

/**
 * struct held_section - a section that is open until the test lets go
 * @lc: of this lifecycle
 * @live: it was found live
 * @let_go: the thread in it may leave
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

/* ---- bios to it ---- */

#define IO_MAX_SEGMENTS 160

/** struct io_segment - a piece of memory: on fresh pages, @offset into them */
struct io_segment {
	unsigned int offset;
	unsigned int len;
};

/**
 * struct test_io - one bio and its memory
 * @arena: pages that the segments lie in
 * @bio: if it is polled for, until test_io_poll()
 * @blocker: if set, the completion of the bio waits for it, with success only
 * @entered: completed when the completion of the bio begins
 * @done: completed when it has ended
 */
struct test_io {
	struct rig *rig;
	u8 *arena;
	size_t arena_size;
	const struct io_segment *segments;
	unsigned int nr;
	unsigned int size;
	blk_status_t status;
	struct bio *bio;
	struct completion *blocker;
	struct completion entered;
	struct completion done;
};

struct test_io *test_io_new(struct rig *rig, const struct io_segment *segments, unsigned int nr);
void test_io_free(struct test_io *io);
void test_io_fill(struct test_io *io, const u8 *data);
void test_io_collect(struct test_io *io, u8 *data);
void test_io_submit(struct test_io *io, blk_opf_t opf, sector_t sector);
blk_status_t test_io_wait(struct test_io *io);
blk_status_t test_io_poll(struct test_io *io);
blk_status_t test_io_run(struct test_io *io, blk_opf_t opf, sector_t sector);
blk_status_t test_simple(struct rig *rig, blk_opf_t opf, sector_t sector, unsigned int size);

/* What must be on the disk, from a transform of its own. @data is changed in place. */
void test_oracle(struct rig *rig, sector_t sector, u8 *data, unsigned int size);

#endif
