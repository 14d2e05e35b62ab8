// SPDX-License-Identifier: GPL-2.0
/*
 * dm-envelope: pages for the ciphertext of writes, used again and again.
 *
 * The page allocator clears each page, which takes about as long as encrypting half of
 * it. The pages here hold only ciphertext and the addresses of each other, so a page goes
 * from one write to the next uncleared.
 *
 *	this CPU's cache	up to CACHE_PAGES; no other CPU touches it
 *	the depot		up to DEPOT_PAGES, for writes that are submitted on one
 *				CPU and completed on another; moved in batches
 *	the page allocator	up to the limit: 2 % of memory for all devices together, of which
 *				a device may hold its share (share.c)
 *
 * A page that the disk still uses after it has completed the write, such as a page in a network
 * packet that may be sent again, has another reference. It goes back to the page allocator.
 *
 * Must never sleep. Must never take from the emergency reserves: each device has a reserve
 * of its own (bounce.c), and the disk below needs the emergency reserves more.
 */
#include <linux/gfp.h>
#include <linux/mm.h>
#include <linux/percpu.h>
#include <linux/smp.h>

#include "envelope.h"

#define CACHE_PAGES   64
#define BATCH_PAGES   (CACHE_PAGES / 2)
#define DEPOT_PAGES   2048
#define LIMIT_PERCENT 2
/* A small machine needs a queue of writes to its disk too. */
#define LIMIT_LEAST   (4 * ENVELOPE_MAX_PAGES)

#define OPPORTUNISTIC (GFP_NOWAIT | __GFP_NOWARN | __GFP_NOMEMALLOC)

/**
 * struct page_cache - pages of one CPU, touched by that CPU with interrupts off
 * @nr: how many
 * @pages: the pages
 */
struct page_cache {
	unsigned int nr;
	struct page *pages[CACHE_PAGES];
};

static DEFINE_PER_CPU(struct page_cache, page_cache);

/* One CPU stores its surplus pages here; a CPU that lacks pages takes them. */
static struct {
	raw_spinlock_t lock; /* irq; guards the other fields, held for one batch */
	struct list_head pages;
	unsigned int nr;
} depot = {
	.lock = __RAW_SPIN_LOCK_UNLOCKED(depot.lock),
	.pages = LIST_HEAD_INIT(depot.pages),
};

/* Pages taken from the page allocator and not given back, and the limit of their number. */
static atomic_long_t nr_owned;
static unsigned long limit;

static void free_owned(struct page *page)
{
	__free_page(page);
	atomic_long_dec(&nr_owned);
}

static void set_page_of(struct bio_vec *bvec, struct page *page)
{
	*bvec = (struct bio_vec){ .bv_page = page, .bv_len = PAGE_SIZE };
}

/* Most writes need only these two functions, so both are inline. */
static __always_inline unsigned int take_cached(struct bio_vec *bvecs, unsigned int nr)
{
	struct page_cache *cache;
	unsigned long flags;
	unsigned int i, left;

	local_irq_save(flags);
	cache = this_cpu_ptr(&page_cache);
	left = cache->nr;
	nr = min(nr, left);
	for (i = 0; i < nr; i++)
		set_page_of(&bvecs[i], cache->pages[--left]);
	cache->nr = left;
	local_irq_restore(flags);
	return nr;
}

/* Stops at a page that another user refers to: a call from here would cost each write registers. */
static __always_inline unsigned int put_cached(const struct bio_vec *bvecs, unsigned int nr)
{
	struct page_cache *cache;
	unsigned long flags;
	unsigned int i, there;

	local_irq_save(flags);
	cache = this_cpu_ptr(&page_cache);
	there = cache->nr;
	nr = min(nr, CACHE_PAGES - there);
	for (i = 0; i < nr && likely(envelope_page_is_ours(bvecs[i].bv_page)); i++)
		cache->pages[there++] = bvecs[i].bv_page;
	cache->nr = there;
	local_irq_restore(flags);
	return i;
}

