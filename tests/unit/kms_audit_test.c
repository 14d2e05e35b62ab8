// SPDX-License-Identifier: MIT
/* sources: kms/audit/kms_audit.c kms/audit/audit_chain.c kms/audit/chain_head.c kms/audit/trail_end.c kms/audit/trail_files.c kms/audit/line_reader.c kms/keys/crypto.c kms/audit/undone.c kms/audit/kms_record.c kms/audit/strangers.c kms/call.c kms/users/user.c kms/keys/cmk.c kms/keys/materials.c kms/keys/tags.c kms/keys/key_state.c */
/*
 * The KMS's audit trail and the disk. A record must be on the disk before the KMS answers the call.
 * If the disk fails, the call fails. This test counts the calls of fdatasync() and can make them
 * fail.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "lib/base/json.h"
#include "kms/audit/kms_audit.h"
#include "kms/audit/strangers.h"

#define KEY_ARN "arn:aws:kms:ap-southeast-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab"

static struct {
	unsigned int syncs;
	off_t size;	    /* of the file at the last sync */
	int error;	    /* what the disk answers */
	unsigned int fails; /* so many times it answers EIO */
} disk;

/* Replaces the C library's. */
int fdatasync(int fd)
{
	struct stat st;

	if (disk.fails) {
		disk.fails--;
		errno = EIO;
		return -1;
	}
	if (disk.error) {
		errno = disk.error;
		return -1;
	}
	assert_int_equal(fstat(fd, &st), 0);
	disk.syncs++;
	disk.size = st.st_size;
	return (int)syscall(SYS_fdatasync, fd);
}

struct fixture {
	char folder[64];
	char path[96];
	char head[96];
	char moved[104]; /* "" before */
	struct secret *root;
	struct kms kms;
	struct call call;
	struct principal caller;
	sd_event *event;
};

static void open_trail(struct fixture *x)
{
	struct audit_setup how = {
		x->path, x->head, x->root, "us-east-1", x->kms.account, x->event
	};
	struct fault f;

	if (audit_open(&how, &x->kms.audit, &f))
		fail_msg("%s", f.message);
}

static int setup(void **state)
{
	struct fixture *x = calloc(1, sizeof(*x));

	strcpy(x->folder, "/tmp/kms-audit-test-XXXXXX");
	assert_non_null(mkdtemp(x->folder));
	snprintf(x->path, sizeof(x->path), "%s/audit.jsonl", x->folder);
	x->kms = (struct kms){ .account = "123456789012" };
	assert_true(sd_event_new(&x->event) >= 0);
	snprintf(x->head, sizeof(x->head), "%s/kms.counter", x->folder);
	x->root = secret_new(32);
	assert_non_null(x->root);
	open_trail(x);
	x->caller = (struct principal){ .name = "admin",
					.account = "123456789012",
					.access_key = "AKIAADMIN00000000001" };
	x->call = (struct call){ .kms = &x->kms,
				 .region = "us-east-1",
				 .account = x->kms.account,
				 .operation = "Decrypt",
				 .request_id = "id",
				 .caller = &x->caller,
				 .params = json_object_new_object(),
				 .reply = json_object_new_object(),
				 .read_only = true };
	memset(&disk, 0, sizeof(disk));
	*state = x;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *x = *state;

	json_object_put(x->call.params);
	json_object_put(x->call.reply);
	audit_close(x->kms.audit);
	sd_event_unref(x->event);
	secret_free(x->root);
	unlink(x->path);
	unlink(x->moved);
	unlink(x->head);
	rmdir(x->folder);
	free(x);
	return 0;
}

static off_t size_of(const char *path)
{
	struct stat st;

	assert_int_equal(stat(path, &st), 0);
	return st.st_size;
}

/* The last line, parsed; fails the test if it is not a record. */
static struct json_object *last(struct fixture *x)
{
	struct json_object *record = NULL;
	char *line = NULL;
	size_t capacity = 0;
	FILE *file = fopen(x->path, "re");
	ssize_t size;

	assert_non_null(file);
	while ((size = getline(&line, &capacity, file)) > 0) {
		json_object_put(record);
		record = json_parse(line, (size_t)size);
	}
	free(line);
	fclose(file);
	assert_non_null(record);
	return record;
}

static void an_allowed_call_is_on_the_disk(void **state)
{
	struct fixture *x = *state;
	struct fault f;

	assert_int_equal(audit_call(x->kms.audit, &x->call, NULL, &f), 0);
	assert_int_equal(disk.syncs, 1);
	assert_true(disk.size > 0);
	assert_int_equal(disk.size, size_of(x->path));
}

/*
 * A renewal is a dry run, and the answer to a dry run is a fault. Its record need not wait for the
 * disk.
 */
