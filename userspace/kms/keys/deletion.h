/* SPDX-License-Identifier: MIT */
/*
 * The timer that destroys keys when their waiting period is over.
 *
 * Must never be the only guard: key_lookup() refuses a key that is due even if no timer fired.
 */
#ifndef ENVELOPE_KMS_DELETION_H
#define ENVELOPE_KMS_DELETION_H

#include <systemd/sd-event.h>

#include "kms/store/store.h"
#include "lib/base/fault.h"

struct audit;
struct deletion;

int deletion_new(sd_event *event, struct store *store, struct audit *audit,
		 struct deletion **deletion, struct fault *f);

void deletion_rearm(struct deletion *deletion);

void deletion_free(struct deletion *deletion);

#endif
