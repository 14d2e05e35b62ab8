// SPDX-License-Identifier: MIT
/* sources: agent/audit/agent_audit.c agent/audit/agent_record.c agent/catalog/cluster.c agent/api/cluster_json.c agent/lease/lease.c */
/*
 * The agent's audit trail: CloudTrail's fields, no blob whatever the caller passes, appended and
 * never rewritten, read back by time and number; and a file on a full disk.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <fcntl.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/audit/agent_audit.h"
#include "lib/base/json.h"

#define ARN "arn:aws:kms:eu-west-1:210987654321:key/1234abcd-12ab-34cd-56ef-1234567890ab"

static bool asked; /* a name service, which may wait for another host */

/* In place of the C library's. */
struct passwd *getpwuid(uid_t uid)
{
	asked = true;
	return NULL;
}

struct fixture {
	char path[64];
	struct audit *audit;
	int seen;
};

static int setup(void **state)
{
	struct fixture *x = calloc(1, sizeof(*x));
	struct fault f;
	int fd;

	strcpy(x->path, "/tmp/audit-test-XXXXXX");
	fd = mkstemp(x->path);
	assert_true(fd >= 0);
	close(fd);
	assert_int_equal(audit_open(x->path, "us-east-1", "123456789012", &x->audit, &f), 0);
	*state = x;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *x = *state;

	audit_close(x->audit);
	unlink(x->path);
	free(x);
	return 0;
}

static json_object *last(struct fixture *x)
{
	struct fault f;
	_cleanup_json_ json_object *records = audit_read(x->audit, NULL, 1, &f);

	assert_int_equal(json_object_array_length(records), 1);
	return json_object_get(json_object_array_get_idx(records, 0));
}

static void expect_member(json_object *o, const char *key, const char *expected)
{
	const char *seen = json_get_string(o, key);

	if (!seen || strcmp(seen, expected))
		fail_msg("%s: expected %s, seen %s", key, expected, seen ? seen : "nothing");
}

static void kms_record_has_cloudtrails_fields(void **state)
{
	static const char *const fields[] = {
		"eventVersion",	     "userIdentity", "eventTime",	  "eventSource",
		"eventName",	     "awsRegion",    "sourceIPAddress",	  "userAgent",
		"requestParameters", "requestID",    "eventID",		  "readOnly",
		"resources",	     "eventType",    "recipientAccountId"
	};
	_cleanup_json_ json_object *request = json_object_new_object(), *record = NULL;
	struct fixture *x = *state;
	json_object *resources = NULL;

	json_add_string(request, "KeyId", ARN);
	json_add_bool(request, "DryRun", true);
	audit_kms_call(x->audit, "Decrypt", request, ARN, NULL);
	record = last(x);
	for (size_t i = 0; i < sizeof(fields) / sizeof(*fields); i++)
		if (!json_has(record, fields[i]))
			fail_msg("no %s in %s", fields[i], json_object_to_json_string(record));
	expect_member(record, "eventSource", "kms.amazonaws.com");
	expect_member(record, "eventName", "Decrypt");
	expect_member(record, "awsRegion", "us-east-1");
	expect_member(record, "sourceIPAddress", "rds.amazonaws.com");
	expect_member(record, "recipientAccountId", "123456789012");
	expect_member(json_get_object(record, "requestParameters"), "keyId", ARN);
	assert_true(json_get_bool(json_get_object(record, "requestParameters"), "dryRun", false));
	assert_false(json_has(record, "errorCode"));
	json_object_object_get_ex(record, "resources", &resources);
	expect_member(json_object_array_get_idx(resources, 0), "ARN", ARN);
	/* The account of the key may differ from the caller's. */
	expect_member(json_object_array_get_idx(resources, 0), "accountId", "210987654321");
}

static void blobs_are_never_written(void **state)
{
	static const char *const names[] = { "CiphertextBlob",	       "Plaintext",
					     "CiphertextForRecipient", "Recipient",
					     "PrivateKeyPlaintext",    "GrantTokens" };
	_cleanup_json_ json_object *request = json_object_new_object();
	struct fixture *x = *state;
	char text[8192] = "";
	FILE *file;

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		json_add_string(request, names[i], "bmVlZGxl");
	json_add_string(request, "KeyId", ARN);
	audit_kms_call(x->audit, "Decrypt", request, ARN, NULL);
	file = fopen(x->path, "r");
	assert_true(fread(text, 1, sizeof(text) - 1, file) > 0);
	fclose(file);
	assert_null(strstr(text, "bmVlZGxl"));
	/* The control: a parameter that is not a blob is written. */
	assert_non_null(strstr(text, ARN));
}

