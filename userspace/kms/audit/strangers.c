// SPDX-License-Identifier: MIT
/* See strangers.h. */
#include "kms/audit/strangers.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/json.h"

#define USEC_PER_SEC 1000000ULL
#define CODES_MAX    16 /* more than there are */

struct strangers {
	strangers_summary_t summary;
	void *userdata;
	sd_event *event;	/* borrowed */
	sd_event_source *timer; /* enabled while a window is open */
	unsigned int recorded;	/* in this window */
	unsigned int counted;	/* in this window, without a record */
	struct {
		char code[64];
		unsigned int count;
	} codes[CODES_MAX];
};

/* Hands out the count of the window that ends. */
static void summarise(struct strangers *strangers)
{
	struct json_object *details, *codes;

	strangers->recorded = 0;
	if (!strangers->counted)
		return;
	details = json_object_new_object();
	codes = json_object_new_object();
	json_add_int(details, "callsWithoutRecord", strangers->counted);
	json_add_int(details, "seconds", STRANGERS_SECONDS);
	for (size_t i = 0; i < CODES_MAX && strangers->codes[i].count; i++)
		json_add_int(codes, strangers->codes[i].code, strangers->codes[i].count);
	json_add_object(details, "errorCodes", codes);
	strangers->counted = 0;
	memset(strangers->codes, 0, sizeof(strangers->codes));
	strangers->summary(details, strangers->userdata);
}

static int on_end(sd_event_source *source, uint64_t usec, void *userdata)
{
	summarise(userdata);
	return 0;
}

static void count(struct strangers *strangers, const char *code)
{
	size_t i = 0;

	strangers->counted++;
	while (i < CODES_MAX - 1 && strangers->codes[i].count &&
	       strcmp(strangers->codes[i].code, code))
		i++;
	if (i == CODES_MAX - 1)
		code = "Other";
	if (!strangers->codes[i].count)
		snprintf(strangers->codes[i].code, sizeof(strangers->codes[i].code), "%s", code);
	strangers->codes[i].count++;
}

static void begin_window(struct strangers *strangers)
{
	uint64_t now = 0;
	int enabled = SD_EVENT_OFF;

	sd_event_source_get_enabled(strangers->timer, &enabled);
	if (enabled != SD_EVENT_OFF)
		return;
	sd_event_now(strangers->event, CLOCK_MONOTONIC, &now);
	sd_event_source_set_time(strangers->timer, now + STRANGERS_SECONDS * USEC_PER_SEC);
	sd_event_source_set_enabled(strangers->timer, SD_EVENT_ONESHOT);
}

/**
 * strangers_may_record() - a call without a valid signature was refused with @code
 *
 * Return: true if the call gets a record of its own; false if it was counted.
 */
bool strangers_may_record(struct strangers *strangers, const char *code)
{
	if (strangers->recorded < STRANGERS_SINGLE) {
		begin_window(strangers);
		strangers->recorded++;
		return true;
	}
	strangers_count(strangers, code);
	return false;
}

/** strangers_count() - a request was refused with @code, and gets no record of its own */
void strangers_count(struct strangers *strangers, const char *code)
{
	begin_window(strangers);
	count(strangers, code);
}

/**
 * strangers_new() - begin to count
 * @event: loop, which ends the windows
 * @ret: for strangers_free()
 *
 * Return: 0 or -1.
 */
int strangers_new(sd_event *event, strangers_summary_t summary, void *userdata,
		  struct strangers **ret, struct fault *f)
{
	struct strangers *strangers = calloc(1, sizeof(*strangers));
	int r;

	if (!strangers)
		return fault_set(f, "InternalFailure",
				 "Out of memory. Free some, and start again.");
	strangers->summary = summary;
	strangers->userdata = userdata;
	strangers->event = event;
	r = sd_event_add_time(event, &strangers->timer, CLOCK_MONOTONIC, UINT64_MAX, 1, on_end,
			      strangers);
	if (r >= 0)
		r = sd_event_source_set_enabled(strangers->timer, SD_EVENT_OFF);
	if (r < 0) {
		strangers_free(strangers);
		return fault_set(f, "InternalFailure", "A timer cannot be made: %s.", strerror(-r));
	}
	*ret = strangers;
	return 0;
}

/** strangers_free() - end the window, with its summary; NULL is fine */
void strangers_free(struct strangers *strangers)
{
	if (!strangers)
		return;
	summarise(strangers);
	sd_event_source_disable_unref(strangers->timer);
	free(strangers);
}
