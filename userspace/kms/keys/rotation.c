// SPDX-License-Identifier: MIT
/*
 * Rotates keys, and has the timer of the automatic rotations.
 *
 * Must never keep a rotation before the audit trail has taken its record. Must never let key material
 * out of locked memory.
 */
#include "kms/keys/rotation.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "kms/audit/kms_audit.h"
#include "kms/keys/crypto.h"
#include "lib/base/log.h"

#define RETRY_SECONDS 60
#define SAVE_SECONDS  3600 /* between two savings of the clock, while a rotation is to come */
#define ACCURACY_USEC 1000000
#define USEC_PER_SEC  1000000ULL

struct rotation {
	struct store *store;
	struct audit *audit;
	sd_event_source *timer;
	int rotated; /* since the last line of the log about it */
};

/**
 * key_rotate() - give a key its next material; in a change
 * @cmk: the rest of its record is written as it is
 * @date: of the rotation, for people
 * @f: KMSInternalException, LimitExceededException
 *
 * Return: 0 or -1.
 */
int key_rotate(struct store *store, struct cmk *cmk, enum rotation_type type, int64_t date,
	       struct fault *f)
{
	_cleanup_secret_ struct secret *bytes = secret_new(CMK_MATERIAL_BYTES);
	struct material material = { .date = date, .type = type };

	if (!bytes || crypto_random(bytes->bytes, bytes->size))
		return fault_set(f, "KMSInternalException",
				 "Key material cannot be made. Raise LimitMEMLOCK, and try again.");
	if (material_id(cmk->key_id, bytes, material.id, f))
		return -1;
	return store_add_material(store, cmk, &material, bytes, f);
}

static int rotate(struct cmk *cmk, void *userdata, struct fault *f)
{
	struct rotation *rotation = userdata;

	if (key_rotate(rotation->store, cmk, ROTATION_AUTOMATIC, time(NULL), f) ||
	    audit_key_rotated(rotation->audit, cmk, f))
		return -1;
	store_note_event(rotation->store, audit_last_event(rotation->audit),
			 audit_last_sequence(rotation->audit));
	return 0;
}

static void save_clock(struct rotation *rotation)
{
	struct fault fault;

	if (store_save_clock(rotation->store, &fault))
		log_error("The periods of rotations go on where they were saved last, if the host goes down: %s",
			  fault.message);
}

static void arm(struct rotation *rotation, int64_t seconds)
{
	sd_event_source_set_time_relative(rotation->timer, (uint64_t)seconds * USEC_PER_SEC);
	sd_event_source_set_enabled(rotation->timer, SD_EVENT_ONESHOT);
}

/* One line of the log for all turns. */
static void tell(struct rotation *rotation)
{
	if (rotation->rotated)
		log_info("rotated %d key(s) that were due", rotation->rotated);
	rotation->rotated = 0;
}

static int on_timer(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct rotation *rotation = userdata;
	int64_t next = 0, now = store_clock(rotation->store);
	struct fault fault;
	int rotated = store_rotate_due(rotation->store, now, rotate, rotation, &next, &fault);

	(void)source, (void)usec;
	if (rotated > 0)
		rotation->rotated += rotated;
	/* More keys are due. Requests come first: each source of the loop has its turn. */
	if (rotated >= 0 && next == now) {
		rotation_rearm(rotation);
		return 0;
	}
	tell(rotation);
	if (rotated < 0) {
		log_error("keys that are due cannot be rotated, trying again in %d s: %s",
			  RETRY_SECONDS, fault.message);
		arm(rotation, RETRY_SECONDS);
		return 0;
	}
	if (next <= 0)
		return 0;
	save_clock(rotation);
	arm(rotation, next - now < SAVE_SECONDS ? next - now : SAVE_SECONDS);
	return 0;
}

/**
 * rotation_new() - arm the timer for what is due, which fires when the loop runs
 * @event: loop
 * @store, @audit: borrowed
 *
 * Return: 0 or -1.
 */
int rotation_new(sd_event *event, struct store *store, struct audit *audit, struct rotation **out,
		 struct fault *f)
{
	struct rotation *rotation = calloc(1, sizeof(*rotation));
	int r;

	if (!rotation)
		return fault_set(f, "InternalFailure",
				 "Out of memory. Free some, and start again.");
	rotation->store = store;
	rotation->audit = audit;
	r = sd_event_add_time(event, &rotation->timer, CLOCK_BOOTTIME, UINT64_MAX, ACCURACY_USEC,
			      on_timer, rotation);
	if (r < 0) {
		free(rotation);
		return fault_set(f, "InternalFailure", "The rotation timer cannot be made: %s.",
				 strerror(-r));
	}
	rotation_rearm(rotation);
	*out = rotation;
	return 0;
}

/** rotation_rearm() - call when a rotation may be due earlier; looks at the store later */
void rotation_rearm(struct rotation *rotation)
{
	/* The event loop runs it later: the change is not committed yet. */
	sd_event_source_set_time(rotation->timer, 0);
	sd_event_source_set_enabled(rotation->timer, SD_EVENT_ONESHOT);
}

/** rotation_free() - NULL is fine */
void rotation_free(struct rotation *rotation)
{
	if (!rotation)
		return;
	sd_event_source_disable_unref(rotation->timer);
	free(rotation);
}
