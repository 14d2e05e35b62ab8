// SPDX-License-Identifier: MIT
/* sources: ../tests/unit/kms_fixture.c ../tests/unit/memory_search.c */
/*
 * The memory of a worker at its exit holds the data key only in the shared block, which the agent
 * wipes. The kernel frees the pages of a process unwiped. The worker of a renewal needs no data
 * key, so it gets no private key that opens one.
 * ptrace stops the worker at its exit, while its memory is still there, and the test searches the
 * memory. The worker must be the release build: AddressSanitizer brings an allocator that keeps
 * freed blocks, which makes the sanitized build the negative control.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#include "kms_fixture.h"
#include "lib/base/base64.h"
#include "lib/base/config.h"
#include "lib/base/file.h"
#include "lib/base/json.h"
#include "lib/kms/worker.h"
#include "memory_search.h"

/* Bytes of the DER of an RSA-2048 private key that the DER of a public key lacks. */
static const uint8_t private_key[] = { 0x02, 0x01, 0x00, 0x02, 0x82, 0x01, 0x01, 0x00 };

static const struct kms_fixture *kms;

struct answer {
	bool done;
	enum kms_outcome outcome;
	struct json_object *response;
	struct secret *plaintext;
};

static void on_done(struct kms_worker *worker, enum kms_outcome outcome, const struct fault *f,
		    struct json_object *response, struct secret *plaintext, void *userdata)
{
	*(struct answer *)userdata = (struct answer){
		true,
		outcome,
		json_object_get(response),
		plaintext,
	};
}

static struct config config_for(bool tls)
{
	return (struct config){
		.region = (char *)"us-east-1",
		.kms_endpoint = (char *)(tls ? kms->tls_endpoint : kms->endpoint),
		.ca_file = (char *)(tls ? kms->ca_file : ""),
		.credentials_file = (char *)kms->credentials,
		.profile = (char *)"enveloped",
		.worker = (char *)"",
		.proxy = (char *)"",
		.kms_timeout_seconds = 30,
	};
}

static pid_t newest_child(void)
{
	char path[64], text[256] = { 0 }, *at = text, *end;
	long pid, last = 0;
	int fd;

	snprintf(path, sizeof(path), "/proc/self/task/%d/children", getpid());
	fd = open(path, O_RDONLY | O_CLOEXEC);
	assert_true(read(fd, text, sizeof(text) - 1) > 0);
	close(fd);
	while ((pid = strtol(at, &end, 10)) > 0) {
		if (pid != kms->pid)
			last = pid;
		at = end;
	}
	return (pid_t)last;
}

static struct answer finish(sd_event *e, struct answer *answer)
{
	while (!answer->done)
		assert_true(sd_event_run(e, UINT64_MAX) >= 0);
	sd_event_unref(e);
	assert_int_equal(answer->outcome, KMS_OK);
	return *answer;
}

static struct answer ask(const struct config *cfg, const char *operation,
			 struct json_object *request)
{
	struct answer answer = { 0 };
	sd_event *e;

	assert_true(sd_event_new(&e) >= 0);
	assert_int_equal(kms_worker_start(e, cfg, operation, request, on_done, &answer, NULL, NULL),
			 0);
	json_object_put(request);
	return finish(e, &answer);
}

static struct answer data_key(const struct config *cfg)
{
	struct answer key = ask(cfg, "GenerateDataKey",
				json("{\"KeyId\":\"%s\",\"NumberOfBytes\":64}", kms->key_arn));

	assert_non_null(key.plaintext);
	return key;
}

/* A Decrypt of @key's blob; the worker is searched as it exits. */
static struct findings search_at_exit(const struct config *cfg, const struct answer *key,
				      bool dry_run, const struct needle *needles,
				      struct answer *answer)
{
	struct json_object *request = json("{\"KeyId\":\"%s\",\"CiphertextBlob\":\"%s\"%s}",
					   kms->key_arn,
					   json_get_string(key->response, "CiphertextBlob"),
					   dry_run ? ",\"DryRun\":true" : "");
	struct findings found;
	sd_event *e;
	pid_t pid;

