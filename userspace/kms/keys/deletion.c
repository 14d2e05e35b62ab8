// SPDX-License-Identifier: MIT
/*
 * Destroys keys when their waiting period is over.
 *
 * Waiting periods count the time that the host is up (store_clock()): a wrong wall clock destroys no
 * key. Must never destroy a key before the audit trail has taken the record of its deletion. Until
 * then key_lookup() refuses the key.
 */

#include "kms/keys/deletion.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "kms/audit/kms_audit.h"
#include "lib/base/clock_jump.h"
#include "lib/base/json.h"
#include "lib/base/log.h"

#define RETRY_SECONDS 60
#define SAVE_SECONDS  3600 /* between two savings of the clock, while a key waits */
#define ACCURACY_USEC 1000000
#define USEC_PER_SEC  1000000ULL

struct deletion {
	struct store *store;
	struct audit *audit;
	sd_event_source *timer;
	int destroyed; /* since the last line of the log about it */
	bool begun;    /* begin_waiting() was called */
	struct clock_jump *clock_jump;
};

static int record(const struct cmk *cmk, void *userdata, struct fault *f)
{
	struct deletion *deletion = userdata;

	if (audit_key_deleted(deletion->audit, cmk, f))
		return -1;
	store_note_event(deletion->store, audit_last_event(deletion->audit),
			 audit_last_sequence(deletion->audit));
	return 0;
}

/* The KMS decides nothing by a jump, and works also while the trail takes no record. */
static void jumped(int64_t from, int64_t to, void *userdata)
{
	struct deletion *deletion = userdata;
	json_object *details = clock_jump_details(from, to);
	struct fault fault;

	log_warning("The wall clock jumped from %s to %s, by %lld s. The waiting periods of keys do not follow it.",
		    json_get_string(details, "from"), json_get_string(details, "to"),
		    (long long)(to - from));
	if (audit_store_event(deletion->audit, CLOCK_JUMP_RECORD, details, &fault))
		log_warning("%s", fault.message);
}

static void begin_waiting(struct store *store)
{
	struct fault fault;
	int begun = store_begin_waiting(store, &fault);

	if (begun < 0)
		log_error("Keys that an older version scheduled for deletion wait until the next start: %s",
			  fault.message);
	if (begun > 0)
		log_warning("The waiting periods of %d key(s) begin anew: an older version counted them by the wall clock.",
			    begun);
}

static void save_clock(struct deletion *deletion)
{
	struct fault fault;

	if (store_save_clock(deletion->store, &fault))
		log_error("Waiting periods begin anew where they were saved last, if the host goes down: %s",
			  fault.message);
}

static void arm(struct deletion *deletion, int64_t seconds)
{
	sd_event_source_set_time_relative(deletion->timer, (uint64_t)seconds * USEC_PER_SEC);
	sd_event_source_set_enabled(deletion->timer, SD_EVENT_ONESHOT);
}

static void run(struct deletion *deletion)
{
	int64_t next = 0, now = store_clock(deletion->store);
	struct fault fault;
	int destroyed;

	if (!deletion->begun)
		begin_waiting(deletion->store);
	deletion->begun = true;
	destroyed = store_destroy_due(deletion->store, now, record, deletion, &next, &fault);
	if (destroyed > 0)
		deletion->destroyed += destroyed;
	/* One line for all turns. */
	if (deletion->destroyed && next != now)
		log_info("destroyed %d key(s) at the end of their waiting period",
			 deletion->destroyed);
	if (next != now)
		deletion->destroyed = 0;
	if (destroyed < 0) {
		log_error("keys that are due cannot be destroyed, trying again in %d s: %s",
			  RETRY_SECONDS, fault.message);
		next = now + RETRY_SECONDS;
	}
	if (next <= 0)
		return;
	/* More keys are due. Requests come first: each source of the loop has its turn. */
	if (next == now) {
		deletion_rearm(deletion);
		return;
	}
	save_clock(deletion);
	arm(deletion, next - now < SAVE_SECONDS ? next - now : SAVE_SECONDS);
}

static int on_timer(sd_event_source *source, uint64_t usec, void *userdata)
{
	run(userdata);
	return 0;
}

/**
 * deletion_new() - arm the timer for what is due, which fires when the loop runs
 * @event: loop
 * @store, @audit: borrowed
 *
 * Return: 0 or -1.
 */
int deletion_new(sd_event *event, struct store *store, struct audit *audit, struct deletion **out,
		 struct fault *f)
{
	struct deletion *deletion = calloc(1, sizeof(*deletion));
	int r;

	if (!deletion)
		return fault_set(f, "InternalFailure",
				 "Out of memory. Free some, and start again.");
	deletion->store = store;
	deletion->audit = audit;
	r = sd_event_add_time(event, &deletion->timer, CLOCK_BOOTTIME, UINT64_MAX, ACCURACY_USEC,
			      on_timer, deletion);
	if (r < 0) {
		free(deletion);
		return fault_set(f, "InternalFailure", "The deletion timer cannot be made: %s.",
				 strerror(-r));
	}
	r = clock_jump_watch(event, jumped, deletion, &deletion->clock_jump);
	if (r < 0)
		log_warning("Jumps of the wall clock are not recorded: %s", strerror(-r));
	deletion_rearm(deletion);
	*out = deletion;
	return 0;
}

/** deletion_rearm() - call when a deletion date is set or taken back; looks at the store later */
void deletion_rearm(struct deletion *deletion)
{
	/* The event loop runs it later: the change that set the date is not committed yet. */
	sd_event_source_set_time(deletion->timer, 0);
	sd_event_source_set_enabled(deletion->timer, SD_EVENT_ONESHOT);
}

void deletion_free(struct deletion *deletion)
{
	if (!deletion)
		return;
	sd_event_source_disable_unref(deletion->timer);
	clock_jump_free(deletion->clock_jump);
	free(deletion);
}
