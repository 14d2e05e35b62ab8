// SPDX-License-Identifier: GPL-2.0
/*
 * dm-envelope: depots of pages for the ciphertext of writes, one for each node of the machine.
 *
 * One CPU stores its surplus pages here; a CPU that lacks pages takes them. A page is only in the
 * depot of its own node, so CPUs of different nodes share no lock, and no CPU gets a slow page
 * while its own node has one. Runs of contiguous pages, for large writes, lie in depots of their
 * own, or with a CPU (runs.c). When memory is short, the kernel's shrinker takes the pages.
 *
 * Must never sleep, except to come and go. Must never call the page allocator with a lock held.
 */
#include <linux/mm.h>
#include <linux/nodemask.h>
#include <linux/slab.h>

#include "envelope.h"

/* 8 MiB of single pages, and 4 MiB of runs. */
#define DEPOT_PAGES (8388608 >> PAGE_SHIFT)
#define DEPOT_RUNS  64
#define FREE_BATCH  32u

/**
 * struct depot - pages, or runs of pages, of one node
 * @lock: irq-safe; guards the other fields, held for one batch
 * @pages: linked by page->lru, a run by its first page
 * @nr: length of @pages
 */
struct depot {
	raw_spinlock_t lock; /* irq */
	struct list_head pages;
	unsigned int nr;
} ____cacheline_aligned_in_smp;

/**
 * struct node_depots - what lies on one node
 * @pages: single pages
 * @runs: runs of %ENVELOPE_RUN_PAGES pages
 */
struct node_depots {
	struct depot pages;
	struct depot runs;
};

DEFINE_STATIC_KEY_FALSE(envelope_several_nodes);

static struct node_depots *nodes;
static struct shrinker *shrinker;

/* The pages of a machine with one node are in one depot, whatever the number of the node. */
static struct node_depots *node_of_number(unsigned int node)
{
	return static_branch_unlikely(&envelope_several_nodes) ? &nodes[node] : &nodes[0];
}

static struct depot *depot_of(const struct page *page, bool run)
{
	struct node_depots *node = static_branch_unlikely(&envelope_several_nodes)
					   ? &nodes[envelope_page_node(page)]
					   : &nodes[0];

	return run ? &node->runs : &node->pages;
}

