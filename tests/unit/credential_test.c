// SPDX-License-Identifier: MIT
/* sources: worker/credential_process.c worker/credential_http.c worker/caller.c */
/*
 * When credentials are got anew, how the command of a credential_process is split, and how a principal is
 * called. tests/host/agent_credentials.sh has the providers.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "lib/kms/credential_cache.h"
#include "worker/caller.h"
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

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(new_credentials_are_sought_ahead_of_the_end),
		cmocka_unit_test(a_command_is_split_and_never_expanded),
		cmocka_unit_test(a_principal_is_called_the_same_in_each_session),
	};

	/* For tests/mutations/run: only the test of that name. */
	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
