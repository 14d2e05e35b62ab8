/* SPDX-License-Identifier: MIT */
/*
 * Rotating keys: a key gets its next material, on demand or by the timer. What the earlier
 * materials have
 * encrypted stays readable.
 *
 * Must never count a period by the wall clock: store_clock() is what waiting periods count by, too.
 */
#ifndef ENVELOPE_KMS_ROTATION_H
#define ENVELOPE_KMS_ROTATION_H

#include <systemd/sd-event.h>

#include "kms/store/store.h"
#include "lib/base/fault.h"

struct audit;
struct rotation;

int key_rotate(struct store *store, struct cmk *cmk, enum rotation_type type, int64_t date,
	       struct fault *f);

int rotation_new(sd_event *event, struct store *store, struct audit *audit,
		 struct rotation **rotation, struct fault *f);

void rotation_rearm(struct rotation *rotation);

void rotation_free(struct rotation *rotation);

#endif
