// SPDX-License-Identifier: MIT
/* sources: kms/auth/authorize.c kms/auth/access.c kms/auth/key_policy.c kms/auth/user_policy.c kms/auth/question.c kms/auth/key_grants.c kms/grants/grant.c kms/grants/grant_rules.c kms/grants/grant_groups.c kms/policy/document.c kms/policy/statement.c kms/policy/principal.c kms/policy/condition.c kms/policy/comparison.c kms/policy/pattern.c kms/policy/value.c kms/policy/evaluate.c kms/policy/decision.c kms/users/user.c kms/keys/cmk.c kms/keys/materials.c kms/keys/crypto.c kms/keys/tags.c kms/keys/key_state.c ../tests/unit/authorize_fixture.c */
/*
 * The authorization of a user of IAM: its policies decide together with the policy of the key and the grants.
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
#include "kms/users/user.h"
#include "lib/base/json.h"

#define USER_STATEMENT(effect, what, resource, more) \
	"{\"Effect\":\"" effect "\",\"Action\":\"" what "\",\"Resource\":\"" resource "\"" more "}"
#define ID	"AIDAAAAAAAAAAAAAAAAAA" /* of the user */
#define BEFORE	"AIDABBBBBBBBBBBBBBBBB" /* of one that had its name before */
#define THEIRS	"arn:aws:iam::" OTHER ":user/user"
#define KEY_ARN "arn:aws:kms:us-east-1:" OWN ":key/" KEY_ID

static const struct principal limited = { .name = "user", .account = OWN, .limited = true };
static const struct principal limited_stranger = { .name = "user",
						   .account = OTHER,
						   .limited = true };

/*
 * The policy of the key, NULL for the default one; the policy of the user, NULL for none; who calls; and
 * whether it may decrypt.
 */
static const struct {
	const char *key_policy, *user_policy;
	const struct principal *principal;
	bool allowed;
} user_rows[] = {
	/* The default policy leaves it to the policies of the user. */
	{ NULL, NULL, &limited, false },
	{ NULL, USER_STATEMENT("Allow", "kms:Decrypt", "*", ""), &limited, true },
	{ NULL, USER_STATEMENT("Allow", "kms:*", KEY_ARN, ""), &limited, true },
	{ NULL, USER_STATEMENT("Allow", "kms:Decrypt", "arn:aws:kms:*:*:key/*", ""), &limited,
	  true },
	{ NULL, USER_STATEMENT("Allow", "kms:Decrypt", "arn:aws:kms:*:*:alias/*", ""), &limited,
	  false },
	{ NULL, USER_STATEMENT("Allow", "kms:Encrypt", "*", ""), &limited, false },
	{ NULL, USER_STATEMENT("Allow", "iam:*", "*", ""), &limited, false },
	{ NULL,
	  USER_STATEMENT("Allow", "*", "*", "") "," USER_STATEMENT("Deny", "kms:De*", "*", ""),
	  &limited, false },
	{ NULL,
	  USER_STATEMENT("Allow", "kms:*", "*",
			 IF("StringEquals", "kms:EncryptionContext:app", "payroll")),
	  &limited, true },
	{ NULL,
	  USER_STATEMENT("Allow", "kms:*", "*",
			 IF("StringEquals", "kms:EncryptionContext:app", "other")),
	  &limited, false },
	/* A key that names the user, or everybody, needs no policy of the user. A deny counts anywhere. */
	{ POLICY(STATEMENT("Allow", USER, "kms:Decrypt", "")), NULL, &limited, true },
	{ POLICY(STATEMENT("Allow", "\"*\"", "kms:Decrypt", "")), NULL, &limited, true },
	{ POLICY(STATEMENT("Allow", USER, "kms:Decrypt", "")),
	  USER_STATEMENT("Deny", "kms:Decrypt", KEY_ARN, ""), &limited, false },
	{ POLICY(STATEMENT("Deny", USER, "kms:Decrypt", "")),
	  USER_STATEMENT("Allow", "kms:Decrypt", "*", ""), &limited, false },
	{ POLICY(STATEMENT("Allow", USER, "kms:Encrypt", "")),
	  USER_STATEMENT("Allow", "kms:Decrypt", "*", ""), &limited, false },
	/* Another account: both sides. */
	{ POLICY(STATEMENT("Allow", "{\"AWS\":\"" OTHER "\"}", "kms:*", "")), NULL,
	  &limited_stranger, false },
	{ POLICY(STATEMENT("Allow", "{\"AWS\":\"" OTHER "\"}", "kms:*", "")),
	  USER_STATEMENT("Allow", "kms:Decrypt", "*", ""), &limited_stranger, true },
	{ POLICY(STATEMENT("Allow", "{\"AWS\":\"arn:aws:iam::" OTHER ":user/user\"}", "kms:*", "")),
	  NULL, &limited_stranger, false },
	{ POLICY(STATEMENT("Allow", "{\"AWS\":\"arn:aws:iam::" OTHER ":user/user\"}", "kms:*", "")),
	  USER_STATEMENT("Allow", "kms:Decrypt", "*", ""), &limited_stranger, true },
	{ NULL, USER_STATEMENT("Allow", "kms:*", "*", ""), &limited_stranger, false },
};

