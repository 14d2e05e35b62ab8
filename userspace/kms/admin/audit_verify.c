// SPDX-License-Identifier: MIT
/*
 * envelope-kms audit verify: what verify.h finds, for people and for programs.
 *
 * Must never end with status 0 if there is a fault.
 */
#include <inttypes.h>
#include <stdio.h>

#include "kms/admin/admin.h"
#include "kms/audit/verify.h"
#include "kms/store/store.h"
#include "lib/base/json.h"
#include "lib/base/log.h"

/* A trail under the wrong root key has a finding in each line. */
#define FINDINGS_MAX 1000

struct report {
	bool json;
	uint64_t told;
	struct json_object *faults;
	struct json_object *notes;
};

/* What a finding says of its records, or of its line. */
static const struct {
	bool of_records;
	const char *one;
	const char *several;
} texts[] = {
	[FINDING_CHANGED] = { true, "was changed" },
	[FINDING_INSERTED] = { false, "this line was inserted" },
	[FINDING_MISSING] = { true, "is missing before this line", "are missing before this line" },
	[FINDING_MOVED] = { true, "was moved here" },
	[FINDING_FOREIGN] = { true, "does not follow the record before it" },
	[FINDING_BEGUN_ANEW] = { false,
				 "a new chain begins, since the head of the former one was lost" },
	[FINDING_CUT] = { true, "was cut off behind this line", "were cut off behind this line" },
	[FINDING_NO_HEAD] = { false,
			      "The head of the chain is lost, so a cut end is not found. Check "
			      "CounterFile, RootKeyFile and StateDirectory" },
	[FINDING_UNREADABLE] = { false, "the file cannot be read from here on" },
	[FINDING_UNCHAINED] = { false,
				"the lines up to this one are not protected: the chain begins later" },
	[FINDING_TORN] = { false,
			   "this line has no end, as a full disk or a power cut leaves one" },
	[FINDING_LOST] = { true, "was not on the disk when the host went down",
			   "were not on the disk when the host went down" },
};

static void tell_records(const struct finding *finding)
{
	if (finding->last)
		printf("records %" PRId64 " to %" PRId64 " %s.\n", finding->sequence, finding->last,
		       texts[finding->kind].several);
	else
		printf("record %" PRId64 " %s.\n", finding->sequence, texts[finding->kind].one);
}

static void tell(const struct finding *finding)
{
	if (*finding->file)
		printf("%s:", finding->file);
	if (*finding->file && finding->line)
		printf("%" PRId64 ":", finding->line);
	if (*finding->file)
		putchar(' ');
	if (finding->kind == FINDING_INSERTED && finding->sequence)
		printf("record %" PRId64 " was copied here.\n", finding->sequence);
	else if (texts[finding->kind].of_records)
		tell_records(finding);
	else
		printf("%s.\n", texts[finding->kind].one);
}

static void add(struct json_object *list, const struct finding *finding)
{
	struct json_object *entry = json_object_new_object();

	json_add_string(entry, "Kind", finding_word(finding->kind));
	if (*finding->file)
		json_add_string(entry, "File", finding->file);
	if (finding->line)
		json_add_int(entry, "Line", finding->line);
	if (finding->sequence)
		json_add_int(entry, "Sequence", finding->sequence);
	if (finding->last)
		json_add_int(entry, "LastSequence", finding->last);
	json_object_array_add(list, entry);
}

static void each(const struct finding *finding, void *userdata)
{
	struct report *report = userdata;

	if (report->told++ >= FINDINGS_MAX)
		return;
	if (report->json)
		add(finding->kind < FINDING_KINDS_FAULTS ? report->faults : report->notes, finding);
	else
		tell(finding);
}

static void sum_up(const struct report *report, const struct verdict *verdict)
{
	if (report->told > FINDINGS_MAX)
		printf("%" PRIu64 " more findings are not shown.\n", report->told - FINDINGS_MAX);
	if (verdict->faults)
		printf("The audit trail has %" PRIu64 " fault(s). ", verdict->faults);
	else
		printf("The audit trail is whole. ");
	if (verdict->records)
		printf("The tags of %" PRIu64 " records in %" PRIu64 " file(s) fit, from %" PRId64
		       " to %" PRId64 ".\n",
		       verdict->records, verdict->files, verdict->first, verdict->last);
	else
		printf("No record in %" PRIu64 " file(s) has a tag that fits.\n", verdict->files);
}

static void print_json(struct report *report, const struct verdict *verdict)
{
	_cleanup_json_ struct json_object *o = json_object_new_object();

	json_add_bool(o, "Whole", !verdict->faults);
	json_add_int(o, "Files", (int64_t)verdict->files);
	json_add_int(o, "Records", (int64_t)verdict->records);
	json_add_int(o, "FirstSequence", verdict->first);
	json_add_int(o, "LastSequence", verdict->last);
	json_add_int(o, "HeadSequence", verdict->head);
	json_add_int(o, "FaultCount", (int64_t)verdict->faults);
	json_add_object(o, "Faults", json_object_get(report->faults));
	json_add_object(o, "Notes", json_object_get(report->notes));
	puts(json_object_to_json_string_ext(o, JSON_C_TO_STRING_PRETTY |
						       JSON_C_TO_STRING_NOSLASHESCAPE));
}

/** admin_audit_verify() - see struct admin_command */
int admin_audit_verify(const struct admin_call *call, struct fault *f)
{
	_cleanup_json_ struct json_object *faults = json_object_new_array();
	_cleanup_json_ struct json_object *notes = json_object_new_array();
	struct report report = { .faults = faults, .notes = notes };
	struct verify_setup setup = {
		.path = call->settings->audit_file,
		.head = call->settings->counter,
		.root = call->root,
		.each = each,
		.userdata = &report,
	};
	struct verdict verdict;

	if (admin_wants_json(call, &report.json, f) || admin_number(call, "first", &setup.first, f))
		return -1;
	/* Before the trail: a KMS may add records meanwhile. */
	setup.store_unread = store_read_sequence(call->settings->state_directory, call->root,
						 &setup.least, f);
	if (setup.store_unread)
		log_warning("%s", f->message);
	if (verify_trail(&setup, &verdict, f))
		return -1;
	if (report.json)
		print_json(&report, &verdict);
	else
		sum_up(&report, &verdict);
	return verdict.faults ? 1 : 0;
}