	*answer = (struct answer){ 0 };
	assert_true(sd_event_new(&e) >= 0);
	assert_int_equal(kms_worker_start(e, cfg, "Decrypt", request, on_done, answer, NULL, NULL),
			 0);
	pid = newest_child();
	memory_hold_at_exit(pid);
	memory_run_to_exit(pid);
	found = memory_search(pid, needles);
	ptrace(PTRACE_DETACH, pid, NULL, 0);
	finish(e, answer);
	json_object_put(request);
	return found;
}

static void drop(struct answer *answer)
{
	secret_free(answer->plaintext);
	json_object_put(answer->response);
}

/* Searches the worker at @program for both halves of the data key, in raw and in base64. */
static struct findings search_for_data_key(const char *program, bool tls)
{
	const struct config cfg = config_for(tls);
	struct answer key, again;
	struct findings found;
	char *base64;

	setenv("ENVELOPE_WORKER", program, 1);
	key = data_key(&cfg);
	base64 = base64_encode(key.plaintext->bytes, 48); /* 48 bytes are whole base64 groups */
	{
		const struct needle needles[] = {
			{ key.plaintext->bytes, 16 },
			{ key.plaintext->bytes + 48, 16 },
			{ base64, 32 },
			{ 0 },
		};

		found = search_at_exit(&cfg, &key, false, needles, &again);
	}
	assert_non_null(again.plaintext);
	assert_true(secret_equal(key.plaintext, again.plaintext));
	explicit_bzero(base64, strlen(base64));
	free(base64);
	drop(&key);
	drop(&again);
	return found;
}

/* The release build: beside the sanitized one that this test is in, or of this folder. */
static const char *release_worker(void)
{
	static char path[3100];

#ifdef __SANITIZE_ADDRESS__
	snprintf(path, sizeof(path), "%s/../userspace/envelope-kms-worker", kms->programs);
#else
	snprintf(path, sizeof(path), "%s/envelope-kms-worker", kms->programs);
#endif
	return path;
}

static void need_release_worker(void)
{
	if (access(release_worker(), X_OK)) {
		print_message("%s is not built: make userspace\n", release_worker());
		skip();
	}
}

static void the_key_is_in_the_shared_block_only(bool tls)
{
	struct findings found;

	need_release_worker();
	found = search_for_data_key(release_worker(), tls);
	/* Control: the search finds the key in the shared block. */
	assert_int_equal(found.in_block, 2);
	if (found.elsewhere)
		fail_msg("%u copies elsewhere, the last in %s", found.elsewhere, found.where);
}

static void nothing_is_left_of_a_key_from_the_socket(void **state)
{
	the_key_is_in_the_shared_block_only(false);
}

static void nothing_is_left_of_a_key_from_tls(void **state)
{
	the_key_is_in_the_shared_block_only(true);
}

/* A Decrypt of @key's blob whose KMS does not answer yet; returns the worker's pid. */
static pid_t ask_in_vain(sd_event *e, const struct config *cfg, const struct answer *key,
			 bool dry_run, struct answer *answer)
{
	struct json_object *request = json("{\"KeyId\":\"%s\",\"CiphertextBlob\":\"%s\"%s}",
					   kms->key_arn,
					   json_get_string(key->response, "CiphertextBlob"),
					   dry_run ? ",\"DryRun\":true" : "");

	*answer = (struct answer){ 0 };
	kill(kms->pid, SIGSTOP);
	assert_int_equal(kms_worker_start(e, cfg, "Decrypt", request, on_done, answer, NULL, NULL),
			 0);
	json_object_put(request);
	return newest_child();
}

/* Searches the worker after it has sent its request, which holds copies of the credentials. */
static struct findings search_asking(pid_t pid, const struct credentials *c,
				     const struct needle *needles)
{
	const struct needle asking[] = { { c->secret_key, strlen(c->secret_key) }, { 0 } };

	for (int i = 0; i < 600 && !memory_search(pid, asking).elsewhere; i++)
		usleep(50000);
	return memory_search(pid, needles);
}

static void use_release_worker(struct credentials *c)
{
	need_release_worker();
	setenv("ENVELOPE_WORKER", release_worker(), 1);
	assert_int_equal(credentials_load(kms->credentials, "enveloped", c, NULL), 0);
}

