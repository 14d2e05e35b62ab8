// SPDX-License-Identifier: MIT
/* sources: kms/auth/authorize.c */
/*
 * The authorization, decided from struct access alone: own account or not, AWS managed key or not.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "kms/auth/authorize.h"

#define OWN   "123456789012"
#define OTHER "210987654321"

static const struct principal user = { .name = "user", .account = OWN };
static const struct cmk customer_key, managed_key = { .aws_managed = true };

static const struct {
	const struct principal *principal;
	const char *account;
	const struct cmk *key;
	const char *action;
	bool allowed;
} rows[] = {
	{ &user, OWN, NULL, "CreateKey", true },
	{ &user, OWN, &customer_key, "Decrypt", true },
	{ &user, OWN, &customer_key, "DisableKey", true },
	{ &user, OWN, &managed_key, "Decrypt", true },
	{ &user, OWN, &managed_key, "DescribeKey", true },
	{ &user, OWN, &managed_key, "DisableKey", false },
	{ &user, OWN, &managed_key, "EnableKey", false },
	{ &user, OWN, &managed_key, "CreateAlias", false },
	{ &user, OWN, &managed_key, "UpdateAlias", false },
	{ &user, OWN, &managed_key, "ScheduleKeyDeletion", false },
	{ &user, OTHER, NULL, "Decrypt", false },
	{ &user, OTHER, &customer_key, "Decrypt", false },
	{ &user, OTHER, &managed_key, "DescribeKey", false },
	{ NULL, OWN, &customer_key, "Decrypt", false },
};

static void decides_by_account_and_key_manager(void **state)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct access access = {
			.principal = rows[i].principal,
			.action = rows[i].action,
			.key = rows[i].key,
			.account = rows[i].account,
			.resource = "*",
		};
		struct fault f = { 0 };

		if (!authorize(&access, &f) != rows[i].allowed)
			fail_msg("row %zu, %s: expected %s", i, rows[i].action,
				 rows[i].allowed ? "allowed" : "denied");
		assert_string_equal(f.code, rows[i].allowed ? "" : "AccessDeniedException");
	}
}

static void denial_is_worded_as_by_aws(void **state)
{
	struct access access = {
		.principal = &user, .action = "Decrypt", .account = OTHER, .resource = "RESOURCE"
	};
	struct fault f;

	assert_int_equal(authorize(&access, &f), -1);
	assert_string_equal(f.message,
			    "User: arn:aws:iam::" OWN ":user/user is not authorized to perform: "
			    "kms:Decrypt on resource: RESOURCE because no resource-based policy "
			    "allows the kms:Decrypt action");
}

static void a_call_asks_for_its_own_account(void **state)
{
	struct call call = { .caller = &user,
			     .account = OWN,
			     .operation = "Decrypt",
			     .source = "127.0.0.1",
			     .transport = TRANSPORT_TLS };
	struct access access = access_of(&call);

	assert_ptr_equal(access.principal, &user);
	assert_string_equal(access.action, "Decrypt");
	assert_string_equal(access.account, OWN);
	assert_string_equal(access.source, "127.0.0.1");
	assert_int_equal(access.transport, TRANSPORT_TLS);
	assert_null(access.key);
	assert_null(access.context);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(decides_by_account_and_key_manager),
		cmocka_unit_test(denial_is_worded_as_by_aws),
		cmocka_unit_test(a_call_asks_for_its_own_account),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("authorize", tests, NULL, NULL);
}
