// SPDX-License-Identifier: GPL-2.0
/*
 * dm-envelope: pages for the ciphertext of writes, used again and again.
 *
 * The page allocator clears each page, which takes about as long as encrypting half of
 * it. The pages here hold only ciphertext and the addresses of each other, so a page goes
 * from one write to the next uncleared.
 *
 *	this CPU's cache	up to CACHE_PAGES of the CPU's own node, and up to BATCH_PAGES of
 *				other nodes on their way to the depots; no other CPU touches it
 *	the depots (depot.c)	one for each node, for writes that are submitted on one CPU and
 *				completed on another; moved in batches
 *	the page allocator	up to the limit: 2 % of memory for all devices together (on a small
 *				machine up to 6 %), of which a device may hold its share (share.c).
 *				Runs for large writes (runs.c) are within the limit
 *
 * A CPU that goes offline gives the pages of its cache to the page allocator.
 *
 * A page that the disk still uses after it has completed the write, such as a page in a network
 * packet that may be sent again, has another reference. It goes back to the page allocator.
 *
 * Must never sleep, except to come, go and drain. Must never take from the emergency reserves: each
 * device has a reserve of its own (bounce.c), and the disk below needs the emergency reserves more.
 * Must never write the common count of pages for each page: once for a write, or for a batch.
 */
#include <linux/cpu.h>
#include <linux/cpuhotplug.h>
#include <linux/gfp.h>
#include <linux/mm.h>
#include <linux/percpu.h>
#include <linux/smp.h>

#include "envelope.h"

#define CACHE_PAGES ENVELOPE_CACHE_PAGES
#define BATCH_PAGES (CACHE_PAGES / 2)
/* The limit, in hundredths of memory. A small machine needs queues of writes to two disks too. */
#define LIMIT_PERCENT	    2
#define LIMIT_SMALL_PERCENT 6
#define LIMIT_SMALL	    (16 * ENVELOPE_MAX_PAGES)
#define LIMIT_LEAST	    (4 * ENVELOPE_MAX_PAGES)

#define OPPORTUNISTIC	    (GFP_NOWAIT | __GFP_NOWARN | __GFP_NOMEMALLOC)
/* A write does without runs: for them, reclaim nothing, compact nothing, and use no other node. */
#define FOR_RUNS ((OPPORTUNISTIC & ~__GFP_RECLAIM) | __GFP_COMP | __GFP_THISNODE)

/**
 * struct page_cache - pages of one CPU, touched by that CPU with interrupts off
 * @nr: how many
 * @nr_away: how many of other nodes
 * @pages: pages of the CPU's node
 * @away: pages of other nodes
 */
struct page_cache {
	unsigned int nr;
	unsigned int nr_away;
	struct page *pages[CACHE_PAGES];
	struct page *away[BATCH_PAGES];
};

static DEFINE_PER_CPU(struct page_cache, page_cache);

/* Pages taken from the page allocator and not given back, and the limit of their number. */
static atomic_long_t nr_owned;
static unsigned long limit;
static int hotplug_state;

/**
 * envelope_pages_free() - give pages to the page allocator
 * @pages: that no write uses. A page that another user refers to stays until that user lets go
 * @nr: how many
 * @order: 0, or that of runs of pages
 *
 * Context: any but NMI.
 */
