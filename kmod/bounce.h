/* SPDX-License-Identifier: GPL-2.0 */
/*
 * dm-envelope: the pages that hold the ciphertext of a write, and work that several CPUs share.
 */
#ifndef _DM_ENVELOPE_BOUNCE_H
#define _DM_ENVELOPE_BOUNCE_H

#include <linux/atomic.h>
#include <linux/bits.h>
#include <linux/blk_types.h>
#include <linux/bvec.h>
#include <linux/jump_label.h>
#include <linux/list.h>
#include <linux/mm.h>
#include <linux/page_ref.h>
#include <linux/spinlock.h>
#include <linux/topology.h>
#include <linux/types.h>
#include <linux/wait.h>

#include "key.h"

/**
 * ENVELOPE_MAX_BYTES - data in one bio that a target handles; larger bios are split
 *
 * The same whatever the size of a page, since each device keeps so much memory in reserve.
 */
#define ENVELOPE_MAX_BYTES   1048576
#define ENVELOPE_MAX_PAGES   (ENVELOPE_MAX_BYTES >> PAGE_SHIFT)
#define ENVELOPE_MAX_SECTORS (ENVELOPE_MAX_BYTES >> SECTOR_SHIFT)

/**
 * ENVELOPE_RUN_ORDER - a large write has its ciphertext in runs of contiguous pages, 64 KiB each.
 * The lower device gets few segments. The order is small: memory has free blocks of it for longest
 */
#define ENVELOPE_RUN_ORDER (PAGE_SHIFT < 16 ? 16 - PAGE_SHIFT : 0)
#define ENVELOPE_RUN_PAGES ((unsigned int)BIT(ENVELOPE_RUN_ORDER))

/** ENVELOPE_INLINE_BVECS - bounce pages of a write that needs no page for its bvec table */
#define ENVELOPE_INLINE_BVECS 2

/** ENVELOPE_RESERVE_PAGES - pages of one write of maximal size, and one for its table */
#define ENVELOPE_RESERVE_PAGES (ENVELOPE_MAX_PAGES + 1)

/**
 * ENVELOPE_AT_ONCE_BYTES - largest read that is decrypted where the lower device completes it, and
 * largest write that one thread encrypts alone: some 10 us with a fast cipher. With a slow cipher
 * it is %ENVELOPE_AT_ONCE_SLOW_BYTES
 */
#define ENVELOPE_AT_ONCE_BYTES	    131072
#define ENVELOPE_AT_ONCE_SLOW_BYTES 8192

/** ENVELOPE_CHUNK_BYTES - largest part of a larger bio that a thread does at a time */
#define ENVELOPE_CHUNK_BYTES 65536u

/* ---- share.c ---- */

/**
 * struct envelope_share - the pages for ciphertext that a device holds
 * @local: per CPU: pages taken minus pages given back; not more than @batch
 * @batch: largest number in @local
 * @wanted: a write worker waits for pages of this device
 * @waits: the write worker of this device waits
 * @lacks: it waits although the device may hold more pages
 * @used: the sum of what was moved here from @local; with @local the number of pages
 * @node: in the list of share.c
 */
struct envelope_share {
	long __percpu *local;
	long batch;
	bool wanted;
	bool waits;
	bool lacks;
	atomic_long_t used;
	struct list_head node;
};

int envelope_share_init(struct envelope_share *share);
void envelope_share_exit(struct envelope_share *share);
long envelope_share_used(const struct envelope_share *share);
bool envelope_share_has_room(const struct envelope_share *share, unsigned int nr);
bool envelope_share_settle(struct envelope_share *share, unsigned int nr);
void envelope_share_wait(struct envelope_share *share, unsigned int nr);
void envelope_share_wait_end(struct envelope_share *share);
void envelope_share_wake(struct envelope_share *share);

/** envelope_share_charge() - count pages; false if the device may not have them. Any context */
static __always_inline bool envelope_share_charge(struct envelope_share *share, unsigned int nr)
{
	return likely(this_cpu_add_return(*share->local, nr) <= share->batch) ||
	       envelope_share_settle(share, nr);
}

