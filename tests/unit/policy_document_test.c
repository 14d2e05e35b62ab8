// SPDX-License-Identifier: MIT
/* sources: kms/policy/document.c kms/policy/statement.c kms/policy/principal.c kms/policy/condition.c kms/policy/comparison.c kms/policy/pattern.c kms/policy/value.c kms/policy/evaluate.c */
/*
 * Reading key policies: what is refused, with its place, and what is taken. The verdicts have a model:
 * tests/host/kms_policy_model.py.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kms/policy/evaluate.h"

#define ROOT		     "{\"AWS\":\"arn:aws:iam::123456789012:root\"}"
#define PLAIN		     "\"Effect\":\"Allow\",\"Principal\":" ROOT ",\"Action\":\"kms:*\",\"Resource\":\"*\""
#define POLICY(statement)    "{\"Statement\":{" statement "}}"
#define CONDITION(condition) POLICY(PLAIN ",\"Condition\":" condition)
#define PRINCIPAL(principal) \
	POLICY("\"Effect\":\"Deny\",\"Action\":\"*\",\"Resource\":\"*\"," principal)

static const char *const good[] = {
	POLICY(PLAIN),
	"{\"Version\":\"2012-10-17\",\"Id\":\"x\",\"Statement\":[{\"Sid\":\"a:b\"," PLAIN "}]}",
	"\n{ \"Statement\" : [ {" PLAIN "} , {" PLAIN "} ] }\n",
	CONDITION("{}"),
	CONDITION("{\"StringEquals\":{}}"),
	CONDITION(
		"{\"ForAnyValue:StringLikeIfExists\":{\"KMS:encryptioncontext:a:\\\"b\":[\"x\",1,true]}}"),
	CONDITION("{\"NumericLessThan\":{\"aws:EpochTime\":1.50}}"),
	CONDITION("{\"DateGreaterThan\":{\"aws:CurrentTime\":\"2024-02-29T23:59:59.999-12:30\"}}"),
	CONDITION("{\"Null\":{\"kms:ViaService\":[true,\"False\"]}}"),
	PRINCIPAL("\"Principal\":\"*\""),
	PRINCIPAL(
		"\"Principal\":{\"AWS\":[\"123456789012\",\"arn:aws:iam::123456789012:user/a/b\"],\"Service\":[\"rds.amazonaws.com\"]}"),
	PRINCIPAL("\"NotPrincipal\":{\"AWS\":\"arn:aws:sts::123456789012:assumed-role/a/b\"}"),
};

static const struct {
	const char *text, *place, *what;
} bad[] = {
	{ "", "Policy", "one JSON object" },
	{ "{", "Policy", "one JSON object" },
	{ "[]", "Policy", "one JSON object" },
	{ "{}", "Statement", "at least one" },
	{ "{\"Statement\":[]}", "Statement", "at least one" },
	{ "{\"Statement\":[1]}", "Statement 1, Statement", "is an object" },
	{ "{\"Statement\":{" PLAIN "},\"Statements\":1}", "Statements", "no such element" },
	{ "{\"Statement\":{" PLAIN "},\"Version\":\"2012\"}", "Version", "2012-10-17" },
	{ "{\"Statement\":{" PLAIN "},\"Version\":null}", "Version", "a string" },
	{ "{\"Statement\":{" PLAIN "},\"Id\":7}", "Id", "a string" },
	{ "{\"Statement\":{" PLAIN "},\"Statement\":{" PLAIN "}}", "Policy", "of one name" },
	{ POLICY(PLAIN ",\"Effect\":\"Deny\""), "Policy", "of one name" },
	{ POLICY(PLAIN ",\"Sid\":\"a:b\\\"c:\",\"\\u0053id\":\"x\""), "Policy", "of one name" },
	/* json-c took names in single quotes, whose quotation mark hid the twin */
	{ POLICY(PLAIN ",\"Effect\":\"Deny\",\"Condition\":{'Bool':{},'\"':{}}"), "Policy",
	  "one JSON object" },
	{ POLICY(PLAIN ",\"Sid\":1"), "Statement 1, Sid", "a string" },
	{ "{\"Statement\":[{" PLAIN "},{" PLAIN ",\"action\":\"*\"}]}", "Statement 2, action",
	  "no such element" },
	{ POLICY(PLAIN ",\"NotAction\":\"*\""), "Statement 1, Action", "one of them" },
	{ POLICY(PLAIN ",\"NotResource\":\"*\""), "Statement 1, Resource", "one of them" },
	{ POLICY(PLAIN ",\"NotPrincipal\":\"*\""), "Statement 1, Principal", "one of them" },
	{ POLICY("\"Effect\":\"allow\",\"Principal\":\"*\",\"Action\":\"*\",\"Resource\":\"*\""),
	  "Statement 1, Effect", "'Allow'" },
	{ POLICY("\"Effect\":\"Allow\",\"Action\":\"*\",\"Resource\":\"*\""),
	  "Statement 1, Principal", "one of them" },
	{ POLICY("\"Effect\":\"Allow\",\"Principal\":\"*\",\"Resource\":\"*\""),
	  "Statement 1, Action", "one of them" },
	{ POLICY("\"Effect\":\"Allow\",\"Principal\":\"*\",\"Action\":[],\"Resource\":\"*\""),
	  "Statement 1, Action", "empty" },
	{ POLICY("\"Effect\":\"Allow\",\"Principal\":\"*\",\"Action\":[\"*\",1],\"Resource\":\"*\""),
	  "Statement 1, Action", "a string" },
	{ POLICY("\"Effect\":\"Allow\",\"Principal\":\"*\",\"Action\":\"Decrypt\",\"Resource\":\"*\""),
	  "Statement 1, Action", "kms:Decrypt" },
	{ POLICY("\"Effect\":\"Allow\",\"Principal\":\"*\",\"Action\":\"*\",\"Resource\":\"key/*\""),
	  "Statement 1, Resource", "an ARN" },
	{ POLICY("\"Effect\":\"Allow\",\"Principal\":\"*\",\"Action\":\"*\",\"Resource\":\"arn:${a}\""),
	  "Statement 1, Resource", "variables" },
	{ POLICY("\"Effect\":\"Allow\",\"NotPrincipal\":{\"AWS\":\"123456789012\"},\"Action\":\"*\",\"Resource\":\"*\""),
	  "Statement 1, NotPrincipal", "Deny alone" },
	{ PRINCIPAL("\"Principal\":\"123456789012\""), "Statement 1, Principal",
	  "'*' or an object" },
	{ PRINCIPAL("\"Principal\":{}"), "Statement 1, Principal", "no principal" },
	{ PRINCIPAL("\"Principal\":{\"Federated\":\"x\"}"), "Statement 1, Principal", "type AWS" },
	{ PRINCIPAL("\"Principal\":{\"Service\":1}"), "Statement 1, Principal", "a string" },
	{ PRINCIPAL("\"Principal\":{\"AWS\":\"12345678901\"}"), "Statement 1, Principal",
	  "invalid principals" },
	{ PRINCIPAL("\"Principal\":{\"AWS\":\"arn:aws:iam::123456789012:user/*\"}"),
	  "Statement 1, Principal", "invalid principals" },
	{ PRINCIPAL("\"Principal\":{\"AWS\":\"arn:aws:iam::123456789012:rooty\"}"),
	  "Statement 1, Principal", "invalid principals" },
	{ PRINCIPAL("\"Principal\":{\"AWS\":\"arn:aws:iam::123456789012:user/\"}"),
	  "Statement 1, Principal", "invalid principals" },
	{ PRINCIPAL("\"Principal\":{\"AWS\":\"arn:aws:iam::1234\"}"), "Statement 1, Principal",
	  "invalid principals" },
	{ CONDITION("[]"), "Statement 1, Condition", "object of operators" },
	{ CONDITION("{\"StringEquals\":\"x\"}"), "Statement 1, Condition", "object of keys" },
	{ CONDITION("{\"StringIs\":{\"kms:ViaService\":\"x\"}}"), "Statement 1, Condition",
	  "'StringIs'" },
	{ CONDITION("{\"IfExists\":{\"kms:ViaService\":\"x\"}}"), "Statement 1, Condition",
	  "'IfExists'" },
	{ CONDITION("{\"ForAnyValue:Null\":{\"kms:ViaService\":true}}"), "Statement 1, Condition",
	  "'ForAnyValue:Null'" },
	{ CONDITION("{\"NullIfExists\":{\"kms:ViaService\":true}}"), "Statement 1, Condition",
	  "'NullIfExists'" },
	{ CONDITION("{\"StringEquals\":{\"aws:PrincipalOrgID\":\"x\"}}"), "Statement 1, Condition",
	  "'aws:PrincipalOrgID'" },
	{ CONDITION("{\"StringEquals\":{\"kms:EncryptionContext:\":\"x\"}}"),
	  "Statement 1, Condition", "not supported" },
	{ CONDITION("{\"StringEquals\":{\"kms:ViaService\":null}}"), "Statement 1, Condition",
	  "a string" },
	{ CONDITION("{\"StringEquals\":{\"kms:ViaService\":{}}}"), "Statement 1, Condition",
	  "a string" },
	{ CONDITION("{\"StringEquals\":{\"kms:ViaService\":99999999999999999999}}"),
	  "Statement 1, Condition", "a string" },
	{ CONDITION("{\"StringLike\":{\"kms:ViaService\":\"${aws:username}\"}}"),
	  "Statement 1, Condition", "variables" },
	{ CONDITION("{\"Bool\":{\"kms:ViaService\":\"yes\"}}"), "Statement 1, Condition",
	  "not one that Bool" },
	{ CONDITION("{\"Null\":{\"kms:ViaService\":\"1\"}}"), "Statement 1, Condition",
	  "not one that Null" },
	{ CONDITION("{\"NumericEquals\":{\"aws:EpochTime\":\"1e3\"}}"), "Statement 1, Condition",
	  "not one that Numeric" },
	{ CONDITION("{\"DateEquals\":{\"aws:EpochTime\":\"2025\"}}"), "Statement 1, Condition",
	  "not one that Date" },
	{ CONDITION("{\"DateEquals\":{\"aws:EpochTime\":\"2025-02-29\"}}"),
	  "Statement 1, Condition", "not one that Date" },
	{ CONDITION("{\"DateEquals\":{\"aws:EpochTime\":\"2025-01-01T00:00:00\"}}"),
	  "Statement 1, Condition", "not one that Date" },
	{ CONDITION("{\"IpAddress\":{\"aws:SourceIp\":\"10.0.0.0/33\"}}"), "Statement 1, Condition",
	  "not one that IpAddress" },
	{ CONDITION("{\"IpAddress\":{\"aws:SourceIp\":\"10.0.0.0/\"}}"), "Statement 1, Condition",
	  "not one that IpAddress" },
	{ CONDITION("{\"IpAddress\":{\"aws:SourceIp\":\"10.0.0.0/08\"}}"), "Statement 1, Condition",
	  "not one that IpAddress" },
	{ CONDITION("{\"ArnLike\":{\"aws:PrincipalArn\":\"arn:aws:iam::1\"}}"),
	  "Statement 1, Condition", "not one that ArnLike" },
	{ CONDITION("{\"BinaryEquals\":{\"kms:ViaService\":\"eA\"}}"), "Statement 1, Condition",
	  "not one that Binary" },
};