static void a_refused_call_waits_for_no_disk(void **state)
{
	const struct fault refusal = { "DryRunOperationException", "would have succeeded" };
	struct fixture *x = *state;
	struct fault f;

	/* The first record of a file is an exception: were it lost, nobody would miss the file. */
	assert_int_equal(audit_call(x->kms.audit, &x->call, &refusal, &f), 0);
	assert_int_equal(disk.syncs, 1);
	assert_int_equal(audit_call(x->kms.audit, &x->call, &refusal, &f), 0);
	assert_int_equal(disk.syncs, 1);
	assert_true(size_of(x->path) > 0);
}

static void the_end_of_a_key_is_on_the_disk(void **state)
{
	const struct cmk cmk = { .key_id = "1234abcd-12ab-34cd-56ef-1234567890ab",
				 .account = "123456789012",
				 .region = "us-east-1" };
	struct fixture *x = *state;
	struct fault f;

	assert_int_equal(audit_key_deleted(x->kms.audit, &cmk, &f), 0);
	assert_int_equal(disk.syncs, 1);
	assert_int_equal(disk.size, size_of(x->path));
}

static void a_disk_that_keeps_nothing_is_a_fault(void **state)
{
	_cleanup_json_ struct json_object *record = NULL;
	struct fixture *x = *state;
	struct fault f;

	disk.error = EIO;
	assert_int_equal(audit_call(x->kms.audit, &x->call, NULL, &f), -1);
	assert_string_equal(f.code, "KMSInternalException");
	assert_non_null(strstr(f.message, "audit trail"));
	disk.error = 0;
	assert_int_equal(audit_call(x->kms.audit, &x->call, NULL, &f), 0);
	record = last(x);
	assert_string_equal(json_get_string(record, "eventName"), "Decrypt");
	assert_false(json_has(record, "errorCode"));
}

/* logrotate's part: gives the trail a new file. */
static void move_away(struct fixture *x)
{
	snprintf(x->moved, sizeof(x->moved), "%s.1", x->path);
	assert_int_equal(rename(x->path, x->moved), 0);
}

/* What the head says: how many records are on the disk. */
static long long synced(struct fixture *x)
{
	static const off_t slots[] = { 8192, 12288 };
	long long sequence, most = -1, on_disk;
	int fd = open(x->head, O_RDONLY | O_CLOEXEC);
	char text[160];

	for (int i = 0; i < 2; i++) {
		if (pread(fd, text, sizeof(text), slots[i]) != (ssize_t)sizeof(text) ||
		    sscanf(text, "audit head %lld %lld ", &sequence, &on_disk) != 2)
			continue;
		most = on_disk > most ? on_disk : most;
	}
	close(fd);
	return most;
}

/* Of the records in the old file nobody waits for the last one, and the head says that it is on the disk. */
static void a_file_that_is_moved_away_is_on_the_disk(void **state)
{
	const struct fault refusal = { "DryRunOperationException", "would have succeeded" };
	struct fixture *x = *state;
	struct fault f;

	assert_int_equal(audit_call(x->kms.audit, &x->call, NULL, &f), 0);
	assert_int_equal(audit_call(x->kms.audit, &x->call, &refusal, &f), 0);
	assert_int_equal(synced(x), 1);
	move_away(x);
	assert_int_equal(audit_call(x->kms.audit, &x->call, NULL, &f), 0);
	assert_int_equal(disk.syncs, 3); /* the first record, the old file, the new one */
	assert_int_equal(synced(x), 3);
}

static void a_file_that_is_not_on_the_disk_is_not_said_to_be(void **state)
{
	const struct fault refusal = { "DryRunOperationException", "would have succeeded" };
	struct fixture *x = *state;
	struct fault f;

	assert_int_equal(audit_call(x->kms.audit, &x->call, NULL, &f), 0);
	assert_int_equal(audit_call(x->kms.audit, &x->call, &refusal, &f), 0);
	move_away(x);
	disk.fails = 1;
	assert_int_equal(audit_call(x->kms.audit, &x->call, NULL, &f), 0);
	assert_int_equal(disk.fails, 0);
	assert_int_equal(audit_call(x->kms.audit, &x->call, NULL, &f), 0);
	assert_int_equal(synced(x), 1);
}

/* The KMS was stopped before the file was moved away. */
static void a_start_puts_the_moved_file_on_the_disk(void **state)
{
	const struct fault refusal = { "DryRunOperationException", "would have succeeded" };
	struct fixture *x = *state;
	struct fault f;

	assert_int_equal(audit_call(x->kms.audit, &x->call, NULL, &f), 0);
	for (int fails = 1; fails >= 0; fails--) {
		assert_int_equal(audit_call(x->kms.audit, &x->call, &refusal, &f), 0);
		audit_close(x->kms.audit);
		move_away(x);
		disk.syncs = 0;
		disk.fails = (unsigned int)fails;
		open_trail(x);
		assert_int_equal(disk.syncs, 1 - fails);
		assert_int_equal(audit_call(x->kms.audit, &x->call, NULL, &f), 0);
		assert_int_equal(synced(x), fails ? 1 : 5);
	}
}