static void a_renewal_has_no_private_key(void **state)
{
	static const struct needle needles[] = { { private_key, sizeof(private_key) }, { 0 } };
	const struct config cfg = config_for(false);
	struct answer key;
	struct credentials c;

	use_release_worker(&c);
	key = data_key(&cfg);
	for (int dry_run = 0; dry_run <= 1; dry_run++) {
		struct answer answer;
		struct findings found;
		sd_event *e;

		assert_true(sd_event_new(&e) >= 0);
		found = search_asking(ask_in_vain(e, &cfg, &key, dry_run, &answer), &c, needles);
		kill(kms->pid, SIGCONT);
		finish(e, &answer);
		/* Control: the worker of a data key call holds a private key. */
		assert_int_equal(found.in_block, !dry_run);
		if (found.elsewhere)
			fail_msg("a private key in %s", found.where);
		assert_int_equal(!answer.plaintext, dry_run);
		drop(&answer);
	}
	credentials_wipe(&c);
	drop(&key);
}

/*
 * Stops the worker @pid at its exit and checks that no @needles are left; @status: its exit status.
 */
static struct findings search_at_end(pid_t pid, const struct needle *needles, unsigned long *status)
{
	struct findings found;

	memory_run_to_exit(pid);
	found = memory_search(pid, needles);
	ptrace(PTRACE_GETEVENTMSG, pid, NULL, status);
	ptrace(PTRACE_DETACH, pid, NULL, 0);
	kill(kms->pid, SIGCONT);
	return found;
}

/*
 * A worker whose KMS does not answer holds copies of the credentials in its request. To end the
 * worker, the agent sends SIGTERM, and SIGKILL two seconds later.
 */
static void a_terminated_worker_wipes_first(void **state)
{
	const struct config cfg = config_for(false);
	struct findings before, after;
	struct answer key, none;
	struct credentials c;
	unsigned long status;
	sd_event *e;
	pid_t pid;

	use_release_worker(&c);
	key = data_key(&cfg);
	assert_true(sd_event_new(&e) >= 0);
	pid = ask_in_vain(e, &cfg, &key, false, &none);
	{
		const struct needle needles[] = { { c.secret_key, strlen(c.secret_key) }, { 0 } };

		before = search_asking(pid, &c, needles);
		memory_hold_at_exit(pid);
		kill(pid, SIGTERM);
		after = search_at_end(pid, needles, &status);
	}
	credentials_wipe(&c);
	while (!none.done)
		assert_true(sd_event_run(e, UINT64_MAX) >= 0);
	sd_event_unref(e);
	drop(&key);
	assert_int_not_equal(none.outcome, KMS_OK);
	/* Control: the secrets were there before. */
	assert_true(before.elsewhere > 0);
	assert_true(WIFEXITED(status));
	if (after.elsewhere)
		fail_msg("%u copies, the last in %s", after.elsewhere, after.where);
}

/* A profile whose program prints the keys of @c. */
static void make_program(const struct credentials *c, char profile[160])
{
	char text[1024], keys[160];

	snprintf(keys, 160, "%s/keys.json", kms->directory);
	snprintf(profile, 160, "%s/program", kms->directory);
	snprintf(text, sizeof(text),
		 "{\"Version\":1,\"AccessKeyId\":\"%s\",\"SecretAccessKey\":\"%s\"}", c->access_key,
		 c->secret_key);
	assert_int_equal(file_create(keys, 0644, text, strlen(text), NULL), 0);
	snprintf(text, sizeof(text), "[enveloped]\ncredential_process=/bin/cat %s\n", keys);
	assert_int_equal(file_create(profile, 0600, text, strlen(text), NULL), 0);
}

