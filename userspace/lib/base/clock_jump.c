// SPDX-License-Identifier: MIT
/*
 * Notices that the wall clock was set. See clock_jump.h.
 *
 * The kernel ends the wait for a timer of the wall clock when the clock is set, also by a time
 * service and at the end of a suspend. A time service that slews the clock slews CLOCK_BOOTTIME alike,
 * so the difference of both clocks changes by jumps alone.
 */
#include "lib/base/clock_jump.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "lib/base/json.h"

#define NS_PER_S 1000000000LL

/* Time services correct a clock by less than that often. */
#define JUMP_LEAST_NS NS_PER_S

/* Two readings of a clock, with one of the other clock between them, are to be this close. */
#define READING_NS (NS_PER_S / 100)
#define READINGS   100

/* @ahead_ns: by which the wall clock is ahead of CLOCK_BOOTTIME */
struct clock_jump {
	clock_jumped_t jumped;
	void *userdata;
	int64_t ahead_ns;
	int fd;
	sd_event_source *source;
};

static int64_t now_ns(clockid_t clock)
{
	struct timespec ts;

	clock_gettime(clock, &ts);
	return ts.tv_sec * NS_PER_S + ts.tv_nsec;
}

/* A process that waits for its processor between two readings must not see a jump. */
static int64_t read_ahead_ns(int64_t *now)
{
	int64_t before, after;

	for (int i = 0; i < READINGS; i++) {
		before = now_ns(CLOCK_BOOTTIME);
		*now = now_ns(CLOCK_REALTIME);
		after = now_ns(CLOCK_BOOTTIME);
		if (after - before < READING_NS)
			break;
	}
	return *now - after;
}

static int on_set(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
	struct clock_jump *watch = userdata;
	int64_t now, ahead, jump;
	uint64_t ignored;

	/* Fails with ECANCELED. The timer stays armed for the next jump, also for one during this. */
	if (read(fd, &ignored, sizeof(ignored)) < 0 && errno == EAGAIN)
		return 0;
	ahead = read_ahead_ns(&now);
	jump = ahead - watch->ahead_ns;
	/* Small steps add up: they are reported when they are a second in all. */
	if (jump < JUMP_LEAST_NS && jump > -JUMP_LEAST_NS)
		return 0;
	watch->ahead_ns = ahead;
	watch->jumped((now - jump) / NS_PER_S, now / NS_PER_S, watch->userdata);
	return 0;
}

/**
 * clock_jump_watch() - call @jumped when the wall clock has been set by a second or more
 * @ret: to be freed with clock_jump_free()
 *
 * Return: 0 or a negative errno.
 */
int clock_jump_watch(sd_event *event, clock_jumped_t jumped, void *userdata,
		     struct clock_jump **ret)
{
	const struct itimerspec never = { .it_value.tv_sec = INT64_MAX / NS_PER_S };
	struct clock_jump *watch = calloc(1, sizeof(*watch));
	int64_t now;
	int r;

	if (!watch)
		return -ENOMEM;
	watch->ahead_ns = read_ahead_ns(&now);
	watch->jumped = jumped;
	watch->userdata = userdata;
	watch->fd = timerfd_create(CLOCK_REALTIME, TFD_CLOEXEC | TFD_NONBLOCK);
	if (watch->fd < 0 || timerfd_settime(watch->fd, TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET,
					     &never, NULL) < 0)
		r = -errno;
	else
		r = sd_event_add_io(event, &watch->source, watch->fd, EPOLLIN, on_set, watch);
	if (r < 0) {
		clock_jump_free(watch);
		return r;
	}
	*ret = watch;
	return 0;
}

static void add_time(json_object *details, const char *name, int64_t seconds)
{
	time_t then = (time_t)seconds;
	struct tm tm = { 0 };
	char text[40];

	strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&then, &tm));
	json_add_string(details, name, text);
}

/** clock_jump_details() - what an audit trail's record says of a jump; the caller frees it */
json_object *clock_jump_details(int64_t from, int64_t to)
{
	json_object *details = json_object_new_object();

	add_time(details, "from", from);
	add_time(details, "to", to);
	json_add_int(details, "seconds", to - from);
	return details;
}

void clock_jump_free(struct clock_jump *watch)
{
	if (!watch)
		return;
	sd_event_source_disable_unref(watch->source);
	if (watch->fd >= 0)
		close(watch->fd);
	free(watch);
}