static unsigned int take(struct depot *depot, struct page **pages, unsigned int nr)
{
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
static unsigned int put(struct page **pages, unsigned int nr, bool runs, unsigned int most)
{
	unsigned int i = 0, left = 0;
	unsigned long flags;

	while (i < nr) {
		struct depot *depot = depot_of(pages[i], runs);

		raw_spin_lock_irqsave(&depot->lock, flags);
		for (; i < nr && depot_of(pages[i], runs) == depot; i++) {
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
 * envelope_depot_take() - take pages of a node
 * @node: the node
 * @pages: to be filled
 * @nr: how many at most
 *
 * Context: any but NMI. Return: how many.
 */
unsigned int envelope_depot_take(unsigned int node, struct page **pages, unsigned int nr)
{
	return take(&node_of_number(node)->pages, pages, nr);
}

/**
 * envelope_depot_take_runs() - take runs of pages of a node
 * @node: the node
 * @runs: to be filled with the first page of each run
 * @nr: number of runs at most
 *
 * Context: any but NMI. Return: number of runs.
 */
unsigned int envelope_depot_take_runs(unsigned int node, struct page **runs, unsigned int nr)
{
	return take(&node_of_number(node)->runs, runs, nr);
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
	return put(pages, nr, false, DEPOT_PAGES);
}

/**
 * envelope_depot_put_runs() - put runs of pages into the depots of their nodes
 * @runs: that no write uses; afterwards those that found no room
 * @nr: number of runs
 *
 * Context: any but NMI. Return: number of runs that found no room.
 */
unsigned int envelope_depot_put_runs(struct page **runs, unsigned int nr)
{
	return put(runs, nr, true, DEPOT_RUNS);
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
	put(pages, nr, false, UINT_MAX);
}

static unsigned long free_from(struct depot *depot, unsigned int order, unsigned long nr)
{
	struct page *pages[FREE_BATCH];
	unsigned long freed = 0;
	unsigned int n;

	while (freed < nr &&
	       (n = take(depot, pages,
			 min_t(unsigned long, ((nr - freed - 1) >> order) + 1, FREE_BATCH)))) {
		envelope_pages_free(pages, n, order);
		freed += (unsigned long)n << order;
	}
	return freed;
}

/**
 * envelope_depot_free() - give pages of a node to the page allocator
 * @node: the node
 * @nr: how many at most, but for the rest of a run
 *
 * Runs go first, also those that CPUs keep: a large write does without them.
 *
 * Context: any but NMI. Return: number of pages.
 */
unsigned long envelope_depot_free(unsigned int node, unsigned long nr)
{
	struct node_depots *from = node_of_number(node);
	unsigned long freed = free_from(&from->runs, ENVELOPE_RUN_ORDER, nr);

	if (freed < nr)
		freed += envelope_runs_free_kept(node, nr - freed);
	return freed < nr ? freed + free_from(&from->pages, 0, nr - freed) : freed;
}

/**
 * envelope_depot_free_runs() - let single pages have the place of runs that no write uses
 * @nr: number of pages
 *
 * Context: any but NMI. Return: number of pages that went to the page allocator.
 */
unsigned long envelope_depot_free_runs(unsigned int nr)
{
	unsigned int i, nr_nodes = envelope_nr_nodes();
	unsigned long freed = 0;

	for (i = 0; i < nr_nodes && freed < nr; i++)
		freed += free_from(&nodes[i].runs, ENVELOPE_RUN_ORDER, nr - freed);
	return freed < nr ? freed + envelope_runs_free_kept(NUMA_NO_NODE, nr - freed) : freed;
}

static unsigned long pages_on(const struct node_depots *node)
{
	return READ_ONCE(node->pages.nr) +
	       ((unsigned long)READ_ONCE(node->runs.nr) << ENVELOPE_RUN_ORDER);
}

/**
 * envelope_depot_pages() - pages that each CPU may take
 *
 * Return: number of pages in all depots, and in runs that CPUs keep.
 */
unsigned long envelope_depot_pages(void)
{
	unsigned int i, nr_nodes = envelope_nr_nodes();
	unsigned long nr = 0;

	for (i = 0; i < nr_nodes; i++)
		nr += pages_on(&nodes[i]);
	return nr + envelope_runs_kept(NUMA_NO_NODE);
}

static unsigned long count_free(struct shrinker *unused, struct shrink_control *control)
{
	unsigned long nr = pages_on(node_of_number(control->nid)) +
			   envelope_runs_kept(control->nid);

	return nr ?: SHRINK_EMPTY;
}

static unsigned long free_some(struct shrinker *unused, struct shrink_control *control)
{
	return envelope_depot_free(control->nid, control->nr_to_scan) ?: SHRINK_STOP;
}

static void init_depot(struct depot *depot)
{
	raw_spin_lock_init(&depot->lock);
	INIT_LIST_HEAD(&depot->pages);
}

/**
 * envelope_depot_init() - when the module is loaded
 *
 * Return: 0 or -ENOMEM.
 */
int envelope_depot_init(void)
{
	unsigned int i, nr_nodes = envelope_nr_nodes();

	nodes = kcalloc(nr_nodes, sizeof(*nodes), GFP_KERNEL);
	if (!nodes)
		return -ENOMEM;
	for (i = 0; i < nr_nodes; i++) {
		init_depot(&nodes[i].pages);
		init_depot(&nodes[i].runs);
	}
	shrinker = envelope_shrinker_new("md-envelope", count_free, free_some);
	if (!shrinker) {
		kfree(nodes);
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
	kfree(nodes);
}
