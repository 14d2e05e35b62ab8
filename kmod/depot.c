// SPDX-License-Identifier: GPL-2.0
/*
 * dm-envelope: depots of pages for the ciphertext of writes, one for each node of the machine.
 *
 * One CPU stores its surplus pages here; a CPU that lacks pages takes them. A page is only in the
 * depot of its own node, so CPUs of different nodes share no lock, and no CPU gets a slow page
 * while its own node has one. When memory is short, the kernel's shrinker takes the pages.
 *
 * Must never sleep, except to come and go. Must never call the page allocator with a lock held.
 */
#include <linux/mm.h>
#include <linux/nodemask.h>
#include <linux/slab.h>

#include "envelope.h"

#define DEPOT_PAGES 2048
#define FREE_BATCH  32u

/**
 * struct depot - pages of one node
 * @lock: irq-safe; guards the other fields, held for one batch
 * @pages: linked by page->lru
 * @nr: length of @pages
 */
struct depot {
	raw_spinlock_t lock; /* irq */
	struct list_head pages;
	unsigned int nr;
} ____cacheline_aligned_in_smp;

DEFINE_STATIC_KEY_FALSE(envelope_several_nodes);

static struct depot *depots;
static struct shrinker *shrinker;

/* The pages of a machine with one node are in one depot, whatever the number of the node. */
static struct depot *depot_of_node(unsigned int node)
{
	return static_branch_unlikely(&envelope_several_nodes) ? &depots[node] : &depots[0];
}

static struct depot *depot_of(const struct page *page)
{
	return static_branch_unlikely(&envelope_several_nodes) ? &depots[envelope_page_node(page)]
							       : &depots[0];
}

/**
 * envelope_depot_take() - take pages of a node
 * @node: the node
 * @pages: to be filled
 * @nr: how many at most
 *
 * Context: any but NMI. Return: how many.
 */
unsigned int envelope_depot_take(unsigned int node, struct page **pages, unsigned int nr)
{
	struct depot *depot = depot_of_node(node);
	unsigned int taken = 0;
	unsigned long flags;

	/* The depot is usually empty. Do not take the lock then. */
	if (!READ_ONCE(depot->nr))
		return 0;
	raw_spin_lock_irqsave(&depot->lock, flags);
	while (depot->nr && taken < nr) {
		struct page *page = list_first_entry(&depot->pages, struct page, lru);

		list_del(&page->lru);
		WRITE_ONCE(depot->nr, depot->nr - 1);
		pages[taken++] = page;
	}
	raw_spin_unlock_irqrestore(&depot->lock, flags);
	return taken;
}

/* The pages of a batch are mostly of one node, so the lock is mostly taken once. */
static unsigned int put(struct page **pages, unsigned int nr, unsigned int most)
{
	unsigned int i = 0, left = 0;
	unsigned long flags;

	while (i < nr) {
		struct depot *depot = depot_of(pages[i]);

		raw_spin_lock_irqsave(&depot->lock, flags);
		for (; i < nr && depot_of(pages[i]) == depot; i++) {
			if (depot->nr < most) {
				list_add(&pages[i]->lru, &depot->pages);
				WRITE_ONCE(depot->nr, depot->nr + 1);
			} else {
				pages[left++] = pages[i];
			}
		}
		raw_spin_unlock_irqrestore(&depot->lock, flags);
	}
	return left;
}

/**
 * envelope_depot_put() - put pages into the depots of their nodes
 * @pages: that no write uses; afterwards those that found no room
 * @nr: how many
 *
 * Context: any but NMI. Return: how many found no room.
 */
unsigned int envelope_depot_put(struct page **pages, unsigned int nr)
{
	return put(pages, nr, DEPOT_PAGES);
}

/**
 * envelope_depot_put_all() - put pages into the depots of their nodes, whatever is there
 * @pages: that no write uses
 * @nr: how many
 *
 * Context: any but NMI; envelope_depot_free() follows.
 */
void envelope_depot_put_all(struct page **pages, unsigned int nr)
{
	put(pages, nr, UINT_MAX);
}

/**
 * envelope_depot_free() - give pages of a node to the page allocator
 * @node: the node
 * @nr: how many at most
 *
 * Context: any but NMI. Return: how many.
 */
unsigned long envelope_depot_free(unsigned int node, unsigned long nr)
{
	struct page *pages[FREE_BATCH];
	unsigned long freed = 0;
	unsigned int n;

	while (freed < nr &&
	       (n = envelope_depot_take(node, pages,
					min_t(unsigned long, nr - freed, FREE_BATCH)))) {
		envelope_pages_free(pages, n);
		freed += n;
	}
	return freed;
}

/**
 * envelope_depot_pages() - pages in all depots
 *
 * Return: number of pages.
 */
unsigned long envelope_depot_pages(void)
{
	unsigned int node, nr_nodes = envelope_nr_nodes();
	unsigned long nr = 0;

	for (node = 0; node < nr_nodes; node++)
		nr += READ_ONCE(depots[node].nr);
	return nr;
}

static unsigned long count_free(struct shrinker *unused, struct shrink_control *control)
{
	return READ_ONCE(depot_of_node(control->nid)->nr) ?: SHRINK_EMPTY;
}

static unsigned long free_some(struct shrinker *unused, struct shrink_control *control)
{
	return envelope_depot_free(control->nid, control->nr_to_scan) ?: SHRINK_STOP;
}

/**
 * envelope_depot_init() - when the module is loaded
 *
 * Return: 0 or -ENOMEM.
 */
int envelope_depot_init(void)
{
	unsigned int node, nr_nodes = envelope_nr_nodes();

	depots = kcalloc(nr_nodes, sizeof(*depots), GFP_KERNEL);
	if (!depots)
		return -ENOMEM;
	for (node = 0; node < nr_nodes; node++) {
		raw_spin_lock_init(&depots[node].lock);
		INIT_LIST_HEAD(&depots[node].pages);
	}
	shrinker = envelope_shrinker_new("md-envelope", count_free, free_some);
	if (!shrinker) {
		kfree(depots);
		return -ENOMEM;
	}
	if (num_node_state(N_MEMORY) > 1)
		static_branch_enable(&envelope_several_nodes);
	return 0;
}

/**
 * envelope_depot_exit() - when the module is unloaded, and the depots are empty
 */
void envelope_depot_exit(void)
{
	envelope_shrinker_free(shrinker);
	kfree(depots);
}
