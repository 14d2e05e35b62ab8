// SPDX-License-Identifier: MIT
/* sources: kms/auth/authorize.c kms/auth/access.c kms/auth/key_policy.c kms/auth/user_policy.c kms/auth/question.c kms/auth/key_grants.c kms/grants/grant.c kms/grants/grant_rules.c kms/grants/grant_groups.c kms/policy/document.c kms/policy/statement.c kms/policy/principal.c kms/policy/condition.c kms/policy/comparison.c kms/policy/pattern.c kms/policy/value.c kms/policy/evaluate.c kms/policy/decision.c kms/users/user.c kms/keys/cmk.c kms/keys/materials.c kms/keys/crypto.c kms/keys/tags.c kms/keys/key_state.c ../tests/unit/authorize_fixture.c */
/*
 * The authorization, decided from struct access alone: the account, the policy of the key, and its grants.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "authorize_fixture.h"
#include "kms/auth/key_policy.h"
#include "lib/base/json.h"

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
	{ &user, OWN, &managed_key, "PutKeyPolicy", false },
	{ &user, OWN, &managed_key, "GetKeyPolicy", true },
	{ &user, OTHER, NULL, "Decrypt", false },
	{ &stranger, OWN, &customer_key, "Decrypt", false },
	{ &stranger, OWN, &managed_key, "DescribeKey", false },
	{ NULL, OWN, &customer_key, "Decrypt", false },
};

static void decides_by_account_and_key_manager(void **state)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct access access = {
			.principal = rows[i].principal,
			.service = "kms",
			.action = rows[i].action,
			.key = rows[i].key,
			.account = rows[i].account,
			.resource = "*",
			.source = "127.0.0.1",
		};
		struct fault f = { 0 };

		if (!authorize(&access, &f) != rows[i].allowed)
			fail_msg("row %zu, %s: expected %s", i, rows[i].action,
				 rows[i].allowed ? "allowed" : "denied");
		assert_string_equal(f.code, rows[i].allowed ? "" : "AccessDeniedException");
	}
}

/* The policy of the key, one call, and whether it is allowed. Each condition holds in one row of two. */
static const struct {
	const char *policy, *action;
	const struct principal *principal;
	bool allowed;
} policy_rows[] = {
	{ POLICY(STATEMENT("Allow", USER, "kms:Decrypt", "")), "Decrypt", &user, true },
	{ POLICY(STATEMENT("Allow", USER, "kms:Decrypt", "")), "Encrypt", &user, false },
	{ POLICY(STATEMENT("Allow", USER, "kms:Decrypt", "")), "ListAliases", &user, true },
	{ POLICY(STATEMENT("Allow", USER, "kms:*", "")), "Decrypt", &stranger, false },
	{ POLICY(STATEMENT("Allow", "{\"AWS\":\"" OTHER "\"}", "kms:*", "")), "Decrypt", &stranger,
	  true },
	{ POLICY(STATEMENT("Allow", "{\"AWS\":\"" OTHER "\"}", "kms:*", "")), "Decrypt", &user,
	  false },
	{ POLICY(STATEMENT("Allow", "{\"AWS\":\"" OTHER "\"}", "kms:*", "")), "DisableKey",
	  &stranger, false },
	{ POLICY(STATEMENT("Allow", "{\"AWS\":\"" OTHER "\"}", "kms:*", "")), "ListAliases",
	  &stranger, false },
	{ POLICY(STATEMENT("Allow", "\"*\"", "*", "") "," STATEMENT("Deny", USER, "kms:De*", "")),
	  "Decrypt", &user, false },
	{ POLICY(STATEMENT("Allow", "\"*\"", "*",
			   IF("StringEquals", "kms:EncryptionContext:APP", "payroll"))),
	  "Decrypt", &user, true },
	{ POLICY(STATEMENT("Allow", "\"*\"", "*",
			   IF("StringEquals", "kms:EncryptionContext:app", "other"))),
	  "Decrypt", &user, false },
	{ POLICY(STATEMENT("Allow", "\"*\"", "*",
			   IF("ForAnyValue:StringEquals", "kms:EncryptionContextKeys", "volume"))),
	  "Decrypt", &user, true },
	{ POLICY(STATEMENT("Allow", "\"*\"", "*",
			   IF("ForAnyValue:StringEquals", "kms:EncryptionContextKeys", "Volume"))),
	  "Decrypt", &user, false },
	{ POLICY(STATEMENT("Allow", "\"*\"", "*", IF("IpAddress", "aws:SourceIp", "127.0.0.0/8"))),
	  "Decrypt", &user, true },
	{ POLICY(STATEMENT("Allow", "\"*\"", "*", IF("IpAddress", "aws:SourceIp", "128.0.0.0/8"))),
	  "Decrypt", &user, false },
	{ POLICY(STATEMENT("Allow", "\"*\"", "*",
			   IF("DateLessThan", "aws:CurrentTime", "2026-11-29T22:00:01Z"))),
	  "Decrypt", &user, true },
	{ POLICY(STATEMENT("Allow", "\"*\"", "*",
			   IF("DateLessThan", "aws:CurrentTime", "2026-11-29T22:00:00Z"))),
	  "Decrypt", &user, false },
	{ POLICY(STATEMENT("Allow", "\"*\"", "*",
			   IF("NumericEquals", "aws:EpochTime", "1795989600"))),
	  "Decrypt", &user, true },
	{ POLICY(STATEMENT("Allow", "\"*\"", "*",
			   IF("NumericEquals", "aws:EpochTime", "1795989601"))),
	  "Decrypt", &user, false },
	{ POLICY(STATEMENT("Allow", "\"*\"", "*",
			   IF("ArnLike", "aws:PrincipalArn", "arn:aws:iam::*:user/us*"))),
	  "Decrypt", &user, true },
	{ POLICY(STATEMENT("Allow", "\"*\"", "*",
			   IF("ArnLike", "aws:PrincipalArn", "arn:aws:iam::*:role/*"))),
	  "Decrypt", &user, false },
	{ POLICY(STATEMENT("Allow", "\"*\"", "*", IF("StringEquals", "kms:CallerAccount", OTHER))),
	  "Decrypt", &stranger, true },
	{ POLICY(STATEMENT("Allow", "\"*\"", "*",
			   IF("StringEquals", "aws:PrincipalAccount", OTHER))),
	  "Decrypt", &user, false },
	{ POLICY(STATEMENT("Allow", "\"*\"", "*", IF("Null", "kms:ViaService", "true"))), "Decrypt",
	  &user, true },
	{ POLICY(STATEMENT("Allow", "\"*\"", "*", IF("Null", "kms:GranteePrincipal", "false"))),
	  "Decrypt", &user, false },
};

