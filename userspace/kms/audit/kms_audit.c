// SPDX-License-Identifier: MIT
/*
 * The KMS's audit trail: writes each record.
 *
 * Must never report success for a record that the file did not take. Such a record is in the
 * journal only, as one of a call that failed.
 */
#include "kms/audit/kms_audit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kms/audit/audit_chain.h"
#include "kms/audit/kms_record.h"
#include "kms/audit/strangers.h"
#include "kms/audit/undone.h"
#include "lib/audit/append_file.h"
#include "lib/audit/trail.h"
#include "lib/base/json.h"
#include "lib/base/log.h"

struct audit {
	struct trail *trail;
	struct audit_chain *chain;
	struct strangers *strangers;
	const char *region; /* borrowed */
	const char *account;
	struct json_object *last; /* record of the trail before this start, or NULL */
	char event[37];		  /* eventID of the last record that the file took */
	int64_t sequence;	  /* of that record, in the chain */
};

static void journal_message(struct json_object *record, char *text, size_t size)
{
	const char *error = json_get_string(record, "errorCode");
	struct json_object *identity = json_get_object(record, "userIdentity");
	const char *who = json_get_string(identity, "userName");

	if (!who)
		who = json_get_string(identity, "invokedBy");
	snprintf(text, size, "%s by %s: %s", json_get_string(record, "eventName"),
		 who ? who : "unknown", error ? error : "allowed");
}

/* The record of an event without a call. @details: taken over */
static struct json_object *event_record(const struct audit *audit, const char *name,
					struct json_object *details)
{
	struct json_object *record = kms_record_event(name, audit->region, audit->account);

	json_add_object(record, "serviceEventDetails", details);
	return record;
}

static struct json_object *gap(void *userdata, struct json_object *details)
{
	return event_record(userdata, "AuditTrailGap", details);
}

static const struct trail_kind kind = {
	.identifier = "envelope-kms-audit",
	.failed_priority = 5,
	.takes_device = true,
	.reserve = (off_t)AUDIT_URGENT_RECORDS * AUDIT_URGENT_MAX,
	.urgent_max = AUDIT_URGENT_MAX,
	.message = journal_message,
	.gap = gap,
};

/* Neither synced nor urgent: nothing was done and nothing given. */
static void record_strangers(struct json_object *details, void *userdata)
{
	struct audit *audit = userdata;
	_cleanup_json_ struct json_object *record = event_record(audit, "UnauthenticatedCalls",
								 details);

	trail_append(audit->trail, record, false);
	trail_journal(audit->trail, record);
}

/* What is amiss with the chain holds up no start: a record says so. */
static void tell_of_chain(struct audit *audit)
{
	_cleanup_json_ struct json_object *record = NULL;
	struct json_object *details = NULL;
	const char *name = audit_chain_notice(audit->chain, &details);

	if (!name)
		return;
	record = event_record(audit, name, details);
	trail_append_urgent(audit->trail, record);
	trail_journal(audit->trail, record);
}

/**
 * audit_open() - open the trail for appending, and go on with its chain
 * @ret: for audit_close()
 *
 * Return: 0 or -1.
 */
int audit_open(const struct audit_setup *setup, struct audit **ret, struct fault *f)
{
	struct audit *audit = calloc(1, sizeof(*audit));

	if (!audit)
		return fault_set(f, "InternalFailure", "Out of memory.");
	audit->region = setup->region;
	audit->account = setup->account;
	if (trail_open(setup->path, &kind, audit, &audit->trail, f) ||
	    audit_chain_open(setup->path, setup->head, setup->root, &audit->chain, f) ||
	    strangers_new(setup->event, record_strangers, audit, &audit->strangers, f)) {
		audit_close(audit);
		return -1;
	}
	audit->last = undone_read(setup->path, audit->chain);
	trail_begin_chain(audit->trail, audit_chain_of_trail(audit->chain));
	tell_of_chain(audit);
	*ret = audit;
	return 0;
}

