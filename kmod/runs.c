// SPDX-License-Identifier: GPL-2.0
/*
 * dm-envelope: runs of contiguous pages for the ciphertext of large writes.
 *
 * With single pages, a write of 1 MiB has 256 segments. An NVMe disk takes 127 or so in a request,
 * so the write becomes two requests or more. With runs of 64 KiB it has 16 segments.
 *
 * Runs are used again as single pages are (pages.c), are within the same limit, and count in the
 * same share of their device. A CPU keeps the runs of its last 1 MiB for itself: what it wrote is
 * in its cache, and a run that goes to another CPU takes a thousand cache lines with it. A CPU that
 * lacks pages at the limit, and the kernel when memory is short, take the runs of all CPUs. So a
 * kept run is exchanged, not locked.
 *
 * A run is a compound page: a network packet that refers to any page of it holds the whole run. If
 * memory has no free block of this size, the write takes single pages.
 *
 * Must never sleep. Must never take a lock, or write the common count of pages, for each run: once
 * for 1 MiB.
 */
#include <linux/mm.h>
#include <linux/percpu.h>

#include "envelope.h"

/* As many as a write of 1 MiB has. */
#define BATCH 16u

/**
 * struct kept_runs - runs that a CPU keeps
 * @runs: the first page of each; NULL: none. Any CPU may take one
 */
struct kept_runs {
	struct page *runs[BATCH];
} ____cacheline_aligned_in_smp;

static DEFINE_PER_CPU(struct kept_runs, kept_runs);

static struct page *take_slot(struct page **slot)
{
	return READ_ONCE(*slot) ? xchg(slot, NULL) : NULL;
}

static bool put_slot(struct page **slot, struct page *run)
{
	return !READ_ONCE(*slot) && !cmpxchg(slot, NULL, run);
}

static void set_run(struct bio_vec *bvec, struct page *run)
{
	*bvec = (struct bio_vec){ .bv_page = run, .bv_len = ENVELOPE_RUN_PAGES * PAGE_SIZE };
}

/* Return: number of runs that this CPU had. */
static unsigned int take_near(struct bio_vec *bvecs, unsigned int nr)
{
	struct kept_runs *kept = raw_cpu_ptr(&kept_runs);
	unsigned int i, taken = 0;

	for (i = 0; i < BATCH && taken < nr; i++) {
		struct page *run = take_slot(&kept->runs[i]);

		if (run)
			set_run(&bvecs[taken++], run);
	}
	return taken;
}

/* Leaves in @runs those that found no place. Return: number of them. */
static unsigned int keep_near(struct page **runs, unsigned int nr)
{
	struct kept_runs *kept = raw_cpu_ptr(&kept_runs);
	unsigned int i, slot = 0, left = 0;

	for (i = 0; i < nr; i++) {
		if (!envelope_page_is_away(runs[i])) {
			while (slot < BATCH && !put_slot(&kept->runs[slot], runs[i]))
				slot++;
			if (slot < BATCH)
				continue;
		}
		runs[left++] = runs[i];
	}
	return left;
}

/* Return: number of runs that this CPU and the depot of its node had. */
static unsigned int take_kept(struct bio_vec *bvecs, unsigned int nr)
{
	unsigned int found, taken = take_near(bvecs, nr);
	struct page *runs[BATCH];

	while (taken < nr && (found = envelope_depot_take_runs(envelope_this_node(), runs,
							       min(nr - taken, BATCH))))
		while (found)
			set_run(&bvecs[taken++], runs[--found]);
	return taken;
}

static void put_far(struct page **runs, unsigned int nr)
{
	if (nr)
		envelope_pages_free(runs, envelope_depot_put_runs(runs, nr), ENVELOPE_RUN_ORDER);
}

/*
 * Gives runs to this CPU, or to the depots of their nodes. A write that needs single pages in their
 * place has them freed (envelope_depot_free_runs()).
 */