static void good_documents_are_taken(void **state)
{
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		_cleanup_policy_ struct policy *policy = NULL;
		struct fault f = { 0 };

		if (policy_parse(good[i], POLICY_OF_KEY, &policy, &f))
			fail_msg("%s\nexpected: taken; seen: %s", good[i], f.message);
	}
}

static void wrong_documents_are_refused_with_the_place(void **state)
{
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct policy *policy;
		struct fault f = { 0 };
		size_t size = strlen(bad[i].place);

		if (!policy_parse(bad[i].text, POLICY_OF_KEY, &policy, &f))
			fail_msg("%s\nexpected: refused for '%s'; seen: taken", bad[i].text,
				 bad[i].what);
		assert_null(policy);
		assert_string_equal(f.code, "MalformedPolicyDocumentException");
		if (strncmp(f.message, bad[i].place, size) || f.message[size] != ':' ||
		    !strstr(f.message, bad[i].what))
			fail_msg("%s\nexpected: %s: ...%s; seen: %s", bad[i].text, bad[i].place,
				 bad[i].what, f.message);
	}
}

static void a_document_has_at_most_32_kib(void **state)
{
	static char text[POLICY_MAX + 2];
	struct policy *policy;
	struct fault f;

	memset(text, ' ', POLICY_MAX + 1);
	memcpy(text, good[0], strlen(good[0]));
	assert_int_equal(policy_parse(text, POLICY_OF_KEY, &policy, &f), -1);
	assert_string_equal(f.code, "LimitExceededException");
	text[POLICY_MAX] = '\0';
	assert_int_equal(policy_parse(text, POLICY_OF_KEY, &policy, &f), 0);
	policy_free(policy);
}

