/* SPDX-License-Identifier: MIT */
/*
 * The timer that destroys keys when their waiting period is over.
 *
 * Must never be the only guard: key_lookup() refuses a key that is due whether or not it fired.
 */
#ifndef ENVELOPE_KMS_DELETION_H
#define ENVELOPE_KMS_DELETION_H

#include <systemd/sd-event.h>

#include "lib/base/fault.h"
#include "kms/store/store.h"

struct audit;
struct deletion;

/**
 * deletion_new() - destroy what is due, and arm the timer for the next
 * @event: loop
 * @store, @audit: borrowed
 *
 * Return: 0 or -1.
 */
int deletion_new(sd_event *event, struct store *store, struct audit *audit,
		 struct deletion **deletion, struct fault *f);

/** deletion_rearm() - call when a deletion date is set or taken back; looks at the store later */
void deletion_rearm(struct deletion *deletion);

void deletion_free(struct deletion *deletion);

#endif