/** envelope_share_refund() - the pages are no longer used. Any context */
static __always_inline void envelope_share_refund(struct envelope_share *share, unsigned int nr)
{
	this_cpu_sub(*share->local, nr);
}

/* ---- depot.c ---- */

/* More than one node has memory. */
DECLARE_STATIC_KEY_FALSE(envelope_several_nodes);

#if IS_ENABLED(CONFIG_DM_ENVELOPE_KUNIT_TEST)
/* The kernel of the tests has one node. A test says on which of two nodes a page is. */
int envelope_page_node(const struct page *page);

static inline unsigned int envelope_nr_nodes(void)
{
	return 2;
}
#else
static inline int envelope_page_node(const struct page *page)
{
	return page_to_nid(page);
}

static inline unsigned int envelope_nr_nodes(void)
{
	return nr_node_ids;
}
#endif

/** envelope_this_node() - the node whose memory is near to this CPU */
static inline unsigned int envelope_this_node(void)
{
	return numa_mem_id();
}

/**
 * envelope_page_is_away() - is the page on another node than this CPU?
 *
 * A caller that may be preempted gets the answer of a moment ago.
 */
static __always_inline bool envelope_page_is_away(const struct page *page)
{
	return static_branch_unlikely(&envelope_several_nodes) &&
	       envelope_page_node(page) != envelope_this_node();
}

/** envelope_cpu_is_of_node() - is the node near to the CPU? Each CPU is near to %NUMA_NO_NODE */
static inline bool envelope_cpu_is_of_node(unsigned int cpu, int node)
{
	return node == NUMA_NO_NODE || !static_branch_unlikely(&envelope_several_nodes) ||
	       cpu_to_mem(cpu) == node;
}

unsigned int envelope_depot_take(unsigned int node, struct page **pages, unsigned int nr);
unsigned int envelope_depot_take_runs(unsigned int node, struct page **runs, unsigned int nr);
unsigned int envelope_depot_put(struct page **pages, unsigned int nr);
unsigned int envelope_depot_put_runs(struct page **runs, unsigned int nr);
void envelope_depot_put_all(struct page **pages, unsigned int nr);
unsigned long envelope_depot_free(unsigned int node, unsigned long nr);
unsigned long envelope_depot_free_runs(unsigned int nr);
unsigned long envelope_depot_pages(void);
int envelope_depot_init(void);
void envelope_depot_exit(void);

/* ---- pages.c ---- */

/**
 * ENVELOPE_CACHE_PAGES - pages that a CPU keeps of its own node: 256 KiB. More if pages are large,
 * or each write would find no page there, or no room
 */
#define ENVELOPE_CACHE_PAGES (PAGE_SHIFT < 14 ? 262144 >> PAGE_SHIFT : 16)

/**
 * envelope_page_is_ours() - may the page of a completed write be written to?
 * @page: page of a write that the lower device has completed
 *
 * A lower device may complete a write while a network packet still refers to the page.
 *
 * Return: false if another user holds a reference.
 */
static inline bool envelope_page_is_ours(struct page *page)
{
	return page_ref_count(page) == 1;
}

bool envelope_pages_take(struct envelope_share *share, struct bio_vec *bvecs, unsigned int nr);
void envelope_pages_put(struct envelope_share *share, const struct bio_vec *bvecs, unsigned int nr);
void envelope_pages_put_back(struct envelope_share *share, const struct bio_vec *bvecs,
			     unsigned int nr);
unsigned int envelope_pages_alloc(struct bio_vec *bvecs, unsigned int nr, unsigned int order);
void envelope_pages_free(struct page **pages, unsigned int nr, unsigned int order);
void envelope_pages_drain(void);
unsigned long envelope_pages_owned(void);
unsigned long envelope_pages_limit(void);
unsigned long envelope_pages_limit_of(unsigned long memory);
unsigned long envelope_pages_left(void);
unsigned long envelope_pages_set_limit(unsigned long pages);
int envelope_pages_init(void);
void envelope_pages_exit(void);

