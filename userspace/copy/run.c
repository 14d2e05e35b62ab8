// SPDX-License-Identifier: MIT
/* See run.h. */
#include "copy/run.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <systemd/sd-event.h>

#include "copy/copy.h"
#include "copy/lane.h"
#include "copy/unprivileged.h"
#include "lib/base/file.h"

#define SECOND_US 1000000

struct course {
	struct run *run;
	struct copy copy;
	struct secret *memory;
	struct lane lanes[COPY_LANES_MAX];
	unsigned int count; /* of lanes */
	sd_event *event;
	bool interrupted;
};

/* What was written up to the position is synced, and then the position is noted. */
static int note(struct course *course, struct fault *f)
{
	struct run *run = course->run;
	uint64_t position = copy_position(&course->copy);

	if (course->copy.phase == COPY_COPIES && fdatasync(run->sides->destination))
		return fault_set(f, "InternalFailure", "%s cannot be synced: %s.",
				 run->sides->destination_name, strerror(errno));
	return checkpoint_write(run->checkpoint,
				course->copy.phase == COPY_COPIES ? CHECKPOINT_COPY
								  : CHECKPOINT_VERIFY,
				position, f);
}

static void note_and_tell(struct course *course)
{
	struct fault f;

	if (note(course, &f))
		copy_fail(&course->copy, &f);
	progress_report(&course->run->progress, atomic_load(&course->copy.finished), false);
}

static int on_second(sd_event_source *source, uint64_t now, void *userdata)
{
	int r = sd_event_source_set_time_relative(source, SECOND_US);

	note_and_tell(userdata);
	return r < 0 ? r : sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
}

/* As dd(1) does. */
static int on_question(sd_event_source *source, const struct signalfd_siginfo *info, void *userdata)
{
	note_and_tell(userdata);
	return 0;
}

static int on_signal(sd_event_source *source, const struct signalfd_siginfo *info, void *userdata)
{
	struct course *course = userdata;

	course->interrupted = true;
	atomic_store(&course->copy.stop, true);
	return 0;
}

static int on_end_of_lane(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
	struct course *course = userdata;
	uint64_t count;
	bool all;

	if (read(fd, &count, sizeof(count)) < 0 && errno != EAGAIN)
		return -errno;
	pthread_mutex_lock(&course->copy.lock);
	all = !course->copy.running;
	pthread_mutex_unlock(&course->copy.lock);
	return all ? sd_event_exit(course->event, 0) : 0;
}

static int make_event(struct course *course, struct fault *f)
{
	int r = sd_event_new(&course->event);

	if (r >= 0)
		r = sd_event_add_time_relative(course->event, NULL, CLOCK_MONOTONIC, SECOND_US, 0,
					       on_second, course);
	if (r >= 0)
		r = sd_event_add_io(course->event, NULL, course->copy.wake_fd, EPOLLIN,
				    on_end_of_lane, course);
	if (r >= 0)
		r = sd_event_add_signal(course->event, NULL, SIGUSR1 | SD_EVENT_SIGNAL_PROCMASK,
					on_question, course);
	if (r >= 0)
		r = sd_event_add_signal(course->event, NULL, SIGTERM | SD_EVENT_SIGNAL_PROCMASK,
					on_signal, course);
	if (r >= 0)
		r = sd_event_add_signal(course->event, NULL, SIGINT | SD_EVENT_SIGNAL_PROCMASK,
					on_signal, course);
	return r < 0 ? fault_set(f, "InternalFailure", "No event loop: %s.", strerror(-r)) : 0;
}

static unsigned int lanes_of_this_host(void)
{
	long processors = sysconf(_SC_NPROCESSORS_ONLN);

	return processors < 1		     ? 1
	       : processors > COPY_LANES_MAX ? COPY_LANES_MAX
					     : (unsigned int)processors;
}

static int open_lanes(struct course *course, struct fault *f)
{
	unsigned int lanes = lanes_of_this_host(), each = COPY_SLOTS / lanes;

	course->memory = secret_new((size_t)COPY_SLOTS * COPY_SLOT_BYTES);
	if (!course->memory)
		return fault_set(f, "InternalFailure",
				 "32 MiB of memory cannot be locked: %s. Look at 'ulimit -l'.",
				 strerror(errno));
	for (size_t i = 0; i < COPY_SLOTS; i++)
		course->copy.slots[i].bytes = course->memory->bytes + i * COPY_SLOT_BYTES;
	for (; course->count < lanes; course->count++)
		if (lane_open(&course->lanes[course->count], &course->copy,
			      &course->copy.slots[course->count * each], each, f))
			return -1;
	return 0;
}

