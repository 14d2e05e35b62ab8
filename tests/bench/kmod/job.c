// SPDX-License-Identifier: GPL-2.0
/*
 * envelope-bench: one job of a load.
 *
 * Its bios are made once and used again and again; what is left per I/O is bio_reset(),
 * an address, submit_bio() and a lock-free list on which the bio comes back: as
 * little as can be, and the same over every target.
 *
 * Must never return from a run before all its bios are back.
 */
#include <linux/bio.h>
#include <linux/ktime.h>
#include <linux/llist.h>
#include <linux/sched.h>
#include <linux/slab.h>

#include "bench.h"
#include "compat.h"

/**
 * struct bench_slot - one bio of those in flight
 * @job: that it belongs to
 * @back: on &bench_job.back, when the bio has completed
 * @bvecs: pages, one each; the table belongs to the slot
 * @bio: over @bvecs, until the slot is freed
 */
struct bench_slot {
	struct bench_job *job;
	struct llist_node back;
	struct bio_vec *bvecs;
	struct bio bio;
};

/**
 * struct bench_job - one thread of a load
 * @back: slots whose bio has completed; filled by completions, from any context
 * @sleeper: the thread while it waits for @back; set before it looks there a last time
 * @order: what to do
 * @bdev: on this device
 * @first: first block of the part of the device that sequential I/O goes over
 * @blocks: of that part; of the whole device for random I/O
 * @next: sequential: block of the next I/O, counted from @first
 * @random: state of the generator of addresses
 * @begin: ktime in ns, when the timed part began
 * @end: when its last I/O was back
 * @sleeps: times that @back was empty
 * @errors: bios that failed
 * @slots: order->depth of them
 */
struct bench_job {
	struct llist_head back;
	struct task_struct *sleeper;
	const struct bench_order *order;
	struct block_device *bdev;
	u64 first;
	u64 blocks;
	u64 next;
	u64 random;
	u64 begin;
	u64 end;
	u64 sleeps;
	atomic64_t errors;
	struct bench_slot *slots[];
};

static void slot_free(struct bench_slot *slot, unsigned int pages)
{
	if (!slot)
		return;
	while (pages--)
		if (slot->bvecs[pages].bv_page)
			__free_page(slot->bvecs[pages].bv_page);
	bio_uninit(&slot->bio);
	kfree(slot->bvecs);
	kfree(slot);
}

static struct bench_slot *slot_alloc(struct bench_job *job, unsigned int pages)
{
	struct bench_slot *slot = kzalloc_obj(*slot);
	unsigned int i;

	if (!slot)
		return NULL;
	slot->job = job;
	slot->bvecs = kcalloc(pages, sizeof(*slot->bvecs), GFP_KERNEL);
	if (!slot->bvecs) {
		kfree(slot);
		return NULL;
	}
	bio_init(&slot->bio, job->bdev, slot->bvecs, pages, 0);
	for (i = 0; i < pages; i++) {
		slot->bvecs[i].bv_page = alloc_page(GFP_KERNEL | __GFP_ZERO);
		slot->bvecs[i].bv_len = PAGE_SIZE;
		if (!slot->bvecs[i].bv_page) {
			slot_free(slot, pages);
			return NULL;
		}
	}
	return slot;
}

/**
 * bench_job_alloc() - a job and its bios
 * @order: what to do; must outlive the job
 * @bdev: on this device
 * @number: of this job, from 0
 *
 * Context: sleeps. Return: the job; ERR_PTR(-ENOMEM); ERR_PTR(-ENOSPC) if the device
 * has no room for one I/O of each job.
 */
struct bench_job *bench_job_alloc(const struct bench_order *order, struct block_device *bdev,
				  unsigned int number)
{
	u64 blocks = div_u64(bdev_nr_bytes(bdev), order->block_size);
	struct bench_job *job;
	unsigned int i;

	if (blocks < order->jobs)
		return ERR_PTR(-ENOSPC);
	job = kvzalloc(struct_size(job, slots, order->depth), GFP_KERNEL);
	if (!job)
		return ERR_PTR(-ENOMEM);

	init_llist_head(&job->back);
	job->order = order;
	job->bdev = bdev;
	job->blocks = blocks;
	if (order->sequential) {
		job->blocks = div_u64(blocks, order->jobs);
		job->first = job->blocks * number;
	}
	job->random = order->seed + ((u64)number << 32);

	for (i = 0; i < order->depth; i++) {
		job->slots[i] = slot_alloc(job, order->block_size / PAGE_SIZE);
		if (!job->slots[i]) {
			bench_job_free(job);
			return ERR_PTR(-ENOMEM);
		}
	}
	return job;
}

