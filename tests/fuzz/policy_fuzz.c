// SPDX-License-Identifier: MIT
/* sources: ../tests/fuzz/strict_json.c kms/policy/document.c kms/policy/statement.c kms/policy/principal.c kms/policy/condition.c kms/policy/comparison.c kms/policy/pattern.c kms/policy/value.c kms/policy/evaluate.c */
/*
 * A key policy. A policy that is accepted gives the same verdicts after it was written and read again,
 * and in each order of its statements, and its verdicts are those of its statements: one that denies
 * wins. A refusal says why, in UTF-8.
 */
#include "fuzz.h"

#include <stdlib.h>
#include <string.h>

#include "kms/policy/evaluate.h"
#include "lib/base/json.h"
#include "strict_json.h"

#define KEY	    "arn:aws:kms:us-east-1:123456789012:key/aaaaaaaa-0000-4000-8000-000000000001"
#define ACCOUNT	    "123456789012"
#define OTHER	    "999999999999"
#define PLAIN	    (JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE)
#define COUNT(list) (sizeof(list) / sizeof((list)[0]))

static const struct policy_fact facts[] = {
	{ "kms:EncryptionContext:AppName", "db" },
	{ "kms:EncryptionContextKeys", "AppName" },
	{ "kms:EncryptionContextKeys", "Other" },
	{ "kms:CallerAccount", ACCOUNT },
	{ "kms:ViaService", "rds.us-east-1.amazonaws.com" },
	{ "kms:GrantIsForAWSResource", "true" },
	{ "aws:PrincipalArn", "arn:aws:iam::" ACCOUNT ":user/ops/ann" },
	{ "aws:SourceIp", "10.1.2.3" },
	{ "aws:CurrentTime", "2026-11-30T12:00:00Z" },
	{ "aws:EpochTime", "1795953600" },
};

#define USER	"arn:aws:iam::" ACCOUNT ":user/ops/ann"
#define SESSION "arn:aws:sts::" ACCOUNT ":assumed-role/app/one"
#define ROLE	"arn:aws:iam::" ACCOUNT ":role/app"
#define THEIRS	"arn:aws:iam::" OTHER ":user/eve"

static const struct policy_request requests[] = {
	{ "kms:Decrypt", KEY, USER, NULL, ACCOUNT, facts, COUNT(facts), NULL, NULL },
	{ "kms:Decrypt", KEY, USER, NULL, ACCOUNT, NULL, 0, NULL, NULL },
	{ "kms:Encrypt", KEY, SESSION, ROLE, ACCOUNT, facts, 4, NULL, NULL },
	{ "kms:PutKeyPolicy", KEY, USER, NULL, ACCOUNT, facts + 3, COUNT(facts) - 3, NULL, NULL },
	{ "kms:DisableKey", KEY, SESSION, ROLE, ACCOUNT, NULL, 0, NULL, NULL },
	{ "kms:CreateGrant", KEY, THEIRS, NULL, OTHER, facts + 7, 3, "AIDAAAAAAAAAAAAAAAAAA",
	  NULL },
	{ "kms:Decrypt", KEY, THEIRS, NULL, OTHER, facts, COUNT(facts), NULL, NULL },
	{ "kms:DescribeKey", KEY, "arn:aws:iam::" ACCOUNT ":root", NULL, ACCOUNT, facts, 1, NULL,
	  NULL },
};

static enum verdict ask(const struct policy *policy, size_t i)
{
	return policy_evaluate(policy, &requests[i]);
}

static void ask_statements(const struct policy *policy)
{
	for (size_t i = 0; i < COUNT(requests); i++) {
		enum verdict wanted = VERDICT_NONE;

		for (size_t n = policy->count; n-- > 0;) {
			struct policy one = { .statements = &policy->statements[n], .count = 1 };
			enum verdict verdict = ask(&one, i);

			if (policy->statements[n].denies)
				fuzz_holds(verdict == VERDICT_NONE || verdict == VERDICT_DENY,
					   "a Deny allows nothing");
			else
				fuzz_holds(verdict != VERDICT_DENY, "an Allow denies nothing");
			/* In this order one verdict wins over another. */
			if (verdict > wanted)
				wanted = verdict;
		}
		fuzz_holds(ask(policy, i) == wanted, "a policy says what its statements say");
	}
}

static void read_again(const struct policy *policy, enum policy_kind kind, int flags)
{
	const char *text = json_object_to_json_string_ext(policy->json, flags);
	_cleanup_policy_ struct policy *again = NULL;
	struct fault f = { 0 };

	if (strlen(text) > POLICY_MAX)
		return;
	fuzz_holds(!policy_parse(text, kind, &again, &f), "what is written is a policy");
	if (!again)
		return;
	fuzz_holds(again->count == policy->count, "it has as many statements");
	for (size_t i = 0; i < COUNT(requests); i++)
		fuzz_holds(ask(policy, i) == ask(again, i), "it has the same verdicts");
}

static bool fuzz_kind(const uint8_t *bytes, size_t size, enum policy_kind kind)
{
	_cleanup_policy_ struct policy *policy = NULL;
	struct strict_json seen = strict_json_read((const char *)bytes, size);
	char *text = memchr(bytes, '\0', size) ? NULL : strndup((const char *)bytes, size);
	struct fault f = { 0 };
	bool accepted = text && !policy_parse(text, kind, &policy, &f);

	if (text && !accepted) {
		fuzz_holds(*f.code && *f.message, "a refusal has a fault");
		seen = strict_json_read(f.message, strlen(f.message));
		fuzz_holds(seen.is_utf8, "a fault is UTF-8");
	}
	free(text);
	if (!accepted)
		return false;
	fuzz_holds(seen.is_text && seen.is_object && seen.is_utf8 && !seen.has_nul &&
			   !seen.has_half,
		   "a policy is one JSON object");
	fuzz_holds(!seen.has_twins, "no object of a policy has two members of one name");
	ask_statements(policy);
	read_again(policy, kind, PLAIN);
	read_again(policy, kind, JSON_C_TO_STRING_PRETTY);
	return true;
}

bool fuzz_one(const uint8_t *bytes, size_t size)
{
	bool of_key = fuzz_kind(bytes, size, POLICY_OF_KEY);
	bool of_user = fuzz_kind(bytes, size, POLICY_OF_USER);

	fuzz_holds(!of_key || !of_user,
		   "a policy of a key names its principals, one of a user none");
	return of_key || of_user;
}
