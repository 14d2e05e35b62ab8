// SPDX-License-Identifier: GPL-2.0
/*
 * dm-envelope: the bounce pages of a write, and a device's reserve of them.
 *
 * Writing a page cache page may be what frees memory, so a write must not depend on free
 * memory. A write takes its pages from pages.c. When pages.c has none, or the device holds
 * its share of them (share.c), the write goes to the device's one write worker. For the worker the
 * device keeps a reserve that suffices for one write of maximal size. Pages of the reserve return
 * to it when the disk has completed the write, so the worker makes progress, if only one large
 * write at a time. The worker also takes pages of pages.c, as soon as they are free.
 *
 * A page of the reserve to which the disk still refers after it has completed the write waits in
 * the reserve until the disk has let go of it (pages.c has the reason).
 *
 * A write of more than a few pages keeps its table of segments in one more page. A large write
 * takes runs of contiguous pages (runs.c) if there are any.
 *
 * Memory bound: ENVELOPE_RESERVE_PAGES per device.
 *
 * Must never sleep for pages in the map function: bios queued behind it on
 * current->bio_list may be the ones that would bring pages back. Only the
 * device's one write worker waits, and it takes all the pages of a write or none,
 * so that two half-served writes cannot wait for each other.
 */
#include <linux/gfp.h>
#include <linux/mm.h>

#include "envelope.h"

#define LOOK_AGAIN (HZ / 20 + 1)

static bool needs_table(unsigned int nr)
{
	return nr > ENVELOPE_INLINE_BVECS;
}

/* With fewer pages, the rest of a run that the write does not use is too large a part. */
static bool is_for_runs(unsigned int nr)
{
	return ENVELOPE_RUN_ORDER && nr >= 2 * ENVELOPE_RUN_PAGES;
}

static unsigned int runs_of(unsigned int nr)
{
	return DIV_ROUND_UP(nr, ENVELOPE_RUN_PAGES);
}

/* A write that needs a table has a whole page of bvecs; this is the page. */
static struct page *table_of(const struct envelope_bounce *bounce)
{
	return virt_to_page(bounce->bvecs);
}

/**
 * envelope_bounce_pool_init() - fill the reserve
 * @pool: to be initialised
 *
 * Context: may sleep. Return: 0 or -ENOMEM, and then nothing is allocated.
 */
int envelope_bounce_pool_init(struct envelope_bounce_pool *pool)
{
	BUILD_BUG_ON(ENVELOPE_MAX_PAGES * sizeof(struct bio_vec) > PAGE_SIZE);

	if (envelope_share_init(&pool->share))
		return -ENOMEM;
	spin_lock_init(&pool->lock);
	INIT_LIST_HEAD(&pool->pages);
	init_waitqueue_head(&pool->wait);
	pool->nr_pages = 0;

	while (pool->nr_pages < ENVELOPE_RESERVE_PAGES) {
		struct page *page = alloc_page(GFP_KERNEL);

		if (!page) {
			envelope_bounce_pool_exit(pool);
			return -ENOMEM;
		}
		list_add(&page->lru, &pool->pages);
		pool->nr_pages++;
	}
	return 0;
}

/**
 * envelope_bounce_pool_exit() - give the reserve back
 * @pool: nothing is on loan
 */
void envelope_bounce_pool_exit(struct envelope_bounce_pool *pool)
{
	struct page *page, *next;

	list_for_each_entry_safe(page, next, &pool->pages, lru) {
		list_del(&page->lru);
		__free_page(page);
	}
	envelope_share_exit(&pool->share);
}

/* A function of its own, or its stack would cost small writes too. */
static noinline bool try_take_with_table(struct envelope_share *share,
					 struct envelope_bounce *bounce, unsigned int nr)
{
	struct bio_vec table;

	if (!envelope_pages_take(share, &table, 1))
		return false;
	bounce->bvecs = page_address(table.bv_page);
	if (is_for_runs(nr) && envelope_runs_take(share, bounce->bvecs, runs_of(nr))) {
		bounce->order = ENVELOPE_RUN_ORDER;
		return true;
	}
	if (envelope_pages_take(share, bounce->bvecs, nr))
		return true;
	envelope_pages_put_back(share, &table, 1);
	return false;
}

static noinline void release_with_table(struct envelope_share *share,
					struct envelope_bounce *bounce)
{
	struct bio_vec table = { .bv_page = table_of(bounce) };

	if (bounce->order)
		envelope_runs_put(share, bounce->bvecs, runs_of(bounce->nr));
	else
		envelope_pages_put(share, bounce->bvecs, bounce->nr);
	envelope_pages_put(share, &table, 1);
}

/**
 * envelope_bounce_try_take() - take pages for one write without waiting
 * @pool: the device's pool
 * @bounce: to be filled
 * @nr: pages, up to ENVELOPE_MAX_PAGES
 *
 * Context: any but NMI; never sleeps.
 * Return: true if @bounce has all its pages; otherwise it has no page.
 */