void envelope_pages_free(struct page **pages, unsigned int nr, unsigned int order)
{
	unsigned int i;

	for (i = 0; i < nr; i++)
		__free_pages(pages[i], order);
	if (nr)
		atomic_long_sub((long)nr << order, &nr_owned);
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

static __always_inline bool may_be_cached(struct page *page)
{
	return likely(envelope_page_is_ours(page) && !envelope_page_is_away(page));
}

/*
 * Stops at a page that another user refers to, and at a page of another node: a call from here
 * would cost each write registers.
 */
static __always_inline unsigned int put_cached(const struct bio_vec *bvecs, unsigned int nr)
{
	struct page_cache *cache;
	unsigned long flags;
	unsigned int i, there;

	local_irq_save(flags);
	cache = this_cpu_ptr(&page_cache);
	there = cache->nr;
	nr = min(nr, CACHE_PAGES - there);
	for (i = 0; i < nr && may_be_cached(bvecs[i].bv_page); i++)
		cache->pages[there++] = bvecs[i].bv_page;
	cache->nr = there;
	local_irq_restore(flags);
	return i;
}

/* Moves a batch from the depot into this CPU's cache. Return: false if it moved none. */
static bool fetch_batch(void)
{
	struct page_cache *cache;
	unsigned int found = 0;
	unsigned long flags;

	local_irq_save(flags);
	cache = this_cpu_ptr(&page_cache);
	if (cache->nr < BATCH_PAGES)
		found = envelope_depot_take(envelope_this_node(), cache->pages + cache->nr,
					    BATCH_PAGES - cache->nr);
	cache->nr += found;
	local_irq_restore(flags);
	return found;
}

/* Moves a batch from this CPU's cache to the depot, or to the page allocator. */
static void make_room(void)
{
	struct page *surplus[BATCH_PAGES];
	struct page_cache *cache;
	unsigned int left = 0;
	unsigned long flags;

	local_irq_save(flags);
	cache = this_cpu_ptr(&page_cache);
	if (cache->nr > BATCH_PAGES) {
		left = envelope_depot_put(cache->pages + BATCH_PAGES, cache->nr - BATCH_PAGES);
		memcpy(surplus, cache->pages + BATCH_PAGES, left * sizeof(*surplus));
		cache->nr = BATCH_PAGES;
	}
	local_irq_restore(flags);
	envelope_pages_free(surplus, left, 0);
}

/* A page of another node goes to the depot of its node, in a batch with others. */
static void send_away(struct page *page)
{
	struct page *surplus[BATCH_PAGES];
	struct page_cache *cache;
	unsigned int left = 0;
	unsigned long flags;

	local_irq_save(flags);
	cache = this_cpu_ptr(&page_cache);
	if (cache->nr_away == BATCH_PAGES) {
		left = envelope_depot_put(cache->away, BATCH_PAGES);
		memcpy(surplus, cache->away, left * sizeof(*surplus));
		cache->nr_away = 0;
	}
	cache->away[cache->nr_away++] = page;
	local_irq_restore(flags);
	envelope_pages_free(surplus, left, 0);
}

/**
 * envelope_pages_alloc() - take pages from the page allocator
 * @bvecs: to be filled, one page or run each
 * @nr: how many
 * @order: 0, or that of runs of pages
 *
 * Context: any but NMI. Return: how many, fewer than @nr if the limit or the page allocator does
 * not allow @nr.
 */
unsigned int envelope_pages_alloc(struct bio_vec *bvecs, unsigned int nr, unsigned int order)
{
	gfp_t gfp = order ? FOR_RUNS : OPPORTUNISTIC;
	long pages = (long)nr << order;
	unsigned int i = 0;

	/* At the limit, do not write the count for nothing. */
	if (!nr || atomic_long_read(&nr_owned) + pages > limit)
		return 0;
	if (atomic_long_add_return(pages, &nr_owned) <= limit) {
		for (; i < nr; i++) {
			/* Not by the submitter's memory policy: the page stays with this CPU. */
			struct page *page = alloc_pages_node(NUMA_NO_NODE, gfp, order);

			if (!page)
				break;
			bvecs[i] = (struct bio_vec){ .bv_page = page,
						     .bv_len = PAGE_SIZE << order };
		}
	}
	if (i < nr)
		atomic_long_sub((long)(nr - i) << order, &nr_owned);
	return i;
}

/* Gives back the remaining pages when this CPU's cache took only @put. */
static noinline void put_rest(const struct bio_vec *bvecs, unsigned int nr, unsigned int put)
{
	unsigned int cached, freed = 0;

	while (put < nr) {
		struct page *page = bvecs[put].bv_page;

		if (may_be_cached(page)) {
			cached = put_cached(bvecs + put, nr - put);
			put += cached;
			if (!cached)
				make_room();
			continue;
		}
		put++;
		if (envelope_page_is_ours(page)) {
			send_away(page);
		} else {
			__free_page(page);
			freed++;
		}
	}
	if (freed)
		atomic_long_sub(freed, &nr_owned);
}

static __always_inline void keep(const struct bio_vec *bvecs, unsigned int nr)
{
	unsigned int cached = put_cached(bvecs, nr);

	if (unlikely(cached < nr))
		put_rest(bvecs, nr, cached);
}

/* Takes pages of other nodes. Return: number of pages. */
static unsigned int take_foreign(struct bio_vec *bvecs, unsigned int nr)
{
	unsigned int node, found, taken = 0;
	struct page *pages[BATCH_PAGES];

	for (node = 0; node < envelope_nr_nodes(); node++)
		while (taken < nr &&
		       (found = envelope_depot_take(node, pages, min(nr - taken, BATCH_PAGES))))
			while (found)
				set_page_of(&bvecs[taken++], pages[--found]);
	return taken;
}

/* Takes the remaining pages when this CPU's cache had only @taken. */
static noinline bool take_rest(struct envelope_share *share, struct bio_vec *bvecs, unsigned int nr,
			       unsigned int taken)
{
	while (taken < nr && fetch_batch())
		taken += take_cached(bvecs + taken, nr - taken);
	taken += envelope_pages_alloc(bvecs + taken, nr - taken, 0);
	if (taken < nr && envelope_depot_free_runs(nr - taken))
		taken += envelope_pages_alloc(bvecs + taken, nr - taken, 0);
	if (taken < nr && static_branch_unlikely(&envelope_several_nodes)) {
		taken += take_foreign(bvecs + taken, nr - taken);
		taken += envelope_pages_alloc(bvecs + taken, nr - taken, 0);
	}
	if (likely(taken == nr))
		return true;
	keep(bvecs, taken);
	envelope_share_refund(share, nr);
	return false;
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
	struct page *pages[BATCH_PAGES];
	unsigned int kept, freed = 0;

	while (nr) {
		for (kept = 0; nr && kept < BATCH_PAGES; nr--) {
			struct page *page = (bvecs++)->bv_page;

			if (envelope_page_is_ours(page)) {
				pages[kept++] = page;
			} else {
				__free_page(page);
				freed++;
			}
		}
		envelope_pages_free(pages, envelope_depot_put(pages, kept), 0);
	}
	if (freed)
		atomic_long_sub(freed, &nr_owned);
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

	envelope_depot_put_all(cache->pages, cache->nr);
	envelope_depot_put_all(cache->away, cache->nr_away);
	cache->nr = 0;
	cache->nr_away = 0;
}

/**
 * envelope_pages_drain() - free all pages that no write uses
 *
 * Context: process context with interrupts on; may sleep.
 */
void envelope_pages_drain(void)
{
	unsigned int node;

	/* A CPU that is going offline has given its pages back when the lock is free. */
	cpus_read_lock();
	on_each_cpu(drain_cache, NULL, 1);
	cpus_read_unlock();
	for (node = 0; node < envelope_nr_nodes(); node++)
		envelope_depot_free(node, ULONG_MAX);
}

/* A CPU has gone offline. Nothing else looks at its cache. */
static int free_cache_of(unsigned int cpu)
{
	struct page_cache *cache = per_cpu_ptr(&page_cache, cpu);

	envelope_pages_free(cache->pages, cache->nr, 0);
	envelope_pages_free(cache->away, cache->nr_away, 0);
	cache->nr = 0;
	cache->nr_away = 0;
	envelope_runs_free_cpu(cpu, ULONG_MAX);
	return 0;
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

	return envelope_depot_pages() + (most > owned ? most - owned : 0);
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
 * envelope_pages_limit_of() - the limit on a machine
 * @memory: of the machine, in pages
 *
 * Return: number of pages.
 */
unsigned long envelope_pages_limit_of(unsigned long memory)
{
	unsigned long small = min_t(unsigned long, memory / 100 * LIMIT_SMALL_PERCENT, LIMIT_SMALL);

	return max3(memory / 100 * LIMIT_PERCENT, small, (unsigned long)LIMIT_LEAST);
}

/**
 * envelope_pages_init() - when the module is loaded
 *
 * Return: 0 or a negative error.
 */
int envelope_pages_init(void)
{
	int r = envelope_depot_init();

	if (r)
		return r;
	envelope_pages_set_limit(envelope_pages_limit_of(totalram_pages()));
	r = cpuhp_setup_state_nocalls(CPUHP_BP_PREPARE_DYN, "md/envelope:dead", NULL,
				      free_cache_of);
	if (r < 0) {
		envelope_depot_exit();
		return r;
	}
	hotplug_state = r;
	return 0;
}

/**
 * envelope_pages_exit() - when the module is unloaded, and all devices are gone
 */
void envelope_pages_exit(void)
{
	envelope_pages_drain();
	cpuhp_remove_state_nocalls(hotplug_state);
	envelope_depot_exit();
	WARN_ON_ONCE(atomic_long_read(&nr_owned));
}