static void failures_name_their_fault(void **state)
{
	const struct fault f = { "DisabledException", "the key \"x\" is disabled" };
	_cleanup_json_ json_object *request = json_object_new_object(), *record = NULL;
	struct fixture *x = *state;

	audit_kms_call(x->audit, "Decrypt", request, NULL, &f);
	record = last(x);
	expect_member(record, "errorCode", "DisabledException");
	expect_member(record, "errorMessage", "the key \"x\" is disabled");
	assert_false(json_has(record, "resources"));
}

static void requests_name_the_client(void **state)
{
	_cleanup_json_ json_object *params = json_object_new_object(), *record = NULL;
	struct fixture *x = *state;
	char host[65] = "";

	json_add_string(params, "dbClusterIdentifier", "db1");
	audit_api_call(x->audit, "StartDBCluster", params, 0, 4711, NULL, NULL);
	record = last(x);
	if (asked)
		fail_msg("a name service was asked for the client's name");
	expect_member(json_get_object(record, "userIdentity"), "userName", "root");
	assert_int_equal(json_get_int(json_get_object(record, "userIdentity"), "processId", 0),
			 4711);
	/* The field must be an IP address: readers parse it, and cannot parse a host name. */
	expect_member(record, "sourceIPAddress", "127.0.0.1");
	gethostname(host, sizeof(host) - 1);
	expect_member(json_get_object(record, "additionalEventData"), "hostName", host);
	expect_member(json_get_object(record, "requestParameters"), "dbClusterIdentifier", "db1");
	assert_false(json_get_bool(record, "readOnly", true));
}

static void status_changes_have_both_states(void **state)
{
	struct cluster cluster = { .id = "db1",
				   .volume_id = "vol-1",
				   .key_arn = ARN,
				   .status = CLUSTER_INACCESSIBLE,
				   .reason = "DisabledException: x" };
	_cleanup_json_ json_object *record = NULL;
	struct fixture *x = *state;
	json_object *details;

	audit_status(x->audit, &cluster, CLUSTER_AVAILABLE);
	record = last(x);
	details = json_get_object(record, "serviceEventDetails");
	expect_member(record, "eventName", "DBClusterStatusChange");
	expect_member(record, "sourceIPAddress", "AWS Internal");
	expect_member(details, "previousStatus", "available");
	expect_member(details, "status", "inaccessible-encryption-credentials");
	expect_member(details, "statusReason", "DisabledException: x");
}

static void record_of(struct fixture *x, const char *name)
{
	_cleanup_json_ json_object *params = json_object_new_object();

	audit_api_call(x->audit, name, params, 0, 1, NULL, NULL);
}

static void reading_takes_the_newest_in_order(void **state)
{
	_cleanup_json_ json_object *records = NULL;
	struct fixture *x = *state;
	struct fault f;
	char name[16];

	for (int i = 0; i < 25; i++) {
		snprintf(name, sizeof(name), "Event%02d", i);
		record_of(x, name);
	}
	records = audit_read(x->audit, NULL, 10, &f);
	assert_int_equal(json_object_array_length(records), 10);
	expect_member(json_object_array_get_idx(records, 0), "eventName", "Event15");
	expect_member(json_object_array_get_idx(records, 9), "eventName", "Event24");
}

static void reading_since_a_time(void **state)
{
	static const char old[] =
		"{\"eventTime\":\"2020-01-02T03:04:05Z\",\"eventName\":\"Old\"}\n";
	_cleanup_json_ json_object *all = NULL, *since = NULL, *future = NULL;
	struct fixture *x = *state;
	int fd = open(x->path, O_WRONLY | O_APPEND);
	struct fault f;

	assert_int_equal(write(fd, old, sizeof(old) - 1), sizeof(old) - 1);
	/* A line that a power cut left half written hides no other line. */
	assert_int_equal(write(fd, "{\"eventTime\":\"20\n", 17), 17);
	close(fd);
	record_of(x, "New");
	all = audit_read(x->audit, NULL, 100, &f);
	assert_int_equal(json_object_array_length(all), 2);
	since = audit_read(x->audit, "2020-01-02T03:04:06Z", 100, &f);
	assert_int_equal(json_object_array_length(since), 1);
	expect_member(json_object_array_get_idx(since, 0), "eventName", "New");
	json_object_put(since);
	since = audit_read(x->audit, "2020-01-02T03:04:05Z", 100, &f);
	assert_int_equal(json_object_array_length(since), 2);
	future = audit_read(x->audit, "9999-01-01T00:00:00Z", 100, &f);
	assert_int_equal(json_object_array_length(future), 0);
}

static void on_record(json_object *record, void *userdata)
{
	struct fixture *x = userdata;

	x->seen++;
	expect_member(record, "eventName", "Heard");
}

static void listeners_see_each_record(void **state)
{
	struct fixture *x = *state;

	audit_on_record(x->audit, on_record, x);
	record_of(x, "Heard");
	record_of(x, "Heard");
	assert_int_equal(x->seen, 2);
}