/* @policy: as in user_rows. Return: for user_free() */
static struct user user_with(const char *policy)
{
	struct user with = { .name = "user", .account = OWN, .id = ID };
	char text[2048];

	with.policies = json_object_new_object();
	snprintf(text, sizeof(text), "{\"Statement\":[%s]}", policy ? policy : "");
	if (policy)
		json_add_string(with.policies, "policy", text);
	return with;
}

/* What PutKeyPolicy binds the name of the user to. Return: a new object */
static struct json_object *bound(const char *id)
{
	struct json_object *users = json_object_new_object();

	json_add_string(users, GRANTEE, id);
	json_add_string(users, THEIRS, id);
	return users;
}

static void policies_of_the_user_decide_with_the_key(void **state)
{
	_cleanup_json_ struct json_object *users = bound(ID);
	_cleanup_json_ struct json_object *context = json_parse(PAIRS, strlen(PAIRS));

	for (size_t i = 0; i < sizeof(user_rows) / sizeof(user_rows[0]); i++) {
		_cleanup_user_ struct user with = user_with(user_rows[i].user_policy);
		struct cmk key = { KEY, .policy = (char *)user_rows[i].key_policy,
				   .policy_users = users };
		struct access access = access_to(&key, "Decrypt", user_rows[i].principal, context);
		struct fault f = { 0 };

		access.user = &with;
		if (!authorize(&access, &f) != user_rows[i].allowed)
			fail_msg("row %zu: expected %s, seen %s", i,
				 user_rows[i].allowed ? "allowed" : "denied", f.message);
		assert_string_equal(f.code, user_rows[i].allowed ? "" : "AccessDeniedException");
	}
}

#define GIVES POLICY(STATEMENT("Allow", USER, "kms:Decrypt", ""))
#define GIVES_BOTH                                                                                 \
	POLICY(STATEMENT("Allow", "\"*\"", "kms:*", "") "," STATEMENT("Deny", USER, "kms:Decrypt", \
								      ""))
#define SPARES                                                                               \
	"{\"Statement\":[" STATEMENT("Allow", "\"*\"", "kms:*",                              \
				     "") ",{\"Effect\":\"Deny\","                            \
					 "\"NotPrincipal\":{\"AWS\":[\"" GRANTEE "\",\"" OWN \
					 "\"]},\"Action\":\"kms:*\","                        \
					 "\"Resource\":\"*\"}]}"

/* The policy of the key, the id that its name is bound to, whether a user calls, and whether it may. */
static const struct {
	const char *key_policy, *id;
	bool is_user, allowed;
} bound_rows[] = {
	{ GIVES, ID, true, true },
	{ GIVES, BEFORE, true, false },
	{ GIVES, NULL, true, false },
	{ GIVES, NULL, false, true },
	{ GIVES, ID, false, false },
	{ GIVES, BEFORE, false, false },
	/* A deny for a user that is gone does not bind its successor, as in AWS. */
	{ GIVES_BOTH, ID, true, false },
	{ GIVES_BOTH, BEFORE, true, true },
	{ GIVES_BOTH, NULL, false, false },
	{ SPARES, ID, true, true },
	{ SPARES, BEFORE, true, false },
	{ SPARES, NULL, false, true },
};

