// SPDX-License-Identifier: MIT
/*
 * The event loop keeps the lanes and starts a thread for each job whose turn it is. A thread touches
 * its own job and the queue of finished jobs, nothing else here. The jobs bring their own functions.
 */
#include "agent/volume/device_thread.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "lib/base/log.h"
#include "lib/base/secret.h"

#define STOP_SECONDS 2

/* Threads at once. A thread that is late does not count: hung disks keep no other disk waiting. */
#define THREADS_MAX 32

/**
 * struct job - one run; owned by its lane, then by the queue of finished jobs
 * @timer: its time is over then; counts from the submission
 * @late: its time is over
 * @ended: its work has ended, and it is in the queue of finished jobs; under the lock
 * @joined: its thread has ended
 */
struct job {
	struct job *next;
	struct device_thread *owner;
	struct lane *lane;
	const struct device_work *work;
	void *data;
	pthread_t thread;
	sd_event_source *timer;
	bool late;
	bool ended;
	bool joined;
};

struct queue {
	struct job *first;
	struct job **end;
};

/** struct lane - jobs that run one after the other; freed when it has none */
struct lane {
	struct lane *next;
	char name[DEVICE_LANE_MAX];
	struct job *running;
	struct queue waiting;
};

/**
 * struct device_thread - owned by the agent; only the event loop touches it, but for @finished
 * @seconds: that a job may take
 * @lanes: list, owned; the one that has waited longest for a thread is the first
 * @busy: number of threads that are not late
 * @stopping: no further job is begun
 * @lock: guards @finished, and @ended of the jobs
 * @event_fd: a semaphore with the number of jobs in @finished
 */
struct device_thread {
	sd_event *event;
	unsigned int seconds;
	struct lane *lanes;
	unsigned int busy;
	bool stopping;
	pthread_mutex_t lock;
	struct queue finished;
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

static void queue_put_back(struct queue *queue, struct job *job)
{
	job->next = queue->first;
	queue->first = job;
	if (!job->next)
		queue->end = &job->next;
}

static void queue_remove(struct queue *queue, struct job *job)
{
	struct job **link = &queue->first;

	while (*link != job)
		link = &(*link)->next;
	*link = job->next;
	if (!*link)
		queue->end = link;
}

static void job_free(struct job *job)
{
	sd_event_source_disable_unref(job->timer);
	free(job);
}

/* Drops jobs that will not be begun or done. */
static void queue_drop(struct queue *queue)
{
	struct job *job;

	while ((job = queue_take(queue))) {
		if (job->work->drop)
			job->work->drop(job->data);
		job_free(job);
	}
}

/* ---- lanes ---- */

static struct lane *lane_get(struct device_thread *thread, const char *name)
{
	struct lane **link = &thread->lanes, *lane;

