/* SPDX-License-Identifier: MIT */
/*
 * The calls of strangers, which have no valid signature: anybody who can connect can make any number
 * of them. A window begins with a stranger's call and lasts STRANGERS_SECONDS. The first
 * STRANGERS_SINGLE calls of a window have a record each. The others are counted, and the window ends
 * with one record of their number and faults.
 *
 * With the largest records this is less than STRANGERS_BYTES a second, however many calls come.
 */
#ifndef ENVELOPE_KMS_STRANGERS_H
#define ENVELOPE_KMS_STRANGERS_H

#include <stdbool.h>

#include <json-c/json.h>
#include <systemd/sd-event.h>

#include "lib/base/fault.h"

#define STRANGERS_SECONDS 5
#define STRANGERS_SINGLE  8
#define STRANGERS_BYTES	  (10 * 1024)

struct strangers;

/** typedef strangers_summary_t - a window has ended; @details is taken over */
typedef void (*strangers_summary_t)(struct json_object *details, void *userdata);

int strangers_new(sd_event *event, strangers_summary_t summary, void *userdata,
		  struct strangers **ret, struct fault *f);

bool strangers_may_record(struct strangers *strangers, const char *code);

void strangers_count(struct strangers *strangers, const char *code);

void strangers_free(struct strangers *strangers);

#endif