/* @r: of trail_append(). Records to the journal. Returns 0, or -1: the action must not be done. */
static int emitted(struct audit *audit, struct json_object *record, int r, struct fault *f)
{
	if (r) {
		fault_set(f, "KMSInternalException", "The audit trail cannot be written: %s.",
			  append_file_strerror(r));
		/* The action will not be done, so its copy in the journal must not show success. */
		if (!json_has(record, "errorCode")) {
			json_add_string(record, "errorCode", "KMSInternalException");
			json_add_string(record, "errorMessage",
					"The audit trail cannot be written.");
			json_add_object(record, "responseElements", NULL);
		}
	}
	if (!r) {
		json_copy_string(record, "eventID", audit->event, sizeof(audit->event));
		audit->sequence = audit_chain_sequence(audit->chain);
	}
	trail_journal(audit->trail, record);
	return r ? -1 : 0;
}

/* Records to file and journal. Returns 0, or -1: the recorded action must then not be done. */
static int emit(struct audit *audit, struct json_object *record, bool sync, struct fault *f)
{
	return emitted(audit, record, trail_append(audit->trail, record, sync), f);
}

/**
 * audit_call() - record a call before it is answered and before its change is committed
 * @refusal: NULL if the call was allowed; the record is then on the disk when this returns. A call
 *	without a caller is always refused
 *
 * Of the calls that are not authenticated, most are counted in a summary (strangers.h).
 *
 * Return: 0, or -1 with a KMSInternalException.
 */
int audit_call(struct audit *audit, const struct call *call, const struct fault *refusal,
	       struct fault *f)
{
	_cleanup_json_ struct json_object *record = NULL;

	if (!call->caller && !strangers_may_record(audit->strangers, refusal->code))
		return 0;
	record = kms_record_call(call, refusal);
	/* A full disk must not hold up a revocation, nor hide that one failed after its record. */
	if (call->revokes && (!refusal || call->recorded)) {
		if (!trail_has_room(audit->trail, record))
			kms_record_shorten(record);
		return emitted(audit, record, trail_append_urgent(audit->trail, record), f);
	}
	/*
	 * A refused call changed nothing and returned no secret. Its record need not be on the
	 * disk: a power cut may lose the record.
	 */
	return emit(audit, record, !refusal, f);
}

/** audit_stranger() - count a request that was refused with @code before it was a call */
void audit_stranger(struct audit *audit, const char *code)
{
	strangers_count(audit->strangers, code);
}

/** audit_last_event() - the eventID of the last record that the file took */
const char *audit_last_event(const struct audit *audit)
{
	return audit->event;
}

/** audit_last_sequence() - its number in the chain */
int64_t audit_last_sequence(const struct audit *audit)
{
	return audit->sequence;
}

/**
 * audit_expect() - the trail has had the record with number @sequence, as the key store knows
 *
 * If the chain is not that long, the trail and its head were put back or taken away: a record says so.
 */
void audit_expect(struct audit *audit, int64_t sequence)
{
	if (audit_chain_expect(audit->chain, sequence))
		tell_of_chain(audit);
}

/** audit_event_before() - the eventID of the last record before this start; "none" without one */
const char *audit_event_before(const struct audit *audit)
{
	const char *id = json_get_string(audit->last, "eventID");

	return id ? id : "none";
}

/**
 * audit_mark_undone() - record that a crash has undone the change of the last record, if it has
 * @kept: eventID of the last change that the key store has kept; "" if it does not say
 *
 * Call it before the first other record of this start that is about a key.
 */
void audit_mark_undone(struct audit *audit, const char *kept)
{
	_cleanup_json_ struct json_object *record = NULL;
	struct json_object *details = NULL;
	struct fault f;

	/* The last record that is left is not the last one that there was. */
	if (!audit_chain_is_cut(audit->chain))
		details = undone_details(audit->last, kept);
	if (!details)
		return;
	record = event_record(audit, "ChangeUndone", details);
	if (json_get_array(audit->last, "resources"))
		json_add_object(record, "resources",
				json_object_get(json_get_array(audit->last, "resources")));
	log_warning("The last change in the audit trail was undone by a crash: %s.",
		    json_get_string(details, "undoneEventID"));
	if (emitted(audit, record, trail_append_urgent(audit->trail, record), &f))
		log_error("No record says so: %s", f.message);
}

