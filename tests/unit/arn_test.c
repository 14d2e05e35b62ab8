// SPDX-License-Identifier: MIT
/*
 * Key identifiers: the four forms, and texts of no form.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "lib/base/arn.h"

#define ID     "1234abcd-12ab-34cd-56ef-1234567890ab"
#define PREFIX "arn:aws:kms:us-east-1:123456789012:"

static void four_forms(void **state)
{
	static const struct {
		const char *text;
		enum key_ref_kind kind;
		const char *name, *region, *account;
		bool alias;
	} rows[] = {
		{ ID, KEY_REF_ID, ID, "", "", false },
		{ "mrk-1234abcd12ab34cd56ef1234567890ab", KEY_REF_ID,
		  "mrk-1234abcd12ab34cd56ef1234567890ab", "", "", false },
		{ PREFIX "key/" ID, KEY_REF_ARN, ID, "us-east-1", "123456789012", false },
		{ "alias/prod/db_1-x", KEY_REF_ALIAS, "alias/prod/db_1-x", "", "", true },
		{ "alias/aws/rds", KEY_REF_ALIAS, "alias/aws/rds", "", "", true },
		{ PREFIX "alias/a", KEY_REF_ALIAS_ARN, "alias/a", "us-east-1", "123456789012",
		  true },
		{ "arn:aws-cn:kms:cn-north-1:210987654321:key/" ID, KEY_REF_ARN, ID, "cn-north-1",
		  "210987654321", false },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct key_ref ref;

		assert_int_equal(key_ref_parse(rows[i].text, &ref, NULL), 0);
		assert_int_equal(ref.kind, rows[i].kind);
		assert_string_equal(ref.name, rows[i].name);
		assert_string_equal(ref.region, rows[i].region);
		assert_string_equal(ref.account, rows[i].account);
		assert_int_equal(key_ref_is_alias(&ref), rows[i].alias);
	}
}

static void refused(const char *text, const char *code)
{
	struct key_ref ref = { .kind = 77 };
	struct fault f = { 0 };

	if (key_ref_parse(text, &ref, &f) == 0)
		fail_msg("accepted: %s", text);
	assert_string_equal(f.code, code);
	assert_int_equal(ref.kind, 77); /* a failure leaves the outputs untouched */
}

static void not_a_key_id(void **state)
{
	static const char *const bad[] = {
		"",
		"x",
		"1234ABCD-12AB-34CD-56EF-1234567890AB",
		"1234abcd-12ab-34cd-56ef-1234567890a",
		"1234abcd-12ab-34cd-56ef-1234567890abc",
		"1234abcd12ab34cd56ef1234567890ab",
		" " ID,
		ID " ",
		"1234abcd-12ab-34cd-56ef-1234567890ag",
		"mrk-",
		"key/" ID,
		"alias/",
		"alias/a b",
		"alias/a:b",
		"alias/\303\251",
		"Alias/a",
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		refused(bad[i], "NotFoundException");
}

static void not_an_arn(void **state)
{
	static const char *const bad[] = {
		"arn:",
		"arn:aws",
		"arn:aws:kms:us-east-1:123456789012",
		PREFIX,
		PREFIX "key/",
		PREFIX "key/x",
		PREFIX "alias/",
		PREFIX ID,
		"arn:aws:rds:us-east-1:123456789012:key/" ID,
		"arn:gcp:kms:us-east-1:123456789012:key/" ID,
		"arn:aws:kms::123456789012:key/" ID,
		"arn:aws:kms:us-east-1::key/" ID,
		"arn:aws:kms:us-east-1:12345678901:key/" ID,
		"arn:aws:kms:us-east-1:12345678901x:key/" ID,
		"arn:aws:kms:US-EAST-1:123456789012:key/" ID,
		"arn:aws:kms:us-east-1:123456789012:key/" ID ":x",
		PREFIX "key/" ID "/",
		"arn:aws:kms:a-region-name-that-is-far-too-long-to-be-one:123456789012:key/" ID,
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		refused(bad[i], "InvalidArnException");
}

static void alias_has_at_most_256_characters(void **state)
{
	char alias[300] = "alias/";

	memset(alias + 6, 'a', 250);
	assert_true(arn_valid_alias(alias));
	alias[256] = 'a';
	assert_false(arn_valid_alias(alias));
}

static void format_is_the_inverse(void **state)
{
	static const char *const names[] = { ID, "alias/aws/rds" };

	for (size_t i = 0; i < 2; i++) {
		struct key_ref ref;
		char arn[ARN_MAX];

		arn_format_key(arn, "aws", "us-east-1", "123456789012", names[i]);
		assert_int_equal(key_ref_parse(arn, &ref, NULL), 0);
		assert_string_equal(ref.name, names[i]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(four_forms),
		cmocka_unit_test(not_a_key_id),
		cmocka_unit_test(not_an_arn),
		cmocka_unit_test(alias_has_at_most_256_characters),
		cmocka_unit_test(format_is_the_inverse),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("arn", tests, NULL, NULL);
}