/* A trail that is a pipe or a terminal has no disk. */
static void a_pipe_needs_no_sync(void **state)
{
	struct fixture *x = *state;
	struct fault f;

	disk.error = EINVAL;
	assert_int_equal(audit_call(x->kms.audit, &x->call, NULL, &f), 0);
}

static void a_torn_line_is_found_at_the_start(void **state)
{
	_cleanup_json_ struct json_object *record = NULL;
	struct fixture *x = *state;
	struct fault f;

	assert_int_equal(audit_call(x->kms.audit, &x->call, NULL, &f), 0);
	assert_int_equal(truncate(x->path, size_of(x->path) - 10), 0);
	audit_close(x->kms.audit);
	open_trail(x);
	assert_int_equal(audit_call(x->kms.audit, &x->call, NULL, &f), 0);
	record = last(x);
	assert_string_equal(json_get_string(record, "eventName"), "Decrypt");
}

/* Quotation marks: JSON needs two bytes for each. */
static void fill(char *field, size_t size)
{
	memset(field, '"', size - 1);
	field[size - 1] = '\0';
}

static void strangers_write_little_however_many_they_are(void **state)
{
	struct fixture *x = *state;
	struct fault refusal, f;

	x->call.caller = NULL;
	fill(x->call.user_agent, sizeof(x->call.user_agent));
	fill(x->call.access_key, sizeof(x->call.access_key));
	fill(x->call.operation, sizeof(x->call.operation));
	fill(refusal.message, sizeof(refusal.message));
	for (unsigned int i = 0; i < 1000; i++) {
		snprintf(refusal.code, sizeof(refusal.code), "Exception%u", i % 20);
		assert_int_equal(audit_call(x->kms.audit, &x->call, &refusal, &f), 0);
	}
	audit_close(x->kms.audit); /* ends the window */
	x->kms.audit = NULL;
	assert_true(size_of(x->path) > 1000);
	assert_true(size_of(x->path) < STRANGERS_SECONDS * STRANGERS_BYTES);
	_cleanup_json_ struct json_object *record = last(x);
	assert_string_equal(json_get_string(record, "eventName"), "UnauthenticatedCalls");
	assert_int_equal(json_get_int(json_get_object(record, "serviceEventDetails"),
				      "callsWithoutRecord", 0),
			 1000 - STRANGERS_SINGLE);
}

/* What a revocation records is bounded, so that the reserve has room for AUDIT_URGENT_RECORDS. */
static void the_largest_revocation_fits_into_its_part_of_the_reserve(void **state)
{
	struct fixture *x = *state;
	struct fault f;

	memset(x->caller.name, 'n', sizeof(x->caller.name) - 1);
	memset(x->caller.access_key, 'A', sizeof(x->caller.access_key) - 1);
	fill(x->call.user_agent, sizeof(x->call.user_agent));
	strcpy(x->call.operation, "ScheduleKeyDeletion");
	strcpy(x->call.request_id, "1234abcd-12ab-34cd-56ef-1234567890ab");
	strcpy(x->call.source, "127.0.0.1");
	x->call.pid = INT32_MAX;
	x->call.uid = UINT32_MAX - 1;
	x->call.read_only = false;
	json_add_string(x->call.params, "KeyId", KEY_ARN);
	json_add_int(x->call.params, "PendingWindowInDays", 30);
	json_add_string(x->call.reply, "KeyId", KEY_ARN);
	json_add_int(x->call.reply, "DeletionDate", INT64_MAX);
	json_add_string(x->call.reply, "KeyState", "PendingDeletion");
	json_add_int(x->call.reply, "PendingWindowInDays", 30);
	call_touch(&x->call, KEY_ARN);
	assert_int_equal(audit_call(x->kms.audit, &x->call, NULL, &f), 0);
	assert_true(size_of(x->path) > 1000);
	/* The numbers of its place in the chain may have more digits. */
	if (size_of(x->path) + 60 > AUDIT_URGENT_MAX)
		fail_msg("the record has %lld bytes", (long long)size_of(x->path));
}

#define AUDIT_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		AUDIT_TEST(an_allowed_call_is_on_the_disk),
		AUDIT_TEST(a_refused_call_waits_for_no_disk),
		AUDIT_TEST(the_end_of_a_key_is_on_the_disk),
		AUDIT_TEST(a_disk_that_keeps_nothing_is_a_fault),
		AUDIT_TEST(a_file_that_is_moved_away_is_on_the_disk),
		AUDIT_TEST(a_file_that_is_not_on_the_disk_is_not_said_to_be),
		AUDIT_TEST(a_start_puts_the_moved_file_on_the_disk),
		AUDIT_TEST(a_pipe_needs_no_sync),
		AUDIT_TEST(a_torn_line_is_found_at_the_start),
		AUDIT_TEST(strangers_write_little_however_many_they_are),
		AUDIT_TEST(the_largest_revocation_fits_into_its_part_of_the_reserve),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("kms_audit", tests, NULL, NULL);
}