static void old_records_are_kept(void **state)
{
	_cleanup_json_ json_object *records = NULL;
	struct fixture *x = *state;
	struct fault f;

	record_of(x, "First");
	audit_close(x->audit);
	assert_int_equal(audit_open(x->path, "us-east-1", "123456789012", &x->audit, &f), 0);
	record_of(x, "Second");
	records = audit_read(x->audit, NULL, 10, &f);
	assert_int_equal(json_object_array_length(records), 2);
	expect_member(json_object_array_get_idx(records, 0), "eventName", "First");
}

/* logrotate renames the old file. The next record must make a new file. */
static void a_file_that_is_moved_away_is_followed_by_another(void **state)
{
	_cleanup_json_ json_object *records = NULL;
	struct fixture *x = *state;
	char moved[80];
	struct fault f;

	record_of(x, "First");
	snprintf(moved, sizeof(moved), "%s.1", x->path);
	assert_int_equal(rename(x->path, moved), 0);
	record_of(x, "Second");
	record_of(x, "Third");
	records = audit_read(x->audit, NULL, 10, &f);
	assert_int_equal(unlink(moved), 0);
	assert_non_null(records);
	assert_int_equal(json_object_array_length(records), 2);
	expect_member(json_object_array_get_idx(records, 0), "eventName", "Second");
	assert_int_equal(audit_recorded(x->audit, &f), 0);
}

/* From now on the file takes only @more bytes, like a file on a disk that is nearly full. */
static void room(struct fixture *x, rlim_t more)
{
	struct rlimit limit;
	struct stat st;

	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(stat(x->path, &st), 0);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
	limit.rlim_cur = more == RLIM_INFINITY ? limit.rlim_max : (rlim_t)st.st_size + more;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

static void a_whole_trail_is_no_fault(void **state)
{
	struct fixture *x = *state;
	struct fault f = { 0 };

	assert_int_equal(audit_recorded(x->audit, &f), 0);
	record_of(x, "Fits");
	assert_int_equal(audit_recorded(x->audit, &f), 0);
	assert_string_equal(f.code, "");
}

/* A lost record causes a fault now and a record of the gap later. */
static void a_full_disk_is_a_fault_and_the_gap_is_recorded(void **state)
{
	static const char *const expected[] = { "Before", "AuditTrailGap", "After" };
	_cleanup_json_ json_object *records = NULL;
	struct fixture *x = *state;
	json_object *details;
	struct fault f;

	record_of(x, "Before");
	room(x, 10); /* the next record is cut off */
	record_of(x, "Missing");
	record_of(x, "Missing");
	assert_int_equal(audit_recorded(x->audit, &f), -1);
	assert_string_equal(f.code, "AuditTrailUnavailable");
	assert_non_null(strstr(f.message, x->path));
	/* Free space alone does not bring the lost record back. */
	room(x, RLIM_INFINITY);
	assert_int_equal(audit_recorded(x->audit, &f), -1);
	record_of(x, "After");
	assert_int_equal(audit_recorded(x->audit, &f), 0);

	records = audit_read(x->audit, NULL, 10, &f);
	assert_int_equal(json_object_array_length(records), 3);
	for (size_t i = 0; i < 3; i++)
		expect_member(json_object_array_get_idx(records, i), "eventName", expected[i]);
	details = json_get_object(json_object_array_get_idx(records, 1), "serviceEventDetails");
	assert_int_equal(json_get_int(details, "recordsMissing", 0), 2);
}

static void a_torn_line_swallows_no_other(void **state)
{
	static const char cut[] = "{\"eventTime\":\"20";
	_cleanup_json_ json_object *record = NULL;
	struct fixture *x = *state;
	int fd = open(x->path, O_WRONLY | O_APPEND);
	struct fault f;

	assert_int_equal(write(fd, cut, sizeof(cut) - 1), sizeof(cut) - 1);
	close(fd);
	audit_close(x->audit);
	assert_int_equal(audit_open(x->path, "us-east-1", "123456789012", &x->audit, &f), 0);
	record_of(x, "Whole");
	record = last(x);
	expect_member(record, "eventName", "Whole");
}

#define WITH_TRAIL(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_TRAIL(kms_record_has_cloudtrails_fields),
		WITH_TRAIL(blobs_are_never_written),
		WITH_TRAIL(failures_name_their_fault),
		WITH_TRAIL(requests_name_the_client),
		WITH_TRAIL(status_changes_have_both_states),
		WITH_TRAIL(reading_takes_the_newest_in_order),
		WITH_TRAIL(reading_since_a_time),
		WITH_TRAIL(listeners_see_each_record),
		WITH_TRAIL(old_records_are_kept),
		WITH_TRAIL(a_file_that_is_moved_away_is_followed_by_another),
		WITH_TRAIL(a_whole_trail_is_no_fault),
		WITH_TRAIL(a_full_disk_is_a_fault_and_the_gap_is_recorded),
		WITH_TRAIL(a_torn_line_swallows_no_other),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