/* Moves a batch from the depot into this CPU's cache. Return: false if the depot was empty. */
static bool fetch_batch(void)
{
	struct page_cache *cache;
	unsigned long flags;
	bool found = false;

	/* The depot is usually empty. Do not take the lock then. */
	if (!READ_ONCE(depot.nr))
		return false;
	raw_spin_lock_irqsave(&depot.lock, flags);
	cache = this_cpu_ptr(&page_cache);
	while (depot.nr && cache->nr < BATCH_PAGES) {
		struct page *page = list_first_entry(&depot.pages, struct page, lru);

		list_del(&page->lru);
		WRITE_ONCE(depot.nr, depot.nr - 1);
		cache->pages[cache->nr++] = page;
		found = true;
	}
	raw_spin_unlock_irqrestore(&depot.lock, flags);
	return found;
}

/* Moves a batch from this CPU's cache into the depot. Return: false if the depot was full. */
static bool store_batch(void)
{
	struct page_cache *cache;
	unsigned long flags;
	bool stored = false;

	if (READ_ONCE(depot.nr) >= DEPOT_PAGES)
		return false;
	raw_spin_lock_irqsave(&depot.lock, flags);
	cache = this_cpu_ptr(&page_cache);
	while (depot.nr < DEPOT_PAGES && cache->nr > BATCH_PAGES) {
		list_add(&cache->pages[--cache->nr]->lru, &depot.pages);
		WRITE_ONCE(depot.nr, depot.nr + 1);
		stored = true;
	}
	raw_spin_unlock_irqrestore(&depot.lock, flags);
	return stored;
}

static struct page *alloc_owned(void)
{
	struct page *page = NULL;

	if (atomic_long_inc_return(&nr_owned) <= limit)
		page = alloc_page(OPPORTUNISTIC);
	if (!page)
		atomic_long_dec(&nr_owned);
	return page;
}

/* Gives back the remaining pages when this CPU's cache took only @put. */
static noinline void put_rest(const struct bio_vec *bvecs, unsigned int nr, unsigned int put)
{
	unsigned int cached;

	while (put < nr) {
		if (!envelope_page_is_ours(bvecs[put].bv_page)) {
			free_owned(bvecs[put++].bv_page);
			continue;
		}
		cached = put_cached(bvecs + put, nr - put);
		put += cached;
		if (!cached && !store_batch())
			free_owned(bvecs[put++].bv_page);
	}
}

static __always_inline void keep(const struct bio_vec *bvecs, unsigned int nr)
{
	unsigned int cached = put_cached(bvecs, nr);

	if (unlikely(cached < nr))
		put_rest(bvecs, nr, cached);
}

/* Takes the remaining pages when this CPU's cache had only @taken. */
static noinline bool take_rest(struct envelope_share *share, struct bio_vec *bvecs, unsigned int nr,
			       unsigned int taken)
{
	while (taken < nr && fetch_batch())
		taken += take_cached(bvecs + taken, nr - taken);
	for (; taken < nr; taken++) {
		struct page *page = alloc_owned();

		if (!page) {
			keep(bvecs, taken);
			envelope_share_refund(share, nr);
			return false;
		}
		set_page_of(&bvecs[taken], page);
	}
	return true;
}

/**
 * envelope_pages_take() - take whole pages, all of them or none
 * @share: of the device
 * @bvecs: to be filled, one page each
 * @nr: how many
 *
 * Context: any but NMI; never sleeps. Return: true if @bvecs has all its pages.
 */
bool envelope_pages_take(struct envelope_share *share, struct bio_vec *bvecs, unsigned int nr)
{
	unsigned int taken;

	if (unlikely(!envelope_share_charge(share, nr)))
		return false;
	taken = take_cached(bvecs, nr);
	return likely(taken == nr) || take_rest(share, bvecs, nr, taken);
}

/* A write worker waits. The worker may run on another CPU, so no page stays with this CPU. */
static noinline void put_for_waiting(struct envelope_share *share, const struct bio_vec *bvecs,
				     unsigned int nr)
{
	unsigned long flags;
	unsigned int i;

	for (i = 0; i < nr; i++) {
		struct page *page = bvecs[i].bv_page;
		bool kept = false;

		raw_spin_lock_irqsave(&depot.lock, flags);
		if (depot.nr < DEPOT_PAGES && envelope_page_is_ours(page)) {
			list_add(&page->lru, &depot.pages);
			WRITE_ONCE(depot.nr, depot.nr + 1);
			kept = true;
		}
		raw_spin_unlock_irqrestore(&depot.lock, flags);
		if (!kept)
			free_owned(page);
	}
	envelope_share_wake(share);
}

