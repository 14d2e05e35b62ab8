// SPDX-License-Identifier: MIT
/* sources: worker/credential_process.c worker/complaint.c worker/subtree.c worker/credential_http.c worker/caller.c */
/*
 * When credentials are got anew, how the command of a credential_process is split, what is left of it when
 * its time is over, what is logged of its errors, which texts are no credentials, and how a principal is
 * called. tests/host/agent_credentials.sh has the providers.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/credential_text.h"
#include "lib/kms/credential_cache.h"
#include "worker/caller.h"
#include "worker/complaint.h"
#include "worker/credential_http.h"
#include "worker/credential_process.h"

static void new_credentials_are_sought_ahead_of_the_end(void **state)
{
	static const struct {
		int64_t lifetime;
		unsigned int random;
		int64_t advised, due;
	} rows[] = {
		{ 3600, 0, 2700, 3000 },
		{ 3600, 59, 2641, 3000 },
		{ 3600, 60, 2700, 3000 },
		{ 43200, 1, 42299, 42600 }, /* A short life is used for half of it. */
		{ 900, 5, 450, 600 },
		{ 10, 0, 5, 7 },
		{ 0, 7, 0, 0 },
		{ -5, 7, 0, 0 }, /* Already at its end. */
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		int64_t advised, due;

		credential_times(rows[i].lifetime, rows[i].random, &advised, &due);
		if (advised != rows[i].advised || due != rows[i].due)
			fail_msg("a life of %ld s: expected %ld and %ld, seen %ld and %ld",
				 (long)rows[i].lifetime, (long)rows[i].advised, (long)rows[i].due,
				 (long)advised, (long)due);
	}
}

static void a_command_is_split_and_never_expanded(void **state)
{
	static const struct {
		const char *command, *words[5];
	} rows[] = {
		{ "/bin/a", { "/bin/a" } },
		{ "  /bin/a \t b  ", { "/bin/a", "b" } },
		{ "a 'b c' \"d e\"", { "a", "b c", "d e" } },
		{ "a b\\ c '\\'", { "a", "b c", "\\" } },
		{ "a \"b\\\"c\\\\d\\e\"", { "a", "b\"c\\d\\e" } },
		{ "a '' \"\"", { "a", "", "" } },
		{ "a pre'fix'\"ed\"", { "a", "prefixed" } },
		{ "a $HOME `id` $(id) ~", { "a", "$HOME", "`id`", "$(id)", "~" } },
		{ "a;b > c | d", { "a;b", ">", "c", "|", "d" } },
		{ "a 'b", { NULL } },
		{ "   ", { NULL } },
		{ "", { NULL } },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char **words = credential_process_words(rows[i].command);
		size_t n = 0;

		assert_int_equal(!words, !rows[i].words[0]);
		for (; words && n < 5 && rows[i].words[n]; n++) {
			assert_non_null(words[n]);
			assert_string_equal(words[n], rows[i].words[n]);
		}
		assert_true(!words || !words[n]);
		credential_process_words_free(words);
	}
}

static void a_principal_is_called_the_same_in_each_session(void **state)
{
	static const struct {
		const char *arn, *id, *text;
	} rows[] = {
		{ "arn:aws:sts::123456789012:assumed-role/host/s1", "AROA1:s1",
		  "arn:aws:sts::123456789012:assumed-role/host (AROA1)" },
		{ "arn:aws:sts::123456789012:assumed-role/host/other", "AROA1:other",
		  "arn:aws:sts::123456789012:assumed-role/host (AROA1)" },
		/* Made again under its name. */
		{ "arn:aws:sts::123456789012:assumed-role/host/s1", "AROA2:s1",
		  "arn:aws:sts::123456789012:assumed-role/host (AROA2)" },
		{ "arn:aws-cn:sts::1:assumed-role/host", "AROA1",
		  "arn:aws-cn:sts::1:assumed-role/host (AROA1)" },
		{ "arn:aws:iam::123456789012:user/team/eve", "AIDA1",
		  "arn:aws:iam::123456789012:user/team/eve (AIDA1)" },
		{ "arn:aws:iam::123456789012:root", "123456789012",
		  "arn:aws:iam::123456789012:root (123456789012)" },
		/* Of these nobody is named. */
		{ NULL, "AROA1:s1", "" },
		{ "arn:aws:sts::1:assumed-role/host/s1", NULL, "" },
		{ "arn:aws:sts::1:assumed-role/host/s1", "", "" },
		{ "arn:aws:sts::1:assumed-role/host/s1", ":s1", "" },
		{ "AKIAIOSFODNN7EXAMPLE", "AIDA1", "" },
		{ "arn:aws:sts::1:assumed-role/a b/s1", "AROA1:s1", "" },
		{ "arn:aws:sts::1:assumed-role/host/s1", "AROA\n1", "" },
	};
	char arn[2 * WORKER_PRINCIPAL_MAX], text[WORKER_PRINCIPAL_MAX];

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(caller_text(rows[i].arn, rows[i].id, text), !!rows[i].text[0]);
		assert_string_equal(text, rows[i].text);
	}
	/* A text that was cut would be that of another principal as well. */
	snprintf(arn, sizeof(arn), "arn:aws:iam::123456789012:user/%0*d", WORKER_PRINCIPAL_MAX, 1);
	assert_false(caller_text(arn, "AIDA1", text));
	assert_string_equal(text, "");
}

