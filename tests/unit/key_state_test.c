// SPDX-License-Identifier: MIT
/* sources: kms/keys/key_state.c */
/*
 * The key state table, row by row, against AWS's page "Key states of AWS KMS keys".
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "kms/keys/key_state.h"

#define ARN	 "arn:aws:kms:us-east-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab"
#define DISABLED "DisabledException"
#define INVALID	 "KMSInvalidStateException"

static const struct {
	enum key_use use;
	const char *enabled, *disabled, *pending; /* NULL: allowed */
} rows[] = {
	{ USE_CRYPTO, NULL, DISABLED, INVALID },
	{ USE_DESCRIBE, NULL, NULL, NULL },
	{ USE_CHANGE, NULL, NULL, INVALID },
	{ USE_ROTATE, NULL, DISABLED, INVALID },
	{ USE_ENABLE, NULL, NULL, INVALID },
	{ USE_DISABLE, NULL, NULL, INVALID },
	{ USE_SCHEDULE_DELETION, NULL, NULL, INVALID },
	{ USE_CANCEL_DELETION, INVALID, INVALID, NULL },
};

static void expect(enum key_state state, enum key_use use, const char *code)
{
	struct fault f = { 0 };

	assert_int_equal(key_state_allows(state, use, ARN, &f), code ? -1 : 0);
	assert_string_equal(f.code, code ? code : "");
}

static void table(void **state)
{
	assert_int_equal(sizeof(rows) / sizeof(rows[0]), USE_CANCEL_DELETION + 1);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		expect(KEY_ENABLED, rows[i].use, rows[i].enabled);
		expect(KEY_DISABLED, rows[i].use, rows[i].disabled);
		expect(KEY_PENDING_DELETION, rows[i].use, rows[i].pending);
	}
}

static void messages_are_those_of_aws(void **state)
{
	struct fault f;

	key_state_allows(KEY_DISABLED, USE_CRYPTO, ARN, &f);
	assert_string_equal(f.message, ARN " is disabled.");
	key_state_allows(KEY_PENDING_DELETION, USE_CRYPTO, ARN, &f);
	assert_string_equal(f.message, ARN " is pending deletion.");
	key_state_allows(KEY_ENABLED, USE_CANCEL_DELETION, ARN, &f);
	assert_string_equal(f.message, ARN " is not pending deletion.");
}

static void names(void **state)
{
	static const char *const words[] = { "Enabled", "Disabled", "PendingDeletion" };
	enum key_state parsed;

	for (size_t i = 0; i < 3; i++) {
		assert_int_equal(key_state_parse(words[i], &parsed), 0);
		assert_string_equal(key_state_name(parsed), words[i]);
	}
	assert_int_equal(key_state_parse("enabled", &parsed), -1);
	assert_int_equal(key_state_parse("", &parsed), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(table),
		cmocka_unit_test(messages_are_those_of_aws),
		cmocka_unit_test(names),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("key_state", tests, NULL, NULL);
}
