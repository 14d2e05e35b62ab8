// SPDX-License-Identifier: GPL-2.0
/*
 * dm-envelope: sections of a kernel with PREEMPT_RT, and the wait of a kill for them.
 *
 * A completion takes spinlocks, and these sleep with PREEMPT_RT. So a section cannot turn
 * preemption off, and the scheduler can take the CPU from a thread in a section. Without more, a
 * revoke would wait until that thread gets a CPU again, and threads of higher priority may leave it
 * none.
 *
 * So a section holds a lock, and a kill takes each of these locks. The locks have priority
 * inheritance: the thread in the section gets the priority of the thread that waits. A thread of
 * real-time priority waits on behalf of all kills, so no thread of normal priority, no quota and no
 * nice level delays the section. Threads of higher real-time priority than %SCHED_FIFO 1 do.
 *
 * Sections must not exclude each other: a completion takes locks that another thread may hold
 * when it opens a section. So each CPU has several locks, and a section takes one that is free. If
 * all are taken, the section is only counted, and the kill waits for it without helping it.
 *
 * A section locks and then reads the state of its device. A kill changes the state and then
 * locks. If the kill locks first, the section reads the new state. A section that is counted has
 * a full barrier instead.
 *
 * Must never wait for anything but sections. A section must never wait to be opened.
 */
#include <linux/delay.h>
#include <linux/kthread.h>
#include <linux/percpu.h>
#include <linux/spinlock.h>

#include "envelope.h"

/* A thread for each can be preempted in a section. Few CPUs have more of them. */
#define LOCKS 16

/**
 * struct section_lock - held while a section is open
 * @lock: taken by sections with spin_trylock() only
 * @owner: the thread in the section; written by the owner of @lock
 */
struct section_lock {
	spinlock_t lock; /* guards @owner */
	struct task_struct *owner;
};

/**
 * struct open_sections - the sections that were opened on one CPU
 * @locks: of these
 * @others: sections that found no free lock
 */
struct open_sections {
	struct section_lock locks[LOCKS];
	atomic_t others;
};

static DEFINE_PER_CPU(struct open_sections, open_sections);

static struct kthread_worker *waiter;

/**
 * envelope_section_open() - open a section, whatever the state of its device
 *
 * A section within another section takes a lock of its own.
 *
 * Context: any thread, interrupts and preemption on; never waits.
 */
void envelope_section_open(void)
{
	struct open_sections *here;
	unsigned int i;

	/* Until the section ends, or it would not find its lock. */
	migrate_disable();
	here = this_cpu_ptr(&open_sections);
	for (i = 0; i < LOCKS; i++) {
		if (spin_trylock(&here->locks[i].lock)) {
			WRITE_ONCE(here->locks[i].owner, current);
			return;
		}
	}
	atomic_inc(&here->others);
	/* Pairs with wait_for_cpu(). */
	smp_mb__after_atomic();
}

/* The lock of a section of this thread; NULL if all its sections are only counted. */
static struct section_lock *lock_of(struct open_sections *here, const struct task_struct *owner)
{
	unsigned int i;

	for (i = 0; i < LOCKS; i++)
		/* Another thread writes neither this thread nor over it. */
		if (READ_ONCE(here->locks[i].owner) == owner)
			return &here->locks[i];
	return NULL;
}

/**
 * envelope_section_close() - close a section
 *
 * Of several sections of a thread, those with a lock end first. It makes no difference to a kill,
 * which waits for the last one.
 *
 * Context: as envelope_section_open().
 */
void envelope_section_close(void)
{
	struct open_sections *here = this_cpu_ptr(&open_sections);
	struct section_lock *lock = lock_of(here, current);

	if (lock) {
		WRITE_ONCE(lock->owner, NULL);
		spin_unlock(&lock->lock);
	} else {
		/* Pairs with wait_for_cpu(): the section has ended before. */
		atomic_dec_return_release(&here->others);
	}
	migrate_enable();
}

/**
 * envelope_section_is_open() - does the caller run in a section?
 *
 * Only kernels with lock debugging look.
 */
bool envelope_section_is_open(void)
{
	struct open_sections *here;
	bool open;

	if (!IS_ENABLED(CONFIG_PROVE_LOCKING))
		return true;
	migrate_disable();
	here = this_cpu_ptr(&open_sections);
	open = lock_of(here, current) || atomic_read(&here->others);
	migrate_enable();
	return open;
}

static void wait_for_cpu(struct open_sections *there)
{
	unsigned int i;

	for (i = 0; i < LOCKS; i++) {
		spin_lock(&there->locks[i].lock);
		spin_unlock(&there->locks[i].lock);
	}
	/* Pairs with envelope_section_open(), which counts and then reads the state. */
	smp_mb();
	/* Pairs with envelope_section_close(). */
	while (atomic_read_acquire(&there->others))
		usleep_range(10, 50);
}

static void wait_for_all(struct kthread_work *work)
{
	int cpu;

	for_each_possible_cpu(cpu)
		wait_for_cpu(per_cpu_ptr(&open_sections, cpu));
}

/**
 * envelope_sections_wait() - wait for all open sections of all devices
 *
 * Context: sleeps; never inside a section.
 */
void envelope_sections_wait(void)
{
	struct kthread_work work = KTHREAD_WORK_INIT(work, wait_for_all);

	might_sleep();
	kthread_queue_work(waiter, &work);
	kthread_flush_work(&work);
}

/**
 * envelope_sections_init() - when the module is loaded
 *
 * Context: sleeps. Return: 0 or a negative error.
 */
int envelope_sections_init(void)
{
	unsigned int i;
	int cpu;

	for_each_possible_cpu(cpu)
		for (i = 0; i < LOCKS; i++)
			spin_lock_init(&per_cpu_ptr(&open_sections, cpu)->locks[i].lock);
	waiter = envelope_kthread_run_worker("envelope_wait");
	if (IS_ERR(waiter))
		return PTR_ERR(waiter);
	/* Above all threads without a real-time priority, below all others. */
	sched_set_fifo_low(waiter->task);
	return 0;
}

/**
 * envelope_sections_exit() - when the module is unloaded, and all keys are gone
 *
 * Context: sleeps.
 */
void envelope_sections_exit(void)
{
	kthread_destroy_worker(waiter);
}
