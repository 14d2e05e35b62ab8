// SPDX-License-Identifier: GPL-2.0
/*
 * envelope-bench: a block device under load.
 *
 * Every job has a thread that is bound to a CPU. All warm up, and when the last has
 * done so all begin at once.
 */
#include <linux/completion.h>
#include <linux/cpumask.h>
#include <linux/kthread.h>
#include <linux/slab.h>

#include "bench.h"
#include "compat.h"

/**
 * struct bench_load - the jobs of one measurement
 * @begin: completed for all when the last has warmed up
 * @end: completed when the last has ended
 * @warm: jobs that have not warmed up
 * @running: jobs that have not ended
 * @threads: of @jobs
 * @jobs: as many as ordered
 */
struct bench_load {
	struct completion begin;
	struct completion end;
	atomic_t warm;
	atomic_t running;
	struct task_struct *threads[BENCH_MAX_JOBS];
	struct bench_job *jobs[BENCH_MAX_JOBS];
};

/* What a thread is given. */
struct job_thread {
	struct bench_load *load;
	struct bench_job *job;
};

static int job_thread(void *data)
{
	struct job_thread *start = data;
	struct bench_load *load = start->load;

	bench_job_run(start->job, false);
	if (atomic_dec_and_test(&load->warm))
		complete_all(&load->begin);
	else
		wait_for_completion(&load->begin);

	bench_job_run(start->job, true);
	if (atomic_dec_and_test(&load->running))
		complete(&load->end);
	return 0;
}

/* The Nth CPU that is online, from the first again when there are no more. */
static unsigned int cpu_of_job(unsigned int number)
{
	unsigned int cpu = cpumask_first(cpu_online_mask);

	for (number %= num_online_cpus(); number; number--)
		cpu = cpumask_next(cpu, cpu_online_mask);
	return cpu;
}

static void stop_threads(struct bench_load *load)
{
	unsigned int i;

	/* They must be out of our code before it can be unloaded; one never woken never runs. */
	for (i = 0; i < BENCH_MAX_JOBS && load->threads[i]; i++) {
		kthread_stop(load->threads[i]);
		put_task_struct(load->threads[i]);
	}
}

static int start_threads(struct bench_load *load, struct job_thread *starts, unsigned int jobs)
{
	struct task_struct *thread;
	unsigned int i;

	for (i = 0; i < jobs; i++) {
		starts[i] = (struct job_thread){ .load = load, .job = load->jobs[i] };
		thread = kthread_create(job_thread, &starts[i], "envelope-bench/%u", i);
		if (IS_ERR(thread))
			return PTR_ERR(thread);
		kthread_bind(thread, cpu_of_job(i));
		load->threads[i] = get_task_struct(thread);
	}
	for (i = 0; i < jobs; i++)
		wake_up_process(load->threads[i]);
	return 0;
}

static int run_jobs(struct bench_load *load, unsigned int jobs)
{
	struct job_thread *starts;
	int r;

	starts = kcalloc(jobs, sizeof(*starts), GFP_KERNEL);
	if (!starts)
		return -ENOMEM;

	init_completion(&load->begin);
	init_completion(&load->end);
	atomic_set(&load->warm, jobs);
	atomic_set(&load->running, jobs);
	r = start_threads(load, starts, jobs);
	if (!r)
		wait_for_completion(&load->end);
	stop_threads(load);
	kfree(starts);
	return r;
}

static int alloc_jobs(struct bench_load *load, const struct bench_order *order,
		      struct block_device *bdev)
{
	unsigned int i;

	for (i = 0; i < order->jobs; i++) {
		struct bench_job *job = bench_job_alloc(order, bdev, i);

		if (IS_ERR(job))
			return PTR_ERR(job);
		load->jobs[i] = job;
	}
	return 0;
}

static int load_device(const struct bench_order *order, struct block_device *bdev,
		       struct bench_result *result)
{
	u64 begin = U64_MAX, end = 0;
	struct bench_load *load;
	unsigned int i;
	int r;

	load = kzalloc_obj(*load);
	if (!load)
		return -ENOMEM;

	r = alloc_jobs(load, order, bdev);
	if (!r)
		r = run_jobs(load, order->jobs);
	if (!r) {
		for (i = 0; i < order->jobs; i++)
			bench_job_add(load->jobs[i], result, &begin, &end);
		result->ns = end - begin;
	}
	for (i = 0; i < order->jobs; i++)
		bench_job_free(load->jobs[i]);
	kfree(load);
	return r;
}

/**
 * bench_load() - put a block device under load
 * @order: what to do
 * @result: what was seen
 *
 * Context: sleeps. Return: 0; what opening the device says, -EBUSY if it is in use;
 * -ENOMEM; -ENOSPC if it is too small.
 */
int bench_load(const struct bench_order *order, struct bench_result *result)
{
	struct bench_device device;
	struct block_device *bdev;
	int r;

	bdev = bench_device_open(&device, order->device, order->op != BENCH_READ, &device);
	if (IS_ERR(bdev))
		return PTR_ERR(bdev);
	r = load_device(order, bdev, result);
	bench_device_close(&device);
	return r;
}