static uint32_t next(uint32_t *random)
{
	*random = *random * 1664525 + 1013904223;
	return *random >> 8;
}

/* One to three edits: a byte changed, removed, doubled, or a piece of another document put in. */
static void mutate(char *text, size_t room, uint32_t *random)
{
	static const char bytes[] = "{}[]:,\"\\*?$0aA/ \x80";
	size_t documents = sizeof(bad) / sizeof(bad[0]);

	for (uint32_t edits = 1 + next(random) % 3; edits > 0; edits--) {
		size_t size = strlen(text), at = size ? next(random) % size : 0;
		const char *other = bad[next(random) % documents].text;
		size_t from = *other ? next(random) % strlen(other) : 0, piece;

		switch (next(random) % 4) {
		case 0:
			text[at] = size ? bytes[next(random) % (sizeof(bytes) - 1)] : '\0';
			break;
		case 1:
			memmove(text + at, text + at + (size > 0), size - at + (size == 0));
			break;
		default:
			piece = strlen(other + from) < 40 ? strlen(other + from) : 40;
			if (size + piece >= room)
				break;
			memmove(text + at + piece, text + at, size - at + 1);
			memcpy(text + at, other + from, piece);
		}
	}
}

/*
 * What is taken can be evaluated, and what is refused has a fault. The address sanitizer sees the
 * rest. Some edits must leave a good document, or the test would see refusals alone.
 */
