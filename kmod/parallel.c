// SPDX-License-Identifier: GPL-2.0
/*
 * dm-envelope: one large bio on several CPUs.
 *
 * The data is cut into chunks, each a short section. The owner of the bio does chunk after chunk,
 * all of them if necessary. Helpers are threads of the lowest priority: a helper that wakes up on
 * an idle CPU takes chunks too; a helper that gets no CPU takes no chunk. A helper takes part in
 * a bio only while it does a chunk, and it is not preempted during the chunk. So the owner can
 * wait for the chunk without sleeping, and a bio never waits for a CPU that a helper has lost.
 *
 * A helper does nothing else. It sends no bio and completes none: a disk that is stuck, or a
 * layer above, would keep the helper from all other devices.
 *
 * With PREEMPT_RT there are no helpers. A chunk is preempted there, and the owner, perhaps of
 * real-time priority, would wait for the thread of lowest priority. The owner does all chunks.
 *
 * Must never wait for a helper that does no chunk.
 */
#include <linux/cpumask.h>
#include <linux/kthread.h>
#include <linux/sched.h>

#include "envelope.h"

/* A fourth helper does not pay: the other threads have done all chunks before it wakes up. */
#define MAX_HELPERS 3

/**
 * struct helper - a helper thread
 * @worker: the thread; NULL if this helper does not run
 * @work: looks for offered bios
 */
struct helper {
	struct kthread_worker *worker;
	struct kthread_work work;
};

static struct helper helpers[MAX_HELPERS];

/* Bios that have chunks left for helpers. */
static DEFINE_SPINLOCK(offered_lock); /* guards the list, and membership in it */
static LIST_HEAD(offered);

static void wake_helper(unsigned int number)
{
	if (number < MAX_HELPERS && helpers[number].worker)
		kthread_queue_work(helpers[number].worker, &helpers[number].work);
}

/* Between the two a thread keeps its CPU, except with PREEMPT_RT: the locks of a chunk sleep. */
static void keep_cpu(void)
{
	if (!IS_ENABLED(CONFIG_PREEMPT_RT))
		preempt_disable();
}

static void let_cpu_go(void)
{
	if (!IS_ENABLED(CONFIG_PREEMPT_RT))
		preempt_enable();
}

/* Return: false if no chunk was left. */
static bool do_chunk(struct envelope_parallel *p)
{
	bool took;
	int index, r;

	keep_cpu();
	index = atomic_inc_return(&p->next) - 1;
	took = index < p->chunks;
	if (took && !READ_ONCE(p->error)) {
		r = p->chunk(p, index);
		if (unlikely(r))
			WRITE_ONCE(p->error, r);
	}
	let_cpu_go();
	return took;
}

static void offer(struct envelope_parallel *p)
{
	spin_lock(&offered_lock);
	list_add_tail(&p->node, &offered);
	spin_unlock(&offered_lock);
	wake_helper(0);
}

/* No further helper joins; helpers that have joined stay. */
static void withdraw(struct envelope_parallel *p)
{
	spin_lock(&offered_lock);
	list_del_init(&p->node);
	spin_unlock(&offered_lock);
}

/* Joins the first offered bio; leave() ends that. */
static struct envelope_parallel *accept(void)
{
	struct envelope_parallel *p;

	spin_lock(&offered_lock);
	p = list_first_entry_or_null(&offered, struct envelope_parallel, node);
	if (p)
		atomic_inc(&p->helpers);
	spin_unlock(&offered_lock);
	return p;
}

/* Pairs with wait_for_chunks(). The bio may be gone after this. */
static void leave(struct envelope_parallel *p)
{
	atomic_dec_return_release(&p->helpers);
}

/* Does one chunk of an offered bio. Return: false if no bio is offered. */
static bool help_once(struct helper *helper)
{
	struct envelope_parallel *p;

	keep_cpu();
	p = accept();
	if (p) {
		/* Each helper wakes the next one, so the owner wakes only the first. */
		if (atomic_read(&p->next) + 1 < p->chunks)
			wake_helper(helper - helpers + 1);
		if (do_chunk(p))
			WRITE_ONCE(p->helped, true);
		else
			withdraw(p);
		leave(p);
	}
	let_cpu_go();
	return p;
}

static void help(struct kthread_work *work)
{
	struct helper *helper = container_of(work, struct helper, work);

	while (help_once(helper))
		cond_resched();
}

/* No helper joins any more. Those inside have preemption off, and at most a chunk to do. */
static void wait_for_chunks(struct envelope_parallel *p)
{
	/* Pairs with leave(). */
	while (atomic_read_acquire(&p->helpers))
		cpu_relax();
}

/**
 * envelope_parallel_run() - do all chunks, with helpers if CPUs are idle
 * @p: chunk and chunks are set
 * @may_sleep: the caller is in a context that may
 *
 * Context: where envelope_cipher_may_run() allows it, preemption on.
 * Return: 0 or the error of a chunk. No other thread uses @p any more.
 */
int envelope_parallel_run(struct envelope_parallel *p, bool may_sleep)
{
	INIT_LIST_HEAD(&p->node);
	atomic_set(&p->next, 0);
	atomic_set(&p->helpers, 0);
	p->helped = false;
	p->error = 0;
	offer(p);
	while (do_chunk(p))
		if (may_sleep)
			cond_resched();
	withdraw(p);
	wait_for_chunks(p);
	return p->error;
}

/**
 * envelope_parallel_count() - count a bio that was offered to helpers
 * @p: after envelope_parallel_run()
 * @dev: device of the bio
 * @opf: of the bio
 * @iter: of the bio, as the lower device has it
 *
 * Context: any.
 */
void envelope_parallel_count(const struct envelope_parallel *p, struct envelope_device *dev,
			     blk_opf_t opf, const struct bvec_iter *iter)
{
	envelope_event_below(dev, ENVELOPE_OFFERED, opf, iter);
	if (p->helped)
		envelope_event_below(dev, ENVELOPE_HELPED, opf, iter);
}

static struct kthread_worker *new_worker(unsigned int number)
{
	struct kthread_worker *worker = envelope_kthread_run_worker("envelope_help/%u", number);

	/*
	 * A helper should run on idle CPUs only. The priority is set once, and only lowered. A work
	 * queue would do, but a module cannot lower the priority of one.
	 */
	if (!IS_ERR(worker))
		set_user_nice(worker->task, MAX_NICE);
	return worker;
}

/**
 * envelope_parallel_init() - when the module is loaded
 *
 * Context: sleeps. Return: 0 or a negative error, and then no thread is left.
 */
int envelope_parallel_init(void)
{
	unsigned int i, nr = min(num_possible_cpus() - 1, (unsigned int)MAX_HELPERS);

	if (IS_ENABLED(CONFIG_PREEMPT_RT))
		return 0;
	for (i = 0; i < nr; i++) {
		struct kthread_worker *worker = new_worker(i);

		if (IS_ERR(worker)) {
			envelope_parallel_exit();
			return PTR_ERR(worker);
		}
		kthread_init_work(&helpers[i].work, help);
		helpers[i].worker = worker;
	}
	return 0;
}

/**
 * envelope_parallel_exit() - when the module is unloaded, and all bios are back
 *
 * The last helper ends first, since each helper wakes the next one.
 */
void envelope_parallel_exit(void)
{
	unsigned int i = MAX_HELPERS;

	while (i--) {
		struct kthread_worker *worker = helpers[i].worker;

		WRITE_ONCE(helpers[i].worker, NULL);
		if (worker)
			kthread_destroy_worker(worker);
	}
}