/**
 * envelope_pages_put() - give pages back
 * @share: of the device
 * @bvecs: filled by envelope_pages_take()
 * @nr: how many
 *
 * Context: any but NMI.
 */
void envelope_pages_put(struct envelope_share *share, const struct bio_vec *bvecs, unsigned int nr)
{
	envelope_share_refund(share, nr);
	if (unlikely(READ_ONCE(share->wanted)))
		put_for_waiting(share, bvecs, nr);
	else
		keep(bvecs, nr);
}

/**
 * envelope_pages_put_back() - give pages back that no write has used
 * @share: of the device
 * @bvecs: filled by envelope_pages_take()
 * @nr: how many
 *
 * Wakes no write worker: the caller may be the one that waits.
 *
 * Context: any but NMI.
 */
void envelope_pages_put_back(struct envelope_share *share, const struct bio_vec *bvecs,
			     unsigned int nr)
{
	envelope_share_refund(share, nr);
	keep(bvecs, nr);
}

/* Runs in an interrupt, so it must not free pages: on some kernels the allocator's locks sleep. */
static void drain_cache(void *unused)
{
	struct page_cache *cache = this_cpu_ptr(&page_cache);

	raw_spin_lock(&depot.lock);
	while (cache->nr) {
		list_add(&cache->pages[--cache->nr]->lru, &depot.pages);
		WRITE_ONCE(depot.nr, depot.nr + 1);
	}
	raw_spin_unlock(&depot.lock);
}

/**
 * envelope_pages_drain() - free all pages that no write uses
 *
 * Context: process context with interrupts on.
 */
void envelope_pages_drain(void)
{
	struct page *page, *next;
	LIST_HEAD(pages);

	on_each_cpu(drain_cache, NULL, 1);
	raw_spin_lock_irq(&depot.lock);
	list_splice_init(&depot.pages, &pages);
	WRITE_ONCE(depot.nr, 0);
	raw_spin_unlock_irq(&depot.lock);
	list_for_each_entry_safe(page, next, &pages, lru)
		free_owned(page);
}

/**
 * envelope_pages_owned() - memory in use here
 *
 * Return: number of pages, both those in writes and those that are kept.
 */
unsigned long envelope_pages_owned(void)
{
	return atomic_long_read(&nr_owned);
}

/**
 * envelope_pages_limit() - the limit of the memory in use here
 *
 * Return: number of pages, for all devices together.
 */
unsigned long envelope_pages_limit(void)
{
	return READ_ONCE(limit);
}

/**
 * envelope_pages_left() - pages that no write uses
 *
 * Return: number of pages, without those that a CPU keeps.
 */
unsigned long envelope_pages_left(void)
{
	unsigned long owned = envelope_pages_owned();
	unsigned long most = envelope_pages_limit();

	return READ_ONCE(depot.nr) + (most > owned ? most - owned : 0);
}

/**
 * envelope_pages_set_limit() - limit the memory in use here
 * @pages: for all devices together; beyond it, a write waits for its device's reserve
 *
 * Return: the previous limit.
 */
unsigned long envelope_pages_set_limit(unsigned long pages)
{
	return xchg(&limit, pages);
}

/**
 * envelope_pages_init() - when the module is loaded
 */
void envelope_pages_init(void)
{
	unsigned long share = totalram_pages() / 100 * LIMIT_PERCENT;

	envelope_pages_set_limit(max_t(unsigned long, share, LIMIT_LEAST));
}

/**
 * envelope_pages_exit() - when the module is unloaded, and all devices are gone
 */
void envelope_pages_exit(void)
{
	int cpu;

	envelope_pages_drain();
	/* A CPU that went offline left its pages in its cache. */
	for_each_possible_cpu(cpu) {
		struct page_cache *cache = per_cpu_ptr(&page_cache, cpu);

		while (cache->nr)
			free_owned(cache->pages[--cache->nr]);
	}
	WARN_ON_ONCE(atomic_long_read(&nr_owned));
}