/**
 * audit_key_deleted() - record the deletion of a key after its waiting period, before it is deleted
 *
 * Return: 0, or -1 with a KMSInternalException.
 */
int audit_key_deleted(struct audit *audit, const struct cmk *cmk, struct fault *f)
{
	_cleanup_json_ struct json_object *record = kms_record_key("DeleteKey", cmk);
	struct json_object *response = json_object_new_object();
	char arn[ARN_MAX];

	cmk_arn(cmk, arn);
	json_add_string(response, "keyId", arn);
	json_add_object(record, "responseElements", response);
	return emit(audit, record, true, f);
}

/**
 * audit_key_rotated() - record an automatic rotation, before it is kept
 * @cmk: with its new material
 *
 * Return: 0, or -1 with a KMSInternalException.
 */
int audit_key_rotated(struct audit *audit, const struct cmk *cmk, struct fault *f)
{
	_cleanup_json_ struct json_object *record = kms_record_key("RotateKey", cmk);
	struct json_object *details = json_object_new_object();
	size_t number = materials_count(cmk->materials);
	char id[MATERIAL_ID_CHARS + 1];

	json_add_string(details, "rotationType", rotation_type_name(ROTATION_AUTOMATIC));
	json_add_string(details, "keyOrigin", "AWS_KMS");
	json_add_string(details, "previousKeyMaterialId", cmk_material_id(cmk, number - 1, id));
	json_add_string(details, "currentKeyMaterialId", cmk_material_id(cmk, number, id));
	json_add_object(record, "serviceEventDetails", details);
	return emit(audit, record, true, f);
}

/**
 * audit_default_key() - record that a default key is made
 * @call: the first call that uses @alias
 *
 * Return: 0, or -1 with a KMSInternalException.
 */
int audit_default_key(struct audit *audit, const struct call *call, const struct cmk *cmk,
		      const char *alias, struct fault *f)
{
	_cleanup_json_ struct json_object *record = kms_record_key("CreateKey", cmk);
	struct json_object *response = json_object_new_object();
	struct json_object *details = json_object_new_object();

	json_add_object(response, "keyMetadata", kms_record_metadata(cmk));
	json_add_object(record, "responseElements", response);
	json_add_string(details, "aliasName", alias);
	json_add_string(details, "requestID", call->request_id);
	json_add_object(record, "serviceEventDetails", details);
	return emit(audit, record, true, f);
}

/**
 * audit_store_event() - record what is done with the whole key store, before it is done
 * @details: taken over
 *
 * Return: 0, or -1 with a KMSInternalException.
 */
int audit_store_event(struct audit *audit, const char *name, struct json_object *details,
		      struct fault *f)
{
	_cleanup_json_ struct json_object *record = event_record(audit, name, details);

	return emit(audit, record, true, f);
}

/**
 * audit_reload() - record that the configuration was read again
 * @details: taken over
 * @f: the first fault, NULL if the new configuration is in force
 *
 * The new configuration is in force also when the file does not take the record: a full disk must not
 * keep an access key that was removed. A call with a new access key has its own record.
 */
void audit_reload(struct audit *audit, struct json_object *details, const struct fault *f)
{
	_cleanup_json_ struct json_object *record = event_record(audit, "ConfigurationReload",
								 details);

	if (f) {
		json_add_string(record, "errorCode", f->code);
		json_add_string(record, "errorMessage", f->message);
	}
	trail_append(audit->trail, record, true);
	trail_journal(audit->trail, record);
}

/** audit_close() - NULL is fine */
void audit_close(struct audit *audit)
{
	if (!audit)
		return;
	json_object_put(audit->last);
	strangers_free(audit->strangers);
	trail_close(audit->trail);
	audit_chain_close(audit->chain);
	free(audit);
}