static void mutated_documents_do_no_harm(void **state)
{
	static const struct policy_fact facts[] = { { "kms:ViaService", "x" },
						    { "aws:EpochTime", "1795989600" },
						    { "aws:SourceIp", "10.0.0.1" } };
	struct policy_request request = { .action = "kms:Decrypt",
					  .resource = "arn:aws:kms:us-east-1:123456789012:key/1",
					  .principal = "arn:aws:iam::123456789012:user/a",
					  .account = "123456789012",
					  .facts = facts,
					  .fact_count = 3 };
	uint32_t random = 20261129;
	size_t taken = 0, rounds = 50000;

	for (size_t i = 0; i < rounds; i++) {
		_cleanup_policy_ struct policy *policy = NULL;
		struct fault f = { 0 };
		char text[4096];

		snprintf(text, sizeof(text), "%s", good[i % (sizeof(good) / sizeof(good[0]))]);
		mutate(text, sizeof(text), &random);
		if (!policy_parse(text, POLICY_OF_KEY, &policy, &f)) {
			policy_evaluate(policy, &request);
			taken++;
			continue;
		}
		assert_string_equal(f.code, "MalformedPolicyDocumentException");
		assert_true(f.message[0] != '\0');
	}
	print_message("# %zu of %zu mutated documents were taken\n", taken, rounds);
	assert_in_range(taken, rounds / 100, rounds / 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(good_documents_are_taken),
		cmocka_unit_test(wrong_documents_are_refused_with_the_place),
		cmocka_unit_test(a_document_has_at_most_32_kib),
		cmocka_unit_test(mutated_documents_do_no_harm),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("policy document", tests, NULL, NULL);
}