static void policy_decides(void **state)
{
	_cleanup_json_ struct json_object *context = json_parse(PAIRS, strlen(PAIRS));

	for (size_t i = 0; i < sizeof(policy_rows) / sizeof(policy_rows[0]); i++) {
		struct cmk key = { KEY, .policy = (char *)policy_rows[i].policy };
		struct access access = access_to(&key, policy_rows[i].action,
						 policy_rows[i].principal, context);
		struct fault f = { 0 };

		if (!authorize(&access, &f) != policy_rows[i].allowed)
			fail_msg("%s\n%s by %s: expected %s", policy_rows[i].policy,
				 policy_rows[i].action, policy_rows[i].principal->account,
				 policy_rows[i].allowed ? "allowed" : "denied");
		assert_string_equal(f.code, policy_rows[i].allowed ? "" : "AccessDeniedException");
	}
}

static void names_that_differ_in_case_alone_are_denied(void **state)
{
	static const char pairs[] = "{\"App\":\"mine\",\"x\":\"\",\"app\":\"payroll\"}";
	_cleanup_json_ struct json_object *context = json_parse(pairs, strlen(pairs));
	struct cmk key = { KEY, .policy = (char *)policy_rows[9].policy };
	struct access access = access_to(&key, "Decrypt", &user, context);
	struct fault f = { 0 };

	assert_int_equal(authorize(&access, &f), -1);
	assert_non_null(strstr(f.message, "with an explicit deny in a resource-based policy"));
	/* A key without a policy works as it did before there were policies. */
	access.key = &customer_key;
	assert_int_equal(authorize(&access, &f), 0);
}

static void policy_that_cannot_be_read_is_no_denial(void **state)
{
	struct cmk key = { KEY, .policy = (char *)"{}" };
	struct access access = access_to(&key, "Decrypt", &user, NULL);
	struct fault f = { 0 };

	assert_int_equal(authorize(&access, &f), -1);
	assert_string_equal(f.code, "KMSInternalException");
}

static void a_grant_allows_what_the_policy_is_silent_about(void **state)
{
	static const char silent[] = POLICY(STATEMENT("Allow", USER, "kms:Put*", ""));
	static const char denies[] = POLICY(STATEMENT("Deny", "\"*\"", "kms:Decrypt", ""));
	struct fault f;

	grants.count = 1;
	grants.list[0] = decrypts;
	assert_int_equal(decrypt_by(&user, silent, &f), 0);
	assert_int_equal(decrypt_by(&user, denies, &f), -1);
	assert_string_equal(f.code, "AccessDeniedException");
	assert_int_equal(decrypt_by(&stranger, silent, &f), -1);
	strcpy(grants.list[0].grantee, "arn:aws:iam::" OTHER ":user/user");
	assert_int_equal(decrypt_by(&stranger, silent, &f), 0);
	assert_int_equal(decrypt_by(&user, silent, &f), -1);
	grants.list[0].operations = GRANT_ENCRYPT;
	assert_int_equal(decrypt_by(&stranger, silent, &f), -1);
	assert_string_equal(f.code, "AccessDeniedException");
	grants.count = 0;
}

