// SPDX-License-Identifier: GPL-2.0
/*
 * dm-envelope: one large bio on several CPUs.
 *
 * The data is cut into chunks. Whoever has the bio, its owner, does one after the other, and
 * does them all if need be. Helpers are threads of the lowest priority: one that
 * wakes up on an idle CPU takes chunks too, one that gets no CPU takes none. A helper
 * has no part in a bio but while it does a chunk, and is not preempted then: a bio never
 * waits for a CPU that a helper has lost. Whoever leaves last finishes the bio, and no
 * longer with the lowest priority.
 *
 * Must never wait for a helper.
 */
#include <linux/cpumask.h>
#include <linux/kthread.h>
#include <linux/sched.h>

#include "envelope.h"

/* More would not pay: the first ones have done it all before the last have woken up. */
#define MAX_HELPERS 3

/**
 * struct helper - a thread that helps
 * @worker: the thread; NULL if there is none
 * @work: looks for something to do
 */
struct helper {
	struct kthread_worker *worker;
	struct kthread_work work;
};

static struct helper helpers[MAX_HELPERS];

/* Those that have chunks left, for the helpers. */
static DEFINE_SPINLOCK(offered_lock); /* of the list, and of being on it */
static LIST_HEAD(offered);

static void wake_helper(unsigned int number)
{
	if (number < MAX_HELPERS && helpers[number].worker)
		kthread_queue_work(helpers[number].worker, &helpers[number].work);
}

/* Return: false if there was none left. */
static bool do_chunk(struct envelope_parallel *p)
{
	bool took;
	int index, r;

	preempt_disable();
	index = atomic_inc_return(&p->next) - 1;
	took = index < p->chunks;
	if (took && !READ_ONCE(p->error)) {
		r = p->ops->chunk(p, index);
		if (unlikely(r))
			WRITE_ONCE(p->error, r);
	}
	preempt_enable();
	return took;
}

static void offer(struct envelope_parallel *p)
{
	spin_lock(&offered_lock);
	list_add_tail(&p->node, &offered);
	spin_unlock(&offered_lock);
	wake_helper(0);
}

/* No more helper comes; those who have come stay. */
static void withdraw(struct envelope_parallel *p)
{
	spin_lock(&offered_lock);
	list_del_init(&p->node);
	spin_unlock(&offered_lock);
}

/* The helper has a part in what it gets, until leave(). */
static struct envelope_parallel *accept(void)
{
	struct envelope_parallel *p;

	spin_lock(&offered_lock);
	p = list_first_entry_or_null(&offered, struct envelope_parallel, node);
	if (p)
		atomic_inc(&p->users);
	spin_unlock(&offered_lock);
	return p;
}

static bool leave(struct envelope_parallel *p)
{
	return atomic_dec_and_test(&p->users);
}

/*
 * One chunk of what is offered. Return: false if nothing is. Sets @last if it was the last
 * to leave, and finishes it.
 */
static bool help_once(struct helper *helper, struct envelope_parallel **last)
{
	struct envelope_parallel *p;

	preempt_disable();
	p = accept();
	if (p) {
		/* Each wakes the next one, so that the owner has to wake but one. */
		if (atomic_read(&p->next) + 1 < p->chunks)
			wake_helper(helper - helpers + 1);
		if (!do_chunk(p))
			withdraw(p);
		if (leave(p)) {
			*last = p;
			/* Somebody waits for it, who has a CPU. */
			set_user_nice(current, MIN_NICE);
		}
	}
	preempt_enable();
	return p;
}

static void help(struct kthread_work *work)
{
	struct helper *helper = container_of(work, struct helper, work);
	struct envelope_parallel *last = NULL;

	while (help_once(helper, &last)) {
		if (last) {
			last->ops->finish(last);
			last = NULL;
			set_user_nice(current, MAX_NICE);
		}
		cond_resched();
	}
}

/**
 * envelope_parallel_run() - do all chunks, with whoever helps
 * @p: ops and chunks are set
 * @may_sleep: the caller is in a context that may
 *
 * Context: where envelope_cipher_may_run() allows it.
 * Return: true if all is done, and the caller finishes @p; @p->error says how it went.
 * Else a helper finishes it, or has done so, and @p may be gone.
 */
bool envelope_parallel_run(struct envelope_parallel *p, bool may_sleep)
{
	INIT_LIST_HEAD(&p->node);
	atomic_set(&p->next, 0);
	atomic_set(&p->users, 1);
	p->error = 0;
	offer(p);
	while (do_chunk(p))
		if (may_sleep)
			cond_resched();
	withdraw(p);
	return leave(p);
}

static struct kthread_worker *new_worker(unsigned int number)
{
	struct kthread_worker *worker = envelope_kthread_run_worker("envelope_help/%u", number);

	/* An idle CPU is all it wants. */
	if (!IS_ERR(worker))
		set_user_nice(worker->task, MAX_NICE);
	return worker;
}

/**
 * envelope_parallel_init() - when the module is loaded
 *
 * Context: sleeps. Return: 0 or a negative error, with nothing left behind.
 */
int envelope_parallel_init(void)
{
	unsigned int i, nr = min(num_possible_cpus() - 1, (unsigned int)MAX_HELPERS);

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
 * From the last one, since each wakes the next.
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