static void a_name_in_a_policy_is_the_user_that_had_it(void **state)
{
	for (size_t i = 0; i < sizeof(bound_rows) / sizeof(bound_rows[0]); i++) {
		_cleanup_json_ struct json_object *users = bound_rows[i].id
								   ? bound(bound_rows[i].id)
								   : NULL;
		_cleanup_user_ struct user with = user_with(NULL);
		struct cmk key = { KEY, .policy = (char *)bound_rows[i].key_policy,
				   .policy_users = users };
		struct access access = access_to(&key, "Decrypt", &limited, NULL);
		struct fault f = { 0 };

		access.user = bound_rows[i].is_user ? &with : NULL;
		if (!authorize(&access, &f) != bound_rows[i].allowed)
			fail_msg("row %zu: expected %s, seen %s", i,
				 bound_rows[i].allowed ? "allowed" : "denied", f.message);
	}
}

static void a_name_in_a_grant_is_the_user_that_had_it(void **state)
{
	static const struct {
		const char *id;
		bool is_user, allowed;
	} rows[] = { { ID, true, true },
		     { BEFORE, true, false },
		     { "", true, false },
		     { "", false, true },
		     { ID, false, false } };

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		_cleanup_user_ struct user with = user_with(NULL);
		struct access access = access_to(&customer_key, "Decrypt", &limited, NULL);
		struct grant retired = decrypts;
		struct fault f = { 0 };

		grants.count = 1;
		grants.list[0] = decrypts;
		strcpy(grants.list[0].grantee_id, rows[i].id);
		access.grants = (struct store *)&grants;
		access.user = rows[i].is_user ? &with : NULL;
		if (!authorize(&access, &f) != rows[i].allowed)
			fail_msg("row %zu: expected %s, seen %s", i,
				 rows[i].allowed ? "allowed" : "denied", f.message);
		strcpy(retired.grantee, THEIRS);
		strcpy(retired.retiring, GRANTEE);
		strcpy(retired.retiring_id, rows[i].id);
		access.action = "RetireGrant";
		access.grant = &retired;
		assert_int_equal(!authorize(&access, &f), rows[i].allowed);
	}
	grants.count = 0;
}

static int ask(const struct principal *principal, const char *policy, const char *service,
	       const char *action, struct fault *f)
{
	_cleanup_user_ struct user with = user_with(policy);
	struct access access = access_to(NULL, action, principal, NULL);

	access.user = &with;
	access.service = service;
	*f = (struct fault){ 0 };
	return authorize(&access, f);
}

static void a_call_without_a_key_asks_the_user(void **state)
{
	struct fault f;

	assert_int_equal(ask(&limited, NULL, "kms", "CreateKey", &f), -1);
	assert_string_equal(f.message,
			    "User: arn:aws:iam::" OWN ":user/user is not authorized to perform: "
			    "kms:CreateKey on resource: * because no identity-based policy "
			    "allows the kms:CreateKey action");
	assert_int_equal(ask(&limited, USER_STATEMENT("Allow", "kms:CreateKey", "*", ""), "kms",
			     "CreateKey", &f),
			 0);
	assert_int_equal(ask(&limited, USER_STATEMENT("Allow", "kms:*", KEY_ARN, ""), "kms",
			     "CreateKey", &f),
			 -1);
	assert_int_equal(ask(&limited, USER_STATEMENT("Allow", "kms:*", "*", ""), "iam",
			     "CreateUser", &f),
			 -1);
	assert_int_equal(ask(&limited, USER_STATEMENT("Allow", "iam:Create*", "*", ""), "iam",
			     "CreateUser", &f),
			 0);
	assert_int_equal(ask(&user, NULL, "iam", "CreateUser", &f), 0);
	assert_int_equal(ask(&user, USER_STATEMENT("Deny", "iam:*", "*", ""), "iam", "CreateUser",
			     &f),
			 -1);
	assert_non_null(strstr(f.message, "with an explicit deny in an identity-based policy"));
}