/* The process that has written its number to @path by now; 0 for none. */
static pid_t number_in(const char *path)
{
	FILE *file = fopen(path, "r");
	long pid = 0;

	if (file && fscanf(file, "%ld", &pid) != 1)
		pid = 0;
	if (file)
		fclose(file);
	return (pid_t)pid;
}

/*
 * The child leaves the session and the process group, its parent has ended, and it ignores all signals
 * that can be ignored. $1: the file for its number; $2: how the program goes on
 */
static const char program[] =
	"(setsid sh -c 'trap \"\" HUP INT TERM; echo $$ > $0.new; mv $0.new $0; exec sleep 1234567' $1 &)\n"
	"until [ -s $1 ]; do sleep 0.01; done\n"
	"printf out\n"
	"$2 1234567\n";

static void nothing_that_a_program_has_started_outlasts_it(void **state)
{
	char folder[] = "/tmp/credential-test-XXXXXX", script[64], path[64], command[256];
	FILE *file;

	assert_non_null(mkdtemp(folder));
	snprintf(path, sizeof(path), "%s/pid", folder);
	snprintf(script, sizeof(script), "%s/program", folder);
	file = fopen(script, "w");
	assert_non_null(file);
	assert_true(fputs(program, file) >= 0);
	assert_int_equal(fclose(file), 0);
	for (int hangs = 0; hangs < 2; hangs++) {
		struct fault f = { 0 };
		struct secret *output;
		pid_t pid;

		snprintf(command, sizeof(command), "/bin/sh %s %s %s", script, path,
			 hangs ? "sleep" : "true");
		output = credential_process_run(command,
						credential_now_ms() + (hangs ? 5000 : 60000), NULL,
						&f);
		pid = number_in(path);
		assert_int_equal(!output, hangs);
		assert_true(!output || !strcmp((char *)output->bytes, "out"));
		secret_free(output);
		assert_true(pid > 0);
		if (!kill(pid, 0)) {
			kill(pid, SIGKILL);
			fail_msg("a process of the program is left");
		}
		unlink(path);
	}
	unlink(script);
	rmdir(folder);
}

static void errors_without_end_hold_up_no_program(void **state)
{
	struct fault f = { 0 };
	struct secret *output =
		credential_process_run("/bin/sh -c \"head -c 1000000 /dev/zero >&2 && printf out\"",
				       credential_now_ms() + 60000, NULL, &f);

	assert_non_null(output);
	assert_string_equal((char *)output->bytes, "out");
	secret_free(output);
}

static void the_log_gets_nothing_that_may_be_a_key(void **state)
{
	static const struct {
		const char *line, *covered;
	} rows[] = {
		{ "aws: not found", "aws: not found" },
		{ "key AKIAIOSFODNN7EXAMPLE is old", "key ... is old" },
		{ "s=wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY!", "...!" },
		{ "{\"SessionToken\": \"eyJhbGciOiJSUzI1NiJ9.e30+/=\"}",
		  "{\"SessionToken\": \"...\"}" },
		{ "a\x1b[31m\rb\x7f\xc3", "a?[31m?b??" },
		{ "", "" },
	};
	char line[COMPLAINT_MAX];

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		snprintf(line, sizeof(line), "%s", rows[i].line);
		complaint_cover(line);
		assert_string_equal(line, rows[i].covered);
	}
	/* The line was cut in a key, of which less is left than a key has. */
	memset(line, '!', sizeof(line));
	memcpy(line + sizeof(line) - 9, "wJalrXUt", 9);
	complaint_cover(line);
	assert_null(strstr(line, "wJ"));
	assert_int_equal(strlen(line), sizeof(line) - 9);
}

static void a_control_character_is_in_no_credential(void **state)
{
	static const char *const refused[] = { "AKIA\r\nX: y", "a\nb", "a\tb", "\x01", "a\x7f" };

	assert_true(credential_text_is_plain("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY="));
	assert_true(credential_text_is_plain("\xc3\xa4"));
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++)
		assert_false(credential_text_is_plain(refused[i]));
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(new_credentials_are_sought_ahead_of_the_end),
		cmocka_unit_test(a_command_is_split_and_never_expanded),
		cmocka_unit_test(a_principal_is_called_the_same_in_each_session),
		cmocka_unit_test(nothing_that_a_program_has_started_outlasts_it),
		cmocka_unit_test(errors_without_end_hold_up_no_program),
		cmocka_unit_test(the_log_gets_nothing_that_may_be_a_key),
		cmocka_unit_test(a_control_character_is_in_no_credential),
	};

	/* For tests/mutations/run: only the test of that name. */
	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