static void give_back(const struct bio_vec *bvecs, unsigned int nr, bool near)
{
	struct page *ours[BATCH], *others[BATCH];
	unsigned int i, nr_ours, nr_others;

	for (i = 0; i < nr;) {
		for (nr_ours = nr_others = 0; i < nr && nr_ours < BATCH && nr_others < BATCH; i++) {
			if (envelope_page_is_ours(bvecs[i].bv_page))
				ours[nr_ours++] = bvecs[i].bv_page;
			else
				others[nr_others++] = bvecs[i].bv_page;
		}
		put_far(ours, near ? keep_near(ours, nr_ours) : nr_ours);
		envelope_pages_free(others, nr_others, ENVELOPE_RUN_ORDER);
	}
}

/**
 * envelope_runs_take() - take runs, all of them or none
 * @share: of the device
 * @bvecs: to be filled, one run each
 * @nr: how many
 *
 * Context: any but NMI; never sleeps. Return: true if @bvecs has all its runs.
 */
bool envelope_runs_take(struct envelope_share *share, struct bio_vec *bvecs, unsigned int nr)
{
	unsigned int taken;

	if (!envelope_share_charge(share, nr * ENVELOPE_RUN_PAGES))
		return false;
	taken = take_kept(bvecs, nr);
	taken += envelope_pages_alloc(bvecs + taken, nr - taken, ENVELOPE_RUN_ORDER);
	if (likely(taken == nr))
		return true;
	envelope_share_refund(share, nr * ENVELOPE_RUN_PAGES);
	give_back(bvecs, taken, true);
	return false;
}

/**
 * envelope_runs_put() - give runs back
 * @share: of the device
 * @bvecs: filled by envelope_runs_take()
 * @nr: how many
 *
 * Context: any but NMI.
 */
void envelope_runs_put(struct envelope_share *share, const struct bio_vec *bvecs, unsigned int nr)
{
	bool wanted;

	envelope_share_refund(share, nr * ENVELOPE_RUN_PAGES);
	wanted = READ_ONCE(share->wanted);
	give_back(bvecs, nr, !wanted);
	if (unlikely(wanted))
		envelope_share_wake(share);
}

/**
 * envelope_runs_free_cpu() - give the runs that a CPU keeps to the page allocator
 * @cpu: the CPU
 * @nr: number of pages at most, but for the rest of a run
 *
 * Context: any but NMI. Return: number of pages.
 */
unsigned long envelope_runs_free_cpu(unsigned int cpu, unsigned long nr)
{
	struct kept_runs *kept = per_cpu_ptr(&kept_runs, cpu);
	unsigned long freed = 0;
	unsigned int slot;

	for (slot = 0; slot < BATCH && freed < nr; slot++) {
		struct page *run = take_slot(&kept->runs[slot]);

		if (!run)
			continue;
		envelope_pages_free(&run, 1, ENVELOPE_RUN_ORDER);
		freed += ENVELOPE_RUN_PAGES;
	}
	return freed;
}

/**
 * envelope_runs_free_kept() - give runs that CPUs keep to the page allocator
 * @node: of CPUs near this node; %NUMA_NO_NODE: of all CPUs
 * @nr: number of pages at most, but for the rest of a run
 *
 * Context: any but NMI. Return: number of pages.
 */
unsigned long envelope_runs_free_kept(int node, unsigned long nr)
{
	unsigned long freed = 0;
	unsigned int cpu;

	for_each_possible_cpu(cpu)
		if (freed < nr && envelope_cpu_is_of_node(cpu, node))
			freed += envelope_runs_free_cpu(cpu, nr - freed);
	return freed;
}

/**
 * envelope_runs_kept() - pages of runs that CPUs keep
 * @node: as for envelope_runs_free_kept()
 *
 * Return: number of pages.
 */
unsigned long envelope_runs_kept(int node)
{
	unsigned long found = 0;
	unsigned int cpu, slot;

	for_each_possible_cpu(cpu) {
		const struct kept_runs *kept = per_cpu_ptr(&kept_runs, cpu);

		if (!envelope_cpu_is_of_node(cpu, node))
			continue;
		for (slot = 0; slot < BATCH; slot++)
			found += READ_ONCE(kept->runs[slot]) ? ENVELOPE_RUN_PAGES : 0;
	}
	return found;
}