static void a_grant_that_cannot_be_read_is_no_denial(void **state)
{
	static const char silent[] = POLICY(STATEMENT("Allow", USER, "kms:Put*", ""));
	struct fault f;

	grants.damaged = true;
	assert_int_equal(decrypt_by(&user, silent, &f), -1);
	assert_string_equal(f.code, "KMSInternalException");
	/* Another grant allows the call: the damaged one does not matter. */
	grants.count = 1;
	grants.list[0] = decrypts;
	assert_int_equal(decrypt_by(&user, silent, &f), 0);
	grants.count = 0;
	grants.damaged = false;
	assert_int_equal(decrypt_by(&user, silent, &f), -1);
	assert_string_equal(f.code, "AccessDeniedException");
}

/* A policy, the condition of a CreateGrant by @user, and whether it is allowed. */
static const struct {
	const char *condition;
	bool allowed;
} grant_rows[] = {
	{ IF("StringEquals", "kms:GranteePrincipal", GRANTEE), true },
	{ IF("StringEquals", "kms:GranteePrincipal", "arn:aws:iam::" OTHER ":user/user"), false },
	{ IF("ArnLike", "kms:RetiringPrincipal", "arn:aws:iam::*:user/retires"), true },
	{ IF("Null", "kms:RetiringPrincipal", "true"), false },
	{ IF("StringEquals", "kms:GrantConstraintType", "EncryptionContextSubset"), true },
	{ IF("StringEquals", "kms:GrantConstraintType", "EncryptionContextEquals"), false },
	{ IF("ForAnyValue:StringEquals", "kms:GrantOperations", "DescribeKey"), true },
	{ IF("ForAllValues:StringEquals", "kms:GrantOperations", "DescribeKey"), false },
	{ IF("Bool", "kms:GrantIsForAWSResource", "false"), true },
	{ IF("Bool", "kms:GrantIsForAWSResource", "true"), false },
	{ IF("StringEquals", "kms:EncryptionContext:app", "payroll"), true },
	{ IF("StringEquals", "kms:EncryptionContext:app", "other"), false },
};

static void conditions_see_the_grant(void **state)
{
	_cleanup_json_ struct json_object *context = json_parse(PAIRS, strlen(PAIRS));
	struct grant made = { .key_id = KEY_ID,
			      .grantee = GRANTEE,
			      .retiring = "arn:aws:iam::" OWN ":user/retires",
			      .operations = GRANT_DECRYPT | GRANT_DESCRIBE_KEY,
			      .constraint = CONSTRAINT_SUBSET,
			      .context = context };

	for (size_t i = 0; i < sizeof(grant_rows) / sizeof(grant_rows[0]); i++) {
		char policy[512];
		struct cmk key = { KEY, .policy = policy };
		struct access access = access_to(&key, "CreateGrant", &user, context);
		struct fault f = { 0 };

		snprintf(policy, sizeof(policy), POLICY("%s%s}"),
			 "{\"Effect\":\"Allow\",\"Principal\":\"*\",\"Action\":\"*\",\"Resource\":\"*\"",
			 grant_rows[i].condition);
		access.grant = &made;
		if (!authorize(&access, &f) != grant_rows[i].allowed)
			fail_msg("%s: expected %s, seen %s", policy,
				 grant_rows[i].allowed ? "allowed" : "denied", f.message);
	}
}

static void policy_must_let_the_caller_change_it(void **state)
{
	static const char keeps[] = POLICY(STATEMENT("Allow", USER, "kms:Put*", ""));
	struct cmk key = { KEY, .policy = (char *)keeps };
	struct access access = access_to(&key, "CreateKey", &user, NULL);
	struct fault f = { 0 };

	assert_int_equal(key_policy_check(&access, false, &f), 0);
	key.policy = (char *)policy_rows[0].policy;
	assert_int_equal(key_policy_check(&access, false, &f), -1);
	assert_string_equal(f.code, "MalformedPolicyDocumentException");
	assert_int_equal(key_policy_check(&access, true, &f), 0);
	key.policy = (char *)"{}";
	assert_int_equal(key_policy_check(&access, true, &f), -1);
}

static void denial_is_worded_as_by_aws(void **state)
{
	struct access access = {
		.principal = &user,
		.service = "kms",
		.action = "Decrypt",
		.account = OTHER,
		.resource = "RESOURCE",
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
	struct kms kms = { 0 };
	struct call call = { .kms = &kms,
			     .caller = &user,
			     .account = OWN,
			     .service = "kms",
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
		cmocka_unit_test(policy_decides),
		cmocka_unit_test(names_that_differ_in_case_alone_are_denied),
		cmocka_unit_test(policy_that_cannot_be_read_is_no_denial),
		cmocka_unit_test(a_grant_allows_what_the_policy_is_silent_about),
		cmocka_unit_test(a_grant_that_cannot_be_read_is_no_denial),
		cmocka_unit_test(conditions_see_the_grant),
		cmocka_unit_test(policy_must_let_the_caller_change_it),
		cmocka_unit_test(denial_is_worded_as_by_aws),
		cmocka_unit_test(a_call_asks_for_its_own_account),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("authorize", tests, NULL, NULL);
}