bool envelope_bounce_try_take(struct envelope_bounce_pool *pool, struct envelope_bounce *bounce,
			      unsigned int nr)
{
	bounce->reserved = false;
	bounce->order = 0;
	bounce->nr = nr;
	if (unlikely(needs_table(nr)))
		return try_take_with_table(&pool->share, bounce, nr);
	bounce->bvecs = bounce->inline_bvecs;
	return envelope_pages_take(&pool->share, bounce->inline_bvecs, nr);
}

/*
 * Moves @nr pages that nobody else uses from the pool to @pages. Call with pool->lock. Return:
 * false if the pool has too few of them, and then none is moved.
 */
static bool pop(struct envelope_bounce_pool *pool, unsigned int nr, struct list_head *pages)
{
	struct page *page, *next;
	unsigned int found = 0;

	lockdep_assert_held(&pool->lock);
	list_for_each_entry_safe(page, next, &pool->pages, lru) {
		if (found == nr)
			break;
		if (!envelope_page_is_ours(page))
			continue;
		list_move_tail(&page->lru, pages);
		found++;
	}
	if (found < nr) {
		list_splice_init(pages, &pool->pages);
		return false;
	}
	pool->nr_pages -= nr;
	return true;
}

static struct page *take_first(struct list_head *pages)
{
	struct page *page = list_first_entry(pages, struct page, lru);

	list_del(&page->lru);
	return page;
}

static void push(struct envelope_bounce_pool *pool, struct page *page)
{
	lockdep_assert_held(&pool->lock);
	list_add(&page->lru, &pool->pages);
	pool->nr_pages++;
}

static bool take_reserved(struct envelope_bounce_pool *pool, struct envelope_bounce *bounce,
			  unsigned int nr)
{
	LIST_HEAD(pages);
	unsigned int i;
	bool enough;

	spin_lock_irq(&pool->lock);
	enough = pop(pool, nr + needs_table(nr), &pages);
	spin_unlock_irq(&pool->lock);
	if (!enough)
		return false;

	bounce->bvecs = needs_table(nr) ? page_address(take_first(&pages)) : bounce->inline_bvecs;
	for (i = 0; i < nr; i++)
		bounce->bvecs[i] = (struct bio_vec){
			.bv_page = take_first(&pages),
			.bv_len = PAGE_SIZE,
		};
	bounce->reserved = true;
	bounce->order = 0;
	return true;
}

/* What waiting ends with. */
static bool take_any(struct envelope_bounce_pool *pool, struct envelope_bounce *bounce,
		     unsigned int nr)
{
	if (envelope_bounce_try_take(pool, bounce, nr) || take_reserved(pool, bounce, nr))
		return true;
	envelope_share_wait(&pool->share, nr + needs_table(nr));
	return false;
}

/**
 * envelope_bounce_take() - take pages for one write and wait for them
 * @pool: the device's pool
 * @bounce: to be filled
 * @nr: pages, up to ENVELOPE_MAX_PAGES
 * @lc: waiting ends when this is no longer live and envelope_bounce_wake() is called
 *
 * Only one thread of a device may call this.
 *
 * Context: process context that does not delay the return of pages.
 * Return: true if @bounce has its pages; false if the device died.
 */
bool envelope_bounce_take(struct envelope_bounce_pool *pool, struct envelope_bounce *bounce,
			  unsigned int nr, const struct envelope_lifecycle *lc)
{
	bool taken = take_any(pool, bounce, nr);

	bounce->waited = !taken;
	/*
	 * No event tells that the disk has let go of a page, or that memory is free, so look again
	 * from time to time.
	 */
	while (!taken && !wait_event_timeout(pool->wait,
					     (taken = take_any(pool, bounce, nr)) ||
						     !envelope_lifecycle_is_live(lc),
					     LOOK_AGAIN))
		;
	envelope_share_wait_end(&pool->share);
	return taken;
}

static noinline void return_reserved(struct envelope_bounce_pool *pool,
				     struct envelope_bounce *bounce)
{
	unsigned long flags;
	unsigned int i;

	spin_lock_irqsave(&pool->lock, flags);
	for (i = 0; i < bounce->nr; i++)
		push(pool, bounce->bvecs[i].bv_page);
	/* Return the table last: its bvecs are lost with it. */
	if (needs_table(bounce->nr))
		push(pool, table_of(bounce));
	spin_unlock_irqrestore(&pool->lock, flags);
	wake_up(&pool->wait);
}

/**
 * envelope_bounce_release() - give the pages of a write back
 * @pool: the device's pool
 * @bounce: filled by envelope_bounce_take() or envelope_bounce_try_take()
 *
 * Context: any but NMI.
 */
void envelope_bounce_release(struct envelope_bounce_pool *pool, struct envelope_bounce *bounce)
{
	if (unlikely(bounce->reserved))
		return_reserved(pool, bounce);
	else if (unlikely(needs_table(bounce->nr)))
		release_with_table(&pool->share, bounce);
	else
		envelope_pages_put(&pool->share, bounce->bvecs, bounce->nr);
}

/**
 * envelope_bounce_wake() - let the waiting worker look at the lifecycle again
 * @pool: the device's pool
 *
 * Context: any.
 */
void envelope_bounce_wake(struct envelope_bounce_pool *pool)
{
	wake_up(&pool->wait);
}