	for (; *link; link = &(*link)->next)
		if (!strcmp((*link)->name, name))
			return *link;
	lane = calloc(1, sizeof(*lane));
	/* Without the job its operation would never end. */
	if (!lane)
		abort();
	snprintf(lane->name, sizeof(lane->name), "%s", name);
	lane->waiting.end = &lane->waiting.first;
	*link = lane;
	return lane;
}

static void lane_unlink(struct device_thread *thread, struct lane *lane)
{
	struct lane **link = &thread->lanes;

	while (*link != lane)
		link = &(*link)->next;
	*link = lane->next;
}

/* Frees a lane that has no job; puts another one behind those that wait. */
static void lane_leave(struct device_thread *thread, struct lane *lane)
{
	struct lane **end = &thread->lanes;

	lane_unlink(thread, lane);
	if (!lane->running && !lane->waiting.first) {
		free(lane);
		return;
	}
	while (*end)
		end = &(*end)->next;
	lane->next = NULL;
	*end = lane;
}

/* ---- in the thread of a job ---- */

static void *work(void *userdata)
{
	struct job *job = userdata;
	struct device_thread *owner = job->owner;
	const uint64_t one = 1;

	job->work->run(job->data);
	/* Jobs verify keys: libcryptsetup may have left a key on this stack. */
	stack_wipe();
	pthread_mutex_lock(&owner->lock);
	job->ended = true;
	queue_put(&owner->finished, job);
	if (write(owner->event_fd, &one, sizeof(one)) < 0)
		log_error("Cannot wake the event loop: %s", strerror(errno));
	pthread_mutex_unlock(&owner->lock);
	return NULL;
}

/* ---- in the event loop ---- */

static void lane_start(struct device_thread *thread, struct lane *lane)
{
	struct job *job;
	int r;

	if (lane->running || thread->stopping || thread->busy >= THREADS_MAX)
		return;
	/* Taken first: the thread may have put it among the finished ones before this goes on. */
	job = queue_take(&lane->waiting);
	if (!job)
		return;
	r = pthread_create(&job->thread, NULL, work, job);
	if (r) {
		queue_put_back(&lane->waiting, job);
		log_error("A thread for a device cannot be started: %s. Tried again when another ends, or after %u seconds.",
			  strerror(r), thread->seconds);
		return;
	}
	pthread_setname_np(job->thread, "device");
	lane->running = job;
	thread->busy++;
}

static void start_all(struct device_thread *thread)
{
	for (struct lane *lane = thread->lanes; lane; lane = lane->next)
		lane_start(thread, lane);
}

static int arm(struct job *job);

static bool has_ended(struct job *job)
{
	bool ended;

	pthread_mutex_lock(&job->owner->lock);
	ended = job->ended;
	pthread_mutex_unlock(&job->owner->lock);
	return ended;
}

static int on_late(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct job *job = userdata;
	struct device_thread *thread = job->owner;
	struct lane *lane = job->lane;

	/* It waits for its turn of the loop: no device holds it. */
	if (has_ended(job))
		return 0;
	if (lane->running == job) {
		log_warning("A device holds a job of %s for more than %u seconds.", lane->name,
			    thread->seconds);
		job->late = true;
		thread->busy--;
		start_all(thread);
		if (job->work->late)
			job->work->late(job->data, true);
		return 0;
	}
	if (!job->work->late) {
		lane_start(thread, lane);
		return arm(job);
	}
	queue_remove(&lane->waiting, job);
	job->work->late(job->data, false);
	job_free(job);
	return 0;
}

static int arm(struct job *job)
{
	job->timer = sd_event_source_disable_unref(job->timer);
	return sd_event_add_time_relative(job->owner->event, &job->timer, CLOCK_MONOTONIC,
					  job->owner->seconds * 1000000ULL, 0, on_late, job);
}

static void job_join(struct job *job)
{
	if (!job->joined)
		pthread_join(job->thread, NULL);
	job->joined = true;
}

/*
 * One job a turn of the loop. The end of a job may sync the catalog, and other jobs finish meanwhile: a
 * turn for all of them would keep the loop from its watchdog.
 */
static int on_finished(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
	struct device_thread *thread = userdata;
	struct job *job;
	uint64_t one;

	if (read(fd, &one, sizeof(one)) < 0)
		return 0;
	pthread_mutex_lock(&thread->lock);
	job = queue_take(&thread->finished);
	pthread_mutex_unlock(&thread->lock);
	if (!job)
		return 0;
	job_join(job);
	job->lane->running = NULL;
	thread->busy -= !job->late;
	lane_leave(thread, job->lane);
	start_all(thread);
	job->work->done(job->data);
	job_free(job);
	return 0;
}

/**
 * device_thread_new() - make ready for jobs
 * @seconds: that a job may take, the wait for its turn included
 *
 * The threads inherit the session keyring and the signal mask of the caller: set up both first.
 *
 * Return: 0 or a negative errno.
 */
int device_thread_new(sd_event *event, unsigned int seconds, struct device_thread **ret)
{
	struct device_thread *thread = calloc(1, sizeof(*thread));
	int r;

	if (!thread)
		return -ENOMEM;
	thread->event = event;
	thread->seconds = seconds;
	pthread_mutex_init(&thread->lock, NULL);
	thread->finished.end = &thread->finished.first;
	thread->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK | EFD_SEMAPHORE);
	r = thread->event_fd < 0 ? -errno : 0;
	if (r == 0)
		r = sd_event_add_io(event, &thread->source, thread->event_fd, EPOLLIN, on_finished,
				    thread);
	if (r < 0) {
		close(thread->event_fd);
		free(thread);
		return r;
	}
	*ret = thread;
	return 0;
}

/** device_thread_limit() - give jobs that are submitted from now on another time */
void device_thread_limit(struct device_thread *thread, unsigned int seconds)
{
	thread->seconds = seconds;
}

/**
 * device_thread_submit() - run a job after the jobs that were submitted to the same lane before
 * @lane: a volume's id, or one of DEVICE_LANE_...
 * @work: must outlive the job
 * @data: of the job; belongs to its thread until it is done
 */
void device_thread_submit(struct device_thread *thread, const char *lane,
			  const struct device_work *work, void *data)
{
	struct job *job = calloc(1, sizeof(*job));

	/* Without the job its operation would never end. */
	if (!job)
		abort();
	*job = (struct job){
		.owner = thread,
		.lane = lane_get(thread, lane),
		.work = work,
		.data = data,
	};
	if (arm(job) < 0)
		log_error("The time of a job of %s is not limited: no timer.", lane);
	queue_put(&job->lane->waiting, job);
	lane_start(thread, job->lane);
}

/** device_thread_runs() - does a thread work on the job with this data? */
bool device_thread_runs(const struct device_thread *thread, const void *data)
{
	for (const struct lane *lane = thread->lanes; lane; lane = lane->next)
		if (lane->running && lane->running->data == data)
			return !lane->running->joined;
	return false;
}

/* Waits a moment for the threads. Return: false when one still runs. */
static bool join_all(struct device_thread *thread)
{
	struct timespec limit;
	bool all = true;

	clock_gettime(CLOCK_MONOTONIC, &limit);
	limit.tv_sec += STOP_SECONDS;
	for (struct lane *lane = thread->lanes; lane; lane = lane->next) {
		struct job *job = lane->running;

		if (!job || job->joined)
			continue;
		job->joined = pthread_clockjoin_np(job->thread, NULL, CLOCK_MONOTONIC, &limit) == 0;
		all &= job->joined;
	}
	return all;
}

/**
 * device_thread_free() - end all threads
 *
 * No further job is begun.
 *
 * Return: false if a hung disk holds a thread; then the data of its job must not be freed.
 */
bool device_thread_free(struct device_thread *thread)
{
	struct lane *lane;

	if (!thread)
		return true;
	thread->stopping = true;
	if (!join_all(thread)) {
		log_warning("A disk holds a device thread; exiting without it.");
		return false;
	}
	sd_event_source_disable_unref(thread->source);
	close(thread->event_fd);
	queue_drop(&thread->finished);
	while ((lane = thread->lanes)) {
		queue_drop(&lane->waiting);
		thread->lanes = lane->next;
		free(lane);
	}
	pthread_mutex_destroy(&thread->lock);
	free(thread);
	return true;
}
