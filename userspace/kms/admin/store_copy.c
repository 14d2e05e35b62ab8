// SPDX-License-Identifier: MIT
/*
 * envelope-kms store backup and store restore.
 *
 * Must never restore beside a running KMS. Must never restore without a record in the audit trail.
 */
#include <unistd.h>

#include <systemd/sd-event.h>

#include "kms/admin/admin.h"
#include "kms/audit/kms_audit.h"
#include "kms/store/store.h"
#include "lib/base/folder.h"
#include "lib/base/log.h"

static const char *file_of(const struct admin_call *call, struct fault *f)
{
	const char *file = admin_value(call, "file");

	if (!file || !*file) {
		fault_set(f, "Usage", "--file is needed. See envelope-kms --help.");
		return NULL;
	}
	return file;
}

/** admin_store_backup() - see struct admin_command. Takes no lock: the KMS that has it goes on. */
int admin_store_backup(const struct admin_call *call, struct fault *f)
{
	const char *file = file_of(call, f);

	if (!file || store_backup(call->settings->state_directory, call->root, file, f))
		return -1;
	log_info("the key store in %s is copied to %s", call->settings->state_directory, file);
	return 0;
}

static int on_event(const char *name, struct json_object *details, void *userdata, struct fault *f)
{
	return audit_store_event(userdata, name, details, f);
}

static int restore(const struct admin_call *call, const char *file, struct audit *audit,
		   struct fault *f)
{
	const struct settings *s = call->settings;
	struct store_setup setup = {
		.directory = s->state_directory,
		.root = call->root,
		.counter = s->counter,
		.region = s->region,
		.accept = s->accept_rollback,
		.event = on_event,
		.userdata = audit,
	};
	struct store *store = NULL;
	struct fault fault;
	int64_t sequence;
	int r;

	/* The store that is replaced may know that the trail was put back. */
	if (!store_read_sequence(s->state_directory, call->root, &sequence, &fault))
		audit_expect(audit, sequence);
	r = store_restore(&setup, file, &store, f);
	/* The copy may know the trail of another host. */
	if (!r) {
		store_note_event(store, audit_last_event(audit), audit_last_sequence(audit));
		if (store_save_clock(store, &fault))
			log_error("The restored key store may miss records of its former audit trail: %s",
				  fault.message);
	}
	store_close(store);
	return r;
}

/** admin_store_restore() - see struct admin_command */
int admin_store_restore(const struct admin_call *call, struct fault *f)
{
	const struct settings *s = call->settings;
	const char *file = file_of(call, f);
	struct audit_setup trail = {
		.path = s->audit_file,
		.head = s->counter,
		.root = call->root,
		.region = s->region,
		.account = s->account,
	};
	struct audit *audit = NULL;
	int lock = -1, r = -1;

	if (!file)
		return -1;
	if (sd_event_new(&trail.event) < 0)
		return fault_set(f, "InternalFailure", "The event loop cannot be made.");
	if (!folder_make(s->state_directory, 0755, 0711, f) &&
	    !store_lock(s->state_directory, &lock, f) &&
	    !folder_make_for(s->audit_file, 0755, 0755, f) &&
	    !folder_make_for(s->counter, 0755, 0700, f) && !audit_open(&trail, &audit, f))
		r = restore(call, file, audit, f);
	if (!r)
		log_info("the key store in %s is restored from %s", s->state_directory, file);
	audit_close(audit);
	if (lock >= 0)
		close(lock);
	sd_event_unref(trail.event);
	return r;
}