/* The worker parses what the program prints, and hands it to the agent in the block alone. */
static void credentials_of_a_program_are_left_in_the_block_only(void **state)
{
	struct config cfg = config_for(false);
	struct findings before, after;
	struct answer key, answer;
	struct credentials c;
	unsigned long status;
	char profile[160];
	sd_event *e;
	pid_t pid;

	use_release_worker(&c);
	key = data_key(&cfg);
	make_program(&c, profile);
	cfg.credentials_file = profile;
	assert_true(sd_event_new(&e) >= 0);
	pid = ask_in_vain(e, &cfg, &key, true, &answer);
	{
		const struct needle needles[] = { { c.secret_key, strlen(c.secret_key) }, { 0 } };

		before = search_asking(pid, &c, needles);
		memory_hold_at_exit(pid);
		kill(kms->pid, SIGCONT);
		after = search_at_end(pid, needles, &status);
	}
	credentials_wipe(&c);
	finish(e, &answer);
	drop(&answer);
	drop(&key);
	assert_true(before.elsewhere > 0);
	assert_true(WIFEXITED(status));
	assert_int_equal(after.in_block, 1);
	if (after.elsewhere)
		fail_msg("%u copies, the last in %s", after.elsewhere, after.where);
}

/* A separate agent, which reports the worker's pid and runs until it is killed. */
static void be_an_agent(int to_test)
{
	const struct config cfg = config_for(false);
	struct answer key, none;
	sd_event *e;
	pid_t pid;

	/* The fork's copy of this process's key pair is wiped, so the fork makes another. */
	kms_worker_end_all();
	key = data_key(&cfg);
	if (sd_event_new(&e) < 0)
		_exit(1);
	pid = ask_in_vain(e, &cfg, &key, false, &none);
	if (write(to_test, &pid, sizeof(pid)) != sizeof(pid))
		_exit(1);
	for (;;)
		pause();
}

/*
 * After the agent was killed only the worker can wipe the shared block. The kernel frees the block
 * when the last of the two processes ends.
 */
static void a_worker_whose_agent_is_killed_wipes_the_block(void **state)
{
	struct findings before, after;
	struct credentials c;
	unsigned long status;
	pid_t agent, pid;
	int from_agent[2];

	use_release_worker(&c);
	assert_int_equal(pipe(from_agent), 0);
	agent = fork();
	if (!agent)
		be_an_agent(from_agent[1]);
	assert_int_equal(read(from_agent[0], &pid, sizeof(pid)), sizeof(pid));
	{
		const struct needle needles[] = { { c.secret_key, strlen(c.secret_key) },
						  { private_key, sizeof(private_key) },
						  { 0 } };

		before = search_asking(pid, &c, needles);
		memory_hold_at_exit(pid);
		kill(agent, SIGKILL);
		assert_int_equal(waitpid(agent, NULL, 0), agent);
		after = search_at_end(pid, needles, &status);
	}
	close(from_agent[0]);
	close(from_agent[1]);
	credentials_wipe(&c);
	/* Control: the credentials and the private key were in the block. */
	assert_int_equal(before.in_block, 2);
	assert_true(WIFEXITED(status));
	if (after.in_block || after.elsewhere)
		fail_msg("%u copies in the shared block, %u elsewhere", after.in_block,
			 after.elsewhere);
}

#ifdef __SANITIZE_ADDRESS__
/* Negative control: without wipe_malloc.c the same search finds copies in freed blocks. */
static void copies_are_left_without_the_wiping_allocator(void **state)
{
	char program[3100];

	snprintf(program, sizeof(program), "%s/envelope-kms-worker", kms->programs);
	assert_true(search_for_data_key(program, true).elsewhere > 0);
}
#endif

static int set_up(void **state)
{
	if (geteuid()) {
		fprintf(stderr, "needs root, to read the memory of another user's process\n");
		return -1;
	}
	kms = kms_fixture_start();
	return kms ? 0 : -1;
}

static int tear_down(void **state)
{
	kill(kms->pid, SIGCONT);
	return kms_fixture_stop();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_is_left_of_a_key_from_the_socket),
		cmocka_unit_test(nothing_is_left_of_a_key_from_tls),
		cmocka_unit_test(a_renewal_has_no_private_key),
		cmocka_unit_test(a_terminated_worker_wipes_first),
		cmocka_unit_test(credentials_of_a_program_are_left_in_the_block_only),
		cmocka_unit_test(a_worker_whose_agent_is_killed_wipes_the_block),
#ifdef __SANITIZE_ADDRESS__
		cmocka_unit_test(copies_are_left_without_the_wiping_allocator),
#endif
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