static void run_lanes(struct course *course)
{
	struct copy *copy = &course->copy;
	unsigned int started;
	struct fault f;
	int r;

	copy->running = course->count;
	for (started = 0; started < course->count; started++)
		if (lane_start(&course->lanes[started], &f))
			break;
	if (started < course->count) {
		copy_fail(copy, &f);
		pthread_mutex_lock(&copy->lock);
		copy->running -= course->count - started;
		pthread_mutex_unlock(&copy->lock);
	}
	r = started ? sd_event_loop(course->event) : 0;
	if (r < 0) {
		fault_set(&f, "InternalFailure", "The event loop has a fault: %s.", strerror(-r));
		copy_fail(copy, &f);
	}
	for (unsigned int i = 0; i < started; i++)
		lane_join(&course->lanes[i]);
}

/* The ranges' file may have changed, or a lane has lost its place: then bytes are missing. */
static int check_sum(struct course *course, uint64_t left, struct fault *f)
{
	if (atomic_load(&course->copy.finished) == left)
		return 0;
	return fault_set(f, "InvalidParameterValue",
			 "%s has changed during the copy. Remove the state file to copy again.",
			 course->run->ranges->path ? course->run->ranges->path
						   : course->run->sides->source_name);
}

static int run_phase(struct course *course, enum copy_phase phase, uint64_t from, struct fault *f)
{
	struct copy *copy = &course->copy;
	struct run *run = course->run;
	uint64_t left;

	if (ranges_begin(run->ranges, from, &left, f))
		return -1;
	copy->phase = phase;
	copy->most = phase == COPY_VERIFIES ? COPY_SLOT_BYTES / 2 : COPY_SLOT_BYTES;
	copy->taken_to = from;
	atomic_store(&copy->finished, 0);
	progress_begin(&run->progress, phase == COPY_VERIFIES ? "verify" : "copy",
		       run->ranges->total - left, run->ranges->total);
	if (make_event(course, f))
		return -1;
	run_lanes(course);
	course->event = sd_event_unref(course->event);
	progress_report(&run->progress, atomic_load(&copy->finished), true);
	if (note(course, f))
		return -1;
	if (copy->failed) {
		*f = copy->fault;
		return -1;
	}
	if (course->interrupted)
		return RUN_INTERRUPTED;
	return check_sum(course, left, f);
}

static int run_phases(struct course *course, struct fault *f)
{
	struct checkpoint *checkpoint = course->run->checkpoint;
	int r;

	if (open_lanes(course, f) || drop_privileges(f))
		return -1;
	if (checkpoint->phase == CHECKPOINT_COPY) {
		r = run_phase(course, COPY_COPIES, checkpoint->position, f);
		if (r || checkpoint_write(checkpoint, CHECKPOINT_VERIFY, 0, f))
			return r ? r : -1;
	}
	r = run_phase(course, COPY_VERIFIES, checkpoint->position, f);
	if (r || checkpoint_write(checkpoint, CHECKPOINT_DONE, 0, f))
		return r ? r : -1;
	return 0;
}

/**
 * run_copy() - copy, or go on with a copy, and compare all of it at the end
 *
 * Must be called once, before any other thread: the process loses its privileges.
 *
 * Return: 0, RUN_INTERRUPTED after SIGTERM or SIGINT, or -1 with a fault in @f. A later call goes
 * on.
 */
int run_copy(struct run *run, struct fault *f)
{
	struct course course = {
		.run = run,
		.copy = {
			.source = run->sides->source,
			.destination = run->sides->destination,
			.source_name = run->sides->source_name,
			.destination_name = run->sides->destination_name,
			.ranges = run->ranges,
			.lock = PTHREAD_MUTEX_INITIALIZER,
		},
	};
	int r;

	course.copy.wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	r = course.copy.wake_fd < 0
		    ? fault_set(f, "InternalFailure", "No eventfd: %s.", strerror(errno))
		    : run_phases(&course, f);
	for (unsigned int i = 0; i < course.count; i++)
		lane_close(&course.lanes[i]);
	secret_free(course.memory);
	sd_event_unref(course.event);
	file_close(&course.copy.wake_fd);
	return r;
}