/**
 * bench_job_free() - the end of a job that does not run
 * @job: one or NULL
 */
void bench_job_free(struct bench_job *job)
{
	unsigned int i;

	if (!job)
		return;
	synchronize_rcu();
	for (i = 0; i < job->order->depth; i++)
		slot_free(job->slots[i], job->order->block_size / PAGE_SIZE);
	kvfree(job);
}

/* splitmix64: one multiplication chain, no state but a counter. */
static u64 next_random(struct bench_job *job)
{
	u64 z = job->random += 0x9e3779b97f4a7c15ULL;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
	return z ^ (z >> 31);
}

static u64 next_block(struct bench_job *job, u64 random)
{
	u64 block;

	if (!job->order->sequential)
		return mul_u64_u64_shr(random, job->blocks, 64);
	block = job->first + job->next++;
	if (job->next == job->blocks)
		job->next = 0;
	return block;
}

static void slot_end_io(struct bio *bio)
{
	struct bench_slot *slot = container_of(bio, struct bench_slot, bio);
	struct bench_job *job = slot->job;
	struct task_struct *sleeper;

	if (bio->bi_status)
		atomic64_inc(&job->errors);
	/* With the last bio on the list the job may end: its memory and thread stay for us. */
	rcu_read_lock();
	llist_add(&slot->back, &job->back);
	sleeper = READ_ONCE(job->sleeper);
	if (sleeper)
		wake_up_process(sleeper);
	rcu_read_unlock();
}

static void submit_slot(struct bench_job *job, struct bench_slot *slot)
{
	const struct bench_order *order = job->order;
	u64 random = next_random(job);
	struct bio *bio = &slot->bio;
	bool write = order->op == BENCH_WRITE ||
		     (order->op == BENCH_MIXED && (u32)random % 100 >= order->reads);

	bio_reset(bio, job->bdev, write ? REQ_OP_WRITE | REQ_SYNC | REQ_IDLE : REQ_OP_READ);
	bio->bi_vcnt = bio->bi_max_vecs;
	bio->bi_iter.bi_size = order->block_size;
	bio->bi_iter.bi_sector = next_block(job, random) * (order->block_size >> SECTOR_SHIFT);
	bio->bi_end_io = slot_end_io;
	submit_bio(bio);
}

/* The bios that are back, at least one; sleeps until there is one. */
static struct llist_node *wait_for_bios(struct bench_job *job)
{
	struct llist_node *back = llist_del_all(&job->back);

	if (back)
		return back;

	job->sleeps++;
	WRITE_ONCE(job->sleeper, current);
	for (;;) {
		set_current_state(TASK_UNINTERRUPTIBLE);
		back = llist_del_all(&job->back);
		if (back)
			break;
		schedule();
	}
	__set_current_state(TASK_RUNNING);
	WRITE_ONCE(job->sleeper, NULL);
	return back;
}

static void run(struct bench_job *job, unsigned int count)
{
	unsigned int submitted = 0, in_flight = 0;
	struct bench_slot *slot, *next;

	while (submitted < count && in_flight < job->order->depth) {
		submit_slot(job, job->slots[in_flight++]);
		submitted++;
	}
	while (in_flight) {
		llist_for_each_entry_safe(slot, next, wait_for_bios(job), back) {
			if (submitted < count) {
				submit_slot(job, slot);
				submitted++;
			} else {
				in_flight--;
			}
		}
		cond_resched();
	}
}

/**
 * bench_job_run() - so many I/Os
 * @job: that nobody else runs
 * @timed: the timed part, else the warm-up
 *
 * Context: a thread of its own; sleeps.
 */
void bench_job_run(struct bench_job *job, bool timed)
{
	if (!timed) {
		run(job, job->order->warmup);
		return;
	}
	job->sleeps = 0;
	job->begin = ktime_get_ns();
	bench_mark_begin();
	run(job, job->order->count);
	bench_mark_end();
	job->end = ktime_get_ns();
}

/**
 * bench_job_add() - what came of a job
 * @job: has run
 * @result: added to; not the time
 * @begin: moved back to where this one began, if that was earlier
 * @end: moved on to where this one ended, if that was later
 */
void bench_job_add(const struct bench_job *job, struct bench_result *result, u64 *begin, u64 *end)
{
	result->ios += job->order->count;
	result->sleeps += job->sleeps;
	result->errors += atomic64_read(&job->errors);
	*begin = min(*begin, job->begin);
	*end = max(*end, job->end);
}