/* ---- runs.c ---- */

bool envelope_runs_take(struct envelope_share *share, struct bio_vec *bvecs, unsigned int nr);
void envelope_runs_put(struct envelope_share *share, const struct bio_vec *bvecs, unsigned int nr);
unsigned long envelope_runs_free_cpu(unsigned int cpu, unsigned long nr);
unsigned long envelope_runs_free_kept(int node, unsigned long nr);
unsigned long envelope_runs_kept(int node);

/* ---- parallel.c ---- */

/**
 * struct envelope_parallel - work that several CPUs may share
 * @node: in the list of offered bios, under the lock of parallel.c
 * @chunk: does one chunk; 0 or a negative error. In any thread, preemption off; set by the owner
 * @chunks: number of chunks, counted from 0; set by the owner
 * @helped: a helper has done a chunk; read by the owner at the end
 * @next: the first chunk that no thread has taken
 * @helpers: helpers that do a chunk now; the owner waits for them
 * @error: the first error of a chunk. Chunks after it are not done
 */
struct envelope_parallel {
	struct list_head node;
	int (*chunk)(struct envelope_parallel *p, unsigned int index);
	u16 chunks;
	bool helped;
	atomic_t next;
	atomic_t helpers;
	int error;
};

int envelope_parallel_run(struct envelope_parallel *p, bool may_sleep);
void envelope_parallel_count(const struct envelope_parallel *p, struct envelope_device *dev,
			     blk_opf_t opf, const struct bvec_iter *iter);
int envelope_parallel_init(void);
void envelope_parallel_exit(void);

/* ---- bounce.c ---- */

/**
 * struct envelope_bounce_pool - a device's share of the pages for ciphertext, and its reserve
 * @share: pages of pages.c that the device holds
 * @lock: irq-safe; guards @pages and @nr_pages
 * @pages: free pages, linked by page->lru
 * @nr_pages: length of @pages. The pages here and the pages in writes are together
 *	      ENVELOPE_RESERVE_PAGES, so one write of maximal size always
 *	      gets its pages once the disk has completed the writes before it
 * @wait: where the write worker waits for pages
 */
struct envelope_bounce_pool {
	struct envelope_share share;
	spinlock_t lock; /* irq-safe */
	struct list_head pages;
	unsigned int nr_pages;
	wait_queue_head_t wait;
};

/**
 * struct envelope_bounce - the bounce pages of one write
 * @nr: number of pages of data
 * @order: of the segments in @bvecs: 0, or %ENVELOPE_RUN_ORDER
 * @reserved: the pages are from the device's reserve
 * @waited: the worker had to wait for them; set by envelope_bounce_take() only
 * @bvecs: whole pages or runs of pages that have room for @nr pages
 * @inline_bvecs: used for @bvecs if they suffice; otherwise @bvecs is a page of its own
 * @parallel: shares their memory, for a write that is large enough
 */
struct envelope_bounce {
	u16 nr;
	u8 order;
	bool reserved;
	bool waited;
	struct bio_vec *bvecs;
	union {
		struct bio_vec inline_bvecs[ENVELOPE_INLINE_BVECS];
		struct envelope_parallel parallel;
	};
};

int envelope_bounce_pool_init(struct envelope_bounce_pool *pool);
void envelope_bounce_pool_exit(struct envelope_bounce_pool *pool);
bool envelope_bounce_try_take(struct envelope_bounce_pool *pool, struct envelope_bounce *bounce,
			      unsigned int nr);
bool envelope_bounce_take(struct envelope_bounce_pool *pool, struct envelope_bounce *bounce,
			  unsigned int nr, const struct envelope_lifecycle *lc);
void envelope_bounce_release(struct envelope_bounce_pool *pool, struct envelope_bounce *bounce);
void envelope_bounce_wake(struct envelope_bounce_pool *pool);

#endif
