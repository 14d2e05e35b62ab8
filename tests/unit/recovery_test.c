// SPDX-License-Identifier: MIT
/* sources: agent/lease/kms_call.c agent/lease/endpoint_turn.c agent/audit/agent_audit.c agent/audit/agent_record.c agent/catalog/cluster.c agent/api/cluster_json.c agent/lease/lease.c */
/* sources: ../tests/unit/kms_fixture.c ../tests/unit/luks2_forge.c */
/*
 * A volume made by dm-envelope's code, with the agent's own requests to the KMS, in the hands of
 * stock tools: blkid and cryptsetup recognise it, and docs/recover-volume-key gets its key from
 * the KMS with the AWS CLI. The last step here is `cryptsetup open --test-passphrase`;
 * tests/integration/recovery goes on to the data.
 *
 * Also the end of the chain of trust: the KMS refuses the key of each forged header that the
 * profile lets through.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/lease/kms_call.h"
#include "agent/lease/newest_change.h"
#include "kms_fixture.h"
#include "lib/base/base64.h"
#include "lib/base/json.h"
#include "lib/header/header.h"
#include "lib/kms/worker.h"
#include "luks2_forge.h"

#define OTHER_KEY "arn:aws:kms:us-east-1:123456789012:key/9999abcd-12ab-34cd-56ef-1234567890ab"

static const struct kms_fixture *kms;
static struct agent agent;
static char image[128], key_file[128];
static struct volume_header header;
static char output[16384];

/* ---- creating the volume as the agent does ---- */

struct answer {
	bool done;
	enum kms_outcome outcome;
	struct fault fault;
	struct json_object *response;
	struct secret *plaintext;
};

static void on_done(struct kms_worker *worker, enum kms_outcome outcome, const struct fault *f,
		    struct json_object *response, struct secret *plaintext, void *userdata)
{
	*(struct answer *)userdata = (struct answer){
		true, outcome, *f, json_object_get(response), plaintext,
	};
}

int newest_change_copy(struct agent *of, struct kms_change **ret)
{
	*ret = NULL;
	return 0;
}

int64_t newest_change_in(const struct kms_change *copy, const char *kms_name)
{
	return 0;
}

void newest_change_free(struct kms_change *copy)
{
}

int64_t newest_change(struct agent *of, const char *kms_name)
{
	return 0;
}

/* Calls the KMS as the agent does, which also writes the call into the audit trail. */
static struct answer ask(const char *operation, struct json_object *request)
{
	const struct cluster asking = { .agent = &agent };
	struct answer answer = { 0 };
	struct fault f = { 0 };

	agent.config = (struct config){
		.region = (char *)"us-east-1",
		.kms_endpoint = (char *)kms->endpoint,
		.ca_file = (char *)"",
		.proxy = (char *)"",
		.credentials_file = (char *)kms->credentials,
		.profile = (char *)"enveloped",
		.worker = (char *)"",
		.kms_timeout_seconds = 30,
	};
	assert_true(sd_event_new(&agent.event) >= 0);
	if (kms_call_begin(&asking, operation, request, kms->key_arn, NULL, on_done, &answer, &f))
		fail_msg("%s: %s", operation, f.message);
	while (!answer.done)
		assert_true(sd_event_run(agent.event, UINT64_MAX) >= 0);
	sd_event_unref(agent.event);
	return answer;
}

static void expect(const struct answer *answer, enum kms_outcome outcome, const char *code)
{
	if (answer->outcome != outcome || strcmp(answer->fault.code, code))
		fail_msg("expected %s %s, seen %s %s: %s", kms_outcome_name(outcome), code,
			 kms_outcome_name(answer->outcome), answer->fault.code,
			 answer->fault.message);
}

static struct json_object *decrypt_request(const struct volume_header *h)
{
	struct cluster cluster = { 0 };

	cluster_from_header(&cluster, h);
	return kms_decrypt(&cluster, h->wrapped_key, h->wrapped_key_size, h->header_sha256, false);
}

