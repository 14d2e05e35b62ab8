// SPDX-License-Identifier: MIT
/*
 * A queue of jobs for the device thread and a queue of results back to the loop. The jobs bring
 * their own functions.
 */
#include "agent/volume/device_thread.h"

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "lib/base/log.h"
#include "lib/base/secret.h"

#define STOP_SECONDS 2

struct job {
	struct job *next;
	device_run_t run;
	device_done_t done;
	void *data;
};

struct queue {
	struct job *first;
	struct job **end;
};

/**
 * struct device_thread - owned by the agent
 * @lock: guards @waiting, @finished, @running and @stopping
 * @running: data of the job at work, or NULL
 * @wake: a job waits, or the thread must stop
 * @event_fd: readable when @finished has a job
 */
struct device_thread {
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t wake;
	struct queue waiting;
	struct queue finished;
	void *running;
	bool stopping;
	int event_fd;
	sd_event_source *source;
};

static void queue_put(struct queue *queue, struct job *job)
{
	job->next = NULL;
	*queue->end = job;
	queue->end = &job->next;
}

static struct job *queue_take(struct queue *queue)
{
	struct job *job = queue->first;

	if (job) {
		queue->first = job->next;
		if (!queue->first)
			queue->end = &queue->first;
	}
	return job;
}

/* Drops jobs that will not be begun or ended; their owners free their data. */
static void queue_drop(struct queue *queue)
{
	struct job *job;

	while ((job = queue_take(queue)))
		free(job);
}

static void *work(void *userdata)
{
	struct device_thread *thread = userdata;
	const uint64_t one = 1;

	pthread_mutex_lock(&thread->lock);
	while (!thread->stopping) {
		struct job *job = queue_take(&thread->waiting);

		if (!job) {
			pthread_cond_wait(&thread->wake, &thread->lock);
			continue;
		}
		thread->running = job->data;
		pthread_mutex_unlock(&thread->lock);
		job->run(job->data);
		/* Jobs verify keys: libcryptsetup may have left a key on this stack. */
		stack_wipe();
		pthread_mutex_lock(&thread->lock);
		thread->running = NULL;
		queue_put(&thread->finished, job);
		if (write(thread->event_fd, &one, sizeof(one)) < 0)
			log_error("Cannot wake the event loop: %s", strerror(errno));
	}
	pthread_mutex_unlock(&thread->lock);
	return NULL;
}

static int on_finished(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
	struct device_thread *thread = userdata;
	uint64_t count;

	if (read(fd, &count, sizeof(count)) < 0)
		return 0;
	for (;;) {
		struct job *job;

		pthread_mutex_lock(&thread->lock);
		job = queue_take(&thread->finished);
		pthread_mutex_unlock(&thread->lock);
		if (!job)
			return 0;
		job->done(job->data);
		free(job);
	}
}

/**
 * device_thread_new() - start the thread
 *
 * The thread inherits the session keyring and the signal mask of the caller: set up both first.
 *
 * Return: 0 or a negative errno.
 */
int device_thread_new(sd_event *event, struct device_thread **ret)
{
	struct device_thread *thread = calloc(1, sizeof(*thread));
	int r;

	if (!thread)
		return -ENOMEM;
	pthread_mutex_init(&thread->lock, NULL);
	pthread_cond_init(&thread->wake, NULL);
	thread->waiting.end = &thread->waiting.first;
	thread->finished.end = &thread->finished.first;
	thread->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	r = thread->event_fd < 0 ? -errno : 0;
	if (r == 0)
		r = sd_event_add_io(event, &thread->source, thread->event_fd, EPOLLIN, on_finished,
				    thread);
	if (r >= 0)
		r = -pthread_create(&thread->thread, NULL, work, thread);
	if (r < 0) {
		sd_event_source_unref(thread->source);
		close(thread->event_fd);
		free(thread);
		return r;
	}
	*ret = thread;
	return 0;
}

/**
 * device_thread_submit() - run a job after the jobs submitted before
 * @run: runs in the device thread
 * @done: runs in the event loop, after @run
 * @data: of the job; belongs to the thread until @done is called
 */
void device_thread_submit(struct device_thread *thread, device_run_t run, device_done_t done,
			  void *data)
{
	struct job *job = calloc(1, sizeof(*job));

	/* Without the job its operation would never end. */
	if (!job)
		abort();
	*job = (struct job){ .run = run, .done = done, .data = data };
	pthread_mutex_lock(&thread->lock);
	queue_put(&thread->waiting, job);
	pthread_cond_signal(&thread->wake);
	pthread_mutex_unlock(&thread->lock);
}

/** device_thread_running() - data of the job that the thread is running, or NULL */
const void *device_thread_running(struct device_thread *thread)
{
	const void *running;

	pthread_mutex_lock(&thread->lock);
	running = thread->running;
	pthread_mutex_unlock(&thread->lock);
	return running;
}

/**
 * device_thread_free() - stop the thread
 *
 * No further job is begun.
 *
 * Return: false if a hung disk holds the thread; then the data of its job must not be freed.
 */
bool device_thread_free(struct device_thread *thread)
{
	struct timespec limit;

	if (!thread)
		return true;
	pthread_mutex_lock(&thread->lock);
	thread->stopping = true;
	pthread_cond_signal(&thread->wake);
	pthread_mutex_unlock(&thread->lock);
	clock_gettime(CLOCK_REALTIME, &limit);
	limit.tv_sec += STOP_SECONDS;
	if (pthread_timedjoin_np(thread->thread, NULL, &limit) != 0) {
		log_warning("A disk holds the device thread; exiting without it.");
		return false;
	}
	sd_event_source_disable_unref(thread->source);
	close(thread->event_fd);
	queue_drop(&thread->waiting);
	queue_drop(&thread->finished);
	free(thread);
	return true;
}