static void a_policy_of_a_user_that_cannot_be_read_is_no_denial(void **state)
{
	struct fault f;

	assert_int_equal(ask(&limited, "1", "kms", "CreateKey", &f), -1);
	assert_string_equal(f.code, "KMSInternalException");
}

/* The account in a grant leaves it to the policies of its users. A grant to the user does not. */
static void a_grant_gives_a_user_without_policies_what_it_says(void **state)
{
	static const char silent[] = POLICY(STATEMENT("Allow", USER, "kms:Put*", ""));
	struct fault f;

	grants.count = 1;
	grants.list[0] = decrypts;
	assert_int_equal(decrypt_by(&limited, silent, &f), 0);
	strcpy(grants.list[0].grantee, "arn:aws:iam::" OWN ":root");
	assert_int_equal(decrypt_by(&limited, silent, &f), -1);
	assert_string_equal(f.code, "AccessDeniedException");
	assert_int_equal(decrypt_by(&user, silent, &f), 0);
	grants.count = 0;
}

/* Nobody retires a grant that names no retiring principal, least of all a user without rights. */
static void a_grant_without_a_retiring_principal_is_retired_by_nobody(void **state)
{
	struct access access = access_to(&customer_key, "RetireGrant", &limited, NULL);
	struct grant grant = decrypts;
	struct fault f = { 0 };

	strcpy(grant.grantee, "arn:aws:iam::" OTHER ":user/user");
	access.grants = (struct store *)&grants;
	access.grant = &grant;
	assert_int_equal(authorize(&access, &f), -1);
	assert_string_equal(f.code, "AccessDeniedException");
}

static void a_user_must_be_able_to_change_the_policy_that_it_puts(void **state)
{
	static const char delegates[] =
		POLICY(STATEMENT("Allow", "{\"AWS\":\"" OWN "\"}", "kms:*", ""));
	struct cmk key = { KEY, .policy = (char *)delegates };
	struct access access = access_to(&key, "CreateKey", &limited, NULL);
	_cleanup_user_ struct user with = user_with(USER_STATEMENT("Allow", "kms:Put*", "*", ""));
	struct fault f = { 0 };

	assert_int_equal(key_policy_check(&access, false, &f), -1);
	access.user = &with;
	assert_int_equal(key_policy_check(&access, false, &f), 0);
}

/* The two names of the context are one condition key, so a policy of the user could read either. */
static void names_that_differ_in_case_alone_are_denied_to_a_user_with_policies(void **state)
{
	static const char pairs[] = "{\"App\":\"mine\",\"app\":\"payroll\"}";
	_cleanup_json_ struct json_object *context = json_parse(pairs, strlen(pairs));
	_cleanup_user_ struct user with =
		user_with(USER_STATEMENT("Allow", "kms:*", "*",
					 IF("StringEquals", "kms:EncryptionContext:app", "mine")));
	struct access access = access_to(&customer_key, "Decrypt", &limited, context);
	struct fault f = { 0 };

	access.user = &with;
	assert_int_equal(authorize(&access, &f), -1);
	assert_non_null(strstr(f.message, "explicit deny in an identity-based policy"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(policies_of_the_user_decide_with_the_key),
		cmocka_unit_test(a_name_in_a_policy_is_the_user_that_had_it),
		cmocka_unit_test(a_name_in_a_grant_is_the_user_that_had_it),
		cmocka_unit_test(a_call_without_a_key_asks_the_user),
		cmocka_unit_test(a_policy_of_a_user_that_cannot_be_read_is_no_denial),
		cmocka_unit_test(a_grant_gives_a_user_without_policies_what_it_says),
		cmocka_unit_test(a_grant_without_a_retiring_principal_is_retired_by_nobody),
		cmocka_unit_test(a_user_must_be_able_to_change_the_policy_that_it_puts),
		cmocka_unit_test(
			names_that_differ_in_case_alone_are_denied_to_a_user_with_policies),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("authorize user", tests, NULL, NULL);
}