static void seal(struct cluster *cluster, struct json_object *generated)
{
	struct answer sealed;
	struct fault f = { 0 };
	uint8_t *blob;
	size_t size;

	strcpy(cluster->header_sha256, header.header_sha256);
	sealed = ask("ReEncrypt", kms_seal(cluster, json_get_string(generated, "CiphertextBlob")));
	expect(&sealed, KMS_OK, "");
	assert_int_equal(base64_decode(json_get_string(sealed.response, "CiphertextBlob"), &blob,
				       &size),
			 0);
	if (header_set_wrapped_key(image, -1, &header, blob, size, &f))
		fail_msg("%s", f.message);
	free(blob);
	json_object_put(sealed.response);
}

static int make_volume(void **state)
{
	const struct volume_identity identity = {
		.volume_id = "vol-0123456789abcdef0",
		.cluster_id = "orders-db1",
		.db_cluster_resource_id = "cluster-ABCDEFGHIJKLMNOPQRSTUVWXYZ",
		.key_arn = kms->key_arn,
		.region = "us-east-1",
		.account = "123456789012",
	};
	struct answer generated, decrypted;
	struct cluster cluster = { 0 };
	struct fault f = { 0 };
	int fd;

	snprintf(image, sizeof(image), "%s/volume.img", kms->directory);
	snprintf(key_file, sizeof(key_file), "%s/volume.key", kms->directory);
	unlink(key_file);
	fd = open(image, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	assert_int_equal(ftruncate(fd, 8 << 20), 0);
	close(fd);
	strcpy(cluster.volume_id, identity.volume_id);
	strcpy(cluster.resource_id, identity.db_cluster_resource_id);
	strcpy(cluster.key_arn, identity.key_arn);

	generated = ask("GenerateDataKeyWithoutPlaintext", kms_generate(&cluster));
	expect(&generated, KMS_OK, "");
	assert_null(generated.plaintext);
	decrypted = ask("Decrypt", kms_decrypt_new(&cluster, json_get_string(generated.response,
									     "CiphertextBlob")));
	expect(&decrypted, KMS_OK, "");
	if (header_format(image, -1, &identity, decrypted.plaintext, &header, &f))
		fail_msg("%s", f.message);
	seal(&cluster, generated.response);
	json_object_put(generated.response);
	json_object_put(decrypted.response);
	secret_free(decrypted.plaintext);
	return 0;
}

/* ---- stock tools ---- */

/* Runs a shell command; its output is in @output. Returns its exit status. */
__attribute__((format(printf, 1, 2))) static int shell(const char *fmt, ...)
{
	char command[8192];
	size_t size;
	FILE *pipe;
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(command, sizeof(command), fmt, ap);
	va_end(ap);
	pipe = popen(command, "r");
	assert_non_null(pipe);
	size = fread(output, 1, sizeof(output) - 1, pipe);
	output[size] = '\0';
	return WEXITSTATUS(pclose(pipe));
}

static void output_has(const char *text)
{
	if (!strstr(output, text))
		fail_msg("expected \"%s\" in:\n%s", text, output);
}

/* The docs folder of the checkout, where the tests are built or run. */
static const char *docs(void)
{
	static const char *const above[] = { "docs", "../docs", "../../docs", NULL };
	static char path[4096];

	snprintf(path, sizeof(path), "%s/../../docs", kms->programs);
	for (size_t i = 0; above[i] && access(path, F_OK); i++)
		strcpy(path, above[i]);
	return path;
}

static int recover(const char *profile)
{
	return shell("unset AWS_CONFIG_FILE; PATH=/usr/bin:/usr/sbin:/sbin:/bin AWS_SHARED_CREDENTIALS_FILE=%s "
		     "AWS_EC2_METADATA_DISABLED=true "
		     "%s/recover-volume-key %s %s --endpoint-url %s --ca-bundle %s --profile %s 2>&1",
		     kms->credentials, docs(), image, key_file, kms->tls_endpoint, kms->ca_file,
		     profile);
}

static void blkid_knows_the_volume(void **state)
{
	assert_int_equal(shell("blkid -p -o export %s", image), 0);
	output_has("TYPE=crypto_LUKS");
	output_has("SUBSYSTEM=dm-envelope");
	output_has("LABEL=orders-db1");
	output_has(header.uuid);
}

static void luks_dump_knows_the_volume(void **state)
{
	assert_int_equal(shell("cryptsetup luksDump %s", image), 0);
	output_has("Subsystem:     \tdm-envelope");
	output_has("cipher: aes-xts-plain64");
	output_has("sector: 4096 [bytes]");
	output_has("offset: 1048576 [bytes]");
	output_has("0: envelope");
}

static void a_second_implementation_finds_the_same_hash(void **state)
{
	char line[80];

	assert_int_equal(shell("%s/recover-volume-key --show %s 2>&1", docs(), image), 0);
	snprintf(line, sizeof(line), "\nsha256 %s\n", header.header_sha256);
	output_has(line);
	luks2_forge(image, "/segments/0/offset", "\"2097152\"");
	assert_int_equal(shell("%s/recover-volume-key --show %s 2>&1", docs(), image), 0);
	assert_null(strstr(output, header.header_sha256));
}

/* Turns one bit of the key file over: a fixed byte would be the key's own in one run of 256. */
static void damage_key_file(void)
{
	int fd = open(key_file, O_RDWR | O_CLOEXEC);
	uint8_t byte;

	assert_true(fd >= 0);
	assert_int_equal(pread(fd, &byte, 1, 0), 1);
	byte ^= 1;
	assert_int_equal(pwrite(fd, &byte, 1, 0), 1);
	close(fd);
}

static void the_key_is_recovered_and_opens_the_volume(void **state)
{
	struct stat st;

	if (recover("admin"))
		fail_msg("%s", output);
	assert_int_equal(stat(key_file, &st), 0);
	assert_int_equal(st.st_size, VOLUME_KEY_SIZE);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_int_equal(shell("cryptsetup open --test-passphrase --type luks2 --volume-key-file %s "
			       "--key-size 512 %s 2>&1",
			       key_file, image),
			 0);
	/* Control: another key does not open it. */
	damage_key_file();
	assert_int_equal(shell("cryptsetup open --test-passphrase --type luks2 --volume-key-file %s "
			       "--key-size 512 %s 2>&1",
			       key_file, image),
			 2);
	output_has("does not match");
}

static void nothing_is_recovered_from_a_forged_header(void **state)
{
	luks2_forge(image, "/segments/0/offset", "\"2097152\"");
	assert_int_equal(recover("admin"), 1);
	output_has("InvalidCiphertextException");
	assert_int_equal(access(key_file, F_OK), -1);
}

static void nothing_is_recovered_once_the_key_is_disabled(void **state)
{
	int status;

	kms_fixture_key("DisableKey", kms->key_arn);
	status = recover("admin");
	kms_fixture_key("EnableKey", kms->key_arn);
	assert_int_equal(status, 1);
	output_has("DisabledException");
}

/* ---- the chain of trust ---- */

static void the_kms_gives_the_key_for_the_header_it_was_wrapped_for(void **state)
{
	struct volume_header read;
	struct fault f = { 0 };
	struct answer answer;

	assert_int_equal(header_read(image, &read, &f), 0);
	answer = ask("Decrypt", decrypt_request(&read));
	expect(&answer, KMS_OK, "");
	assert_int_equal(header_verify_key(image, &read, answer.plaintext, &f), 0);
	json_object_put(answer.response);
	secret_free(answer.plaintext);
}

static void the_kms_refuses_the_key_for_each_forged_header(void **state)
{
	static const struct {
		const char *pointer, *value, *code;
	} forgeries[] = {
		{ "uuid", "11111111-2222-3333-4444-555555555555", "InvalidCiphertextException" },
		{ "/segments/0/sector_size", "512", "InvalidCiphertextException" },
		{ "/segments/0/offset", "\"2097152\"", "InvalidCiphertextException" },
		{ "/segments/0/size", "\"1048576\"", "InvalidCiphertextException" },
		{ "/digests/0/iterations", "2000", "InvalidCiphertextException" },
		{ "/digests/0/digest", "\"W5irWru5ZP+1USStB1rnVDTc+18EKTWuVZsrW35R/ss=\"",
		  "InvalidCiphertextException" },
		{ "/tokens/0/volume_id", "\"vol-ffffffffffffffff0\"",
		  "InvalidCiphertextException" },
		{ "/tokens/0/cluster_id", "\"orders-db2\"", "InvalidCiphertextException" },
		{ "/tokens/0/db_cluster_resource_id", "\"cluster-ZZZZZZZZZZZZZZZZZZZZZZZZZZ\"",
		  "InvalidCiphertextException" },
		{ "/tokens/0/generation", "2", "InvalidCiphertextException" },
		{ "/tokens/0/wrapped_key", "\"AAAA\"", "InvalidCiphertextException" },
		{ "/tokens/0/key_arn", "\"" OTHER_KEY "\"", "NotFoundException" },
	};

	for (size_t i = 0; i < sizeof(forgeries) / sizeof(forgeries[0]); i++) {
		struct volume_header read;
		struct fault f = { 0 };
		struct answer answer;

		make_volume(NULL);
		luks2_forge(image, forgeries[i].pointer, forgeries[i].value);
		if (header_read(image, &read, &f))
			fail_msg("%s: not even read: %s", forgeries[i].pointer, f.message);
		answer = ask("Decrypt", decrypt_request(&read));
		if (answer.outcome != KMS_DENIED || strcmp(answer.fault.code, forgeries[i].code) ||
		    answer.plaintext)
			fail_msg("%s: expected denied %s, seen %s %s", forgeries[i].pointer,
				 forgeries[i].code, kms_outcome_name(answer.outcome),
				 answer.fault.code);
	}
}

/* A call that is missing from the trail was not made, or was made in secret. */
static void each_question_is_in_the_audit_trail(void **state)
{
	static const char *const asked[] = { "GenerateDataKeyWithoutPlaintext", "Decrypt",
					     "ReEncrypt" };
	struct json_object _cleanup_json_ *records = NULL;
	struct fault f;

	/* The last records are of this test's volume. */
	records = audit_read(agent.audit, NULL, 3, &f);
	assert_int_equal(json_object_array_length(records), 3);
	for (size_t i = 0; i < 3; i++) {
		struct json_object *record = json_object_array_get_idx(records, i);

		assert_string_equal(json_get_string(record, "eventName"), asked[i]);
		assert_false(json_has(record, "errorCode"));
	}
}

static int set_up(void **state)
{
	char trail[160];
	struct fault f;

	kms = kms_fixture_start();
	if (!kms)
		return -1;
	snprintf(trail, sizeof(trail), "%s/agent-audit.jsonl", kms->directory);
	return audit_open(trail, "us-east-1", "123456789012", &agent.audit, &f);
}

static int tear_down(void **state)
{
	audit_close(agent.audit);
	return kms_fixture_stop();
}

#define with_volume(function) cmocka_unit_test_setup(function, make_volume)

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		with_volume(blkid_knows_the_volume),
		with_volume(luks_dump_knows_the_volume),
		with_volume(a_second_implementation_finds_the_same_hash),
		with_volume(the_key_is_recovered_and_opens_the_volume),
		with_volume(nothing_is_recovered_from_a_forged_header),
		with_volume(nothing_is_recovered_once_the_key_is_disabled),
		with_volume(the_kms_gives_the_key_for_the_header_it_was_wrapped_for),
		with_volume(the_kms_refuses_the_key_for_each_forged_header),
		with_volume(each_question_is_in_the_audit_trail),
	};

	/* For tests/mutations/run: only the test of that name. */
	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
