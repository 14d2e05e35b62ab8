// SPDX-License-Identifier: GPL-2.0
/*
 * dm-envelope: bios that the lower device completes in a hard interrupt, or with
 * interrupts off, where the cipher must not run.
 *
 * Each CPU has a list of such bios. A bottom half decrypts them as soon as interrupts are on
 * again. One bottom half serves all bios of an interrupt. The bottom half is not part of a
 * bio's memory, which is freed when the bio completes.
 *
 * The bottom half is a tasklet. A work item of a bottom half work queue costs over a thousand
 * instructions more per interrupt, three times as much as the rest of the way.
 *
 * A disk with fewer queues than the machine has CPUs interrupts few CPUs, and these would
 * decrypt everything, before all threads, while other CPUs are idle. So the tasklet of a CPU has
 * a budget of time. When the budget is used up, the bios that are left go to unbound workers of
 * the usual priority: the scheduler places them, and weighs them against other threads.
 *
 * A bio that comes alone is not counted: the clock would cost a tenth of a small read. Nor is one
 * that the block layer completes in a bottom half of its own, as it does for a disk with one queue:
 * interrupts are on there, and the bio is decrypted at once.
 *
 * The kernel has no way to charge a worker's CPU time to the cgroup of the bio's submitter.
 */
#include <linux/interrupt.h>
#include <linux/llist.h>
#include <linux/percpu.h>
#include <linux/sched.h>
#include <linux/sched/clock.h>
#include <linux/workqueue.h>

#include "envelope.h"

/* The tasklet of a CPU may use half of each period. */
#define PERIOD_NS (4 * NSEC_PER_MSEC)
#define BUDGET_NS (PERIOD_NS / 2)

/* The clock costs a tenth of a small read, so the tasklet looks at it after so many bytes. */
#define LOOK_BYTES 32768

/* What one worker takes: some 10 us of work with a fast cipher, well above what a worker costs. */
#define BATCH_BYTES 131072

/**
 * struct backlog - the bios that wait on one CPU
 * @bios: nodes of struct envelope_bio, the newest first
 * @tasklet: decrypts them
 * @period: when the present period began; in ns of the CPU's clock
 * @used: time that the tasklet has worked in this period; in ns
 */
struct backlog {
	struct llist_head bios;
	struct tasklet_struct tasklet;
	u64 period;
	u64 used;
};

static DEFINE_PER_CPU(struct backlog, backlogs);

static u64 budget_ns = BUDGET_NS;

static struct workqueue_struct *backlog_wq;

static void work_off(struct work_struct *work)
{
	struct envelope_backlog *first = container_of(work, struct envelope_backlog, work);
	struct envelope_backlog *entry, *next;

	/* Completing the bio of the first entry frees @work. */
	llist_for_each_entry_safe(entry, next, &first->node, node) {
		envelope_read_continue(entry->bio->bi_private, entry->bio);
		cond_resched();
	}
}

/* Ends the batch that begins with @bios. Return: what follows the batch; NULL if nothing does. */
static struct llist_node *cut_batch(struct llist_node *bios)
{
	struct llist_node *node, *rest = NULL;
	unsigned int bytes = 0;

	for (node = bios; node; node = rest) {
		struct envelope_backlog *entry = llist_entry(node, struct envelope_backlog, node);
		struct envelope_bio *eb = entry->bio->bi_private;

		envelope_event_below(eb->dev, ENVELOPE_READ_BACKLOG, REQ_OP_READ, &eb->iter);
		bytes += eb->iter.bi_size;
		rest = node->next;
		if (bytes >= BATCH_BYTES) {
			node->next = NULL;
			break;
		}
	}
	return rest;
}

static void hand_to_workers(struct llist_node *bios)
{
	while (bios) {
		struct envelope_backlog *first = llist_entry(bios, struct envelope_backlog, node);

		bios = cut_batch(bios);
		INIT_WORK(&first->work, work_off);
		queue_work(backlog_wq, &first->work);
	}
}

/* Several bios: the CPU may be the one that does the work of all. */
static noinline void take_up_several(struct backlog *backlog, struct llist_node *bios)
{
	u64 now, then = local_clock();
	unsigned int bytes = 0;

	if (then - backlog->period >= PERIOD_NS) {
		backlog->period = then;
		backlog->used = 0;
	}
	while (bios) {
		struct envelope_backlog *entry = llist_entry(bios, struct envelope_backlog, node);
		struct envelope_bio *eb = entry->bio->bi_private;

		if (unlikely(backlog->used >= READ_ONCE(budget_ns))) {
			hand_to_workers(bios);
			return;
		}
		bios = bios->next;
		bytes += eb->iter.bi_size;
		envelope_read_continue(eb, entry->bio);
		if (bytes >= LOOK_BYTES || !bios) {
			now = local_clock();
			backlog->used += now - then;
			then = now;
			bytes = 0;
		}
	}
}

static void take_up(struct tasklet_struct *tasklet)
{
	struct backlog *backlog = container_of(tasklet, struct backlog, tasklet);
	struct llist_node *bios = llist_del_all(&backlog->bios);

	if (unlikely(!bios))
		return;
	if (unlikely(bios->next)) {
		/* The oldest bio first. */
		take_up_several(backlog, llist_reverse_order(bios));
	} else {
		struct envelope_backlog *entry = llist_entry(bios, struct envelope_backlog, node);

		envelope_read_continue(entry->bio->bi_private, entry->bio);
	}
}

/**
 * envelope_interrupt_defer() - decrypt a bio soon, in a bottom half
 * @eb: ours, of a read that the lower device has completed
 * @bio: the clone
 *
 * Context: any, on the CPU that completed the bio; ends in envelope_read_continue().
 */
void envelope_interrupt_defer(struct envelope_bio *eb, struct bio *bio)
{
	struct backlog *backlog = this_cpu_ptr(&backlogs);

	eb->backlog.bio = bio;
	/* Only the first bio of the list schedules the tasklet. */
	if (llist_add(&eb->backlog.node, &backlog->bios))
		tasklet_hi_schedule(&backlog->tasklet);
}

/**
 * envelope_interrupt_set_budget() - for tests: time of a CPU's tasklet in each period
 * @ns: the time, in ns
 *
 * Return: the time before.
 */
u64 envelope_interrupt_set_budget(u64 ns)
{
	return xchg(&budget_ns, ns);
}

/**
 * envelope_interrupt_init() - when the module is loaded
 *
 * Return: 0 or -ENOMEM.
 */
int envelope_interrupt_init(void)
{
	int cpu;

	backlog_wq = alloc_workqueue("envelope_backlog", WQ_MEM_RECLAIM | WQ_UNBOUND, 0);
	if (!backlog_wq)
		return -ENOMEM;
	for_each_possible_cpu(cpu) {
		struct backlog *backlog = per_cpu_ptr(&backlogs, cpu);

		init_llist_head(&backlog->bios);
		tasklet_setup(&backlog->tasklet, take_up);
	}
	return 0;
}

/**
 * envelope_interrupt_exit() - when the module is unloaded, and all bios are back
 *
 * Context: sleeps until the last bottom half and the last worker have ended.
 */
void envelope_interrupt_exit(void)
{
	int cpu;

	for_each_possible_cpu(cpu)
		tasklet_kill(&per_cpu_ptr(&backlogs, cpu)->tasklet);
	destroy_workqueue(backlog_wq);
}
