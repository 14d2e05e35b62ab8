// SPDX-License-Identifier: MIT
/*
 * Table of the operations of IAM and STS, and their words for faults.
 *
 * Must never list an operation that is not complete.
 */
#include "kms/ops/iam.h"

#include <string.h>

#include "lib/base/json.h"

#define IAM_VERSION "2010-05-08"
#define STS_VERSION "2011-06-15"

static int op_get_caller_identity(struct call *call, struct fault *f)
{
	char arn[USER_ARN_MAX];

	principal_arn(call->caller, arn);
	json_add_string(call->reply, "Arn", arn);
	json_add_string(call->reply, "UserId",
			call->user ? call->user->id : call->caller->access_key);
	json_add_string(call->reply, "Account", call->account);
	return 0;
}

static const struct op iam_ops[] = {
	{ "CreateAccessKey", op_create_access_key, OP_CHANGES },
	{ "CreateUser", op_create_user, OP_CHANGES },
	{ "DeleteAccessKey", op_delete_access_key, OP_REVOKES },
	{ "DeleteUser", op_delete_user, OP_REVOKES },
	{ "DeleteUserPolicy", op_delete_user_policy, OP_REVOKES },
	{ "GetUser", op_get_user, OP_READS },
	{ "GetUserPolicy", op_get_user_policy, OP_READS },
	{ "ListAccessKeys", op_list_access_keys, OP_READS },
	{ "ListUserPolicies", op_list_user_policies, OP_READS },
	{ "ListUsers", op_list_users, OP_READS },
	{ "PutUserPolicy", op_put_user_policy, OP_REVOKES },
	{ "UpdateAccessKey", op_update_access_key, OP_REVOKES },
};

static const struct op sts_ops[] = {
	{ "GetCallerIdentity", op_get_caller_identity, OP_READS },
};

/** iam_service() - of a request of the Query protocol, by its Version; Return: "iam" or "sts" */
const char *iam_service(const char *version)
{
	return version && !strcmp(version, STS_VERSION) ? "sts" : "iam";
}

static bool is_version(const struct call *call)
{
	const char *version = json_get_string(call->params, "Version");

	return version &&
	       !strcmp(version, !strcmp(call->service, "sts") ? STS_VERSION : IAM_VERSION);
}

/** iam_check_version() - AWS finds no operation in a version that does not exist; Return: 0 or -1 */
int iam_check_version(const struct call *call, const char *name, struct fault *f)
{
	const char *version = json_get_string(call->params, "Version");

	if (is_version(call))
		return 0;
	return fault_set(f, "InvalidAction", "Could not find operation %.64s for version %.64s",
			 name, version ? version : "NO_VERSION_SPECIFIED");
}

/** iam_find() - by name; Return: borrowed, or NULL */
const struct op *iam_find(const char *service, const char *name)
{
	return !strcmp(service, "sts") ? op_in(sts_ops, sizeof(sts_ops) / sizeof(sts_ops[0]), name)
				       : op_in(iam_ops, sizeof(iam_ops) / sizeof(iam_ops[0]), name);
}

/**
 * iam_revokes() - does @call, whose operation is one that revokes, take rights away?
 *
 * What may give some does not use the space that a full disk has for revocations.
 */
bool iam_revokes(struct call *call)
{
	const char *status = json_get_string(call->params, "Status");

	if (!strcmp(call->operation, "UpdateAccessKey"))
		return status && !strcmp(status, "Inactive");
	return strcmp(call->operation, "PutUserPolicy") || user_policy_restricts(call);
}

/** iam_not_served() - refuse the operation @name, which iam_find() does not know; Return: -1 */
int iam_not_served(const char *service, const char *name, struct fault *f)
{
	if (!strcmp(service, "sts"))
		return fault_set(f, "UnsupportedOperation",
				 "%s is not supported by this KMS: it has no roles and no session tokens. Use the access key of a user.",
				 name);
	return fault_set(f, "UnsupportedOperation",
			 "%s is not supported by this KMS. It has users, their access keys and their inline policies, and no groups, roles and managed policies.",
			 name);
}

/* Faults that both have, and that IAM names otherwise than without "Exception". */
static const struct {
	const char *kms, *iam;
} words[] = {
	{ "KMSInternalException", "ServiceFailure" },
	{ "InternalFailure", "ServiceFailure" },
	{ "UnrecognizedClientException", "InvalidClientTokenId" },
	{ "InvalidSignatureException", "SignatureDoesNotMatch" },
	{ "ValidationException", "ValidationError" },
	{ "SerializationException", "ValidationError" },
	{ "InvalidMarkerException", "ValidationError" },
};

/** iam_fault() - give the code of @f the word that IAM has for it */
void iam_fault(struct fault *f)
{
	static const char end[] = "Exception";
	size_t size = strlen(f->code);

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (strcmp(f->code, words[i].kms))
			continue;
		strcpy(f->code, words[i].iam);
		return;
	}
	if (size > strlen(end) && !strcmp(f->code + size - strlen(end), end))
		f->code[size - strlen(end)] = '\0';
}

/** iam_status() - the HTTP status of a fault of IAM */
unsigned int iam_status(const struct fault *f)
{
	static const struct {
		const char *code;
		unsigned int status;
	} statuses[] = {
		{ "AccessDenied", HTTP_FORBIDDEN },
		{ "DeleteConflict", HTTP_CONFLICT },
		{ "EntityAlreadyExists", HTTP_CONFLICT },
		{ "InvalidClientTokenId", HTTP_FORBIDDEN },
		{ "LimitExceeded", HTTP_CONFLICT },
		{ "MissingAuthenticationToken", HTTP_FORBIDDEN },
		{ "NoSuchEntity", HTTP_NOT_FOUND },
		{ "ServiceFailure", HTTP_SERVER_ERROR },
		{ "SignatureDoesNotMatch", HTTP_FORBIDDEN },
	};

	for (size_t i = 0; i < sizeof(statuses) / sizeof(statuses[0]); i++)
		if (!strcmp(f->code, statuses[i].code))
			return statuses[i].status;
	return HTTP_BAD_REQUEST;
}

/** iam_answer() - what the answer to @call is made of */
struct query_answer iam_answer(const struct call *call)
{
	bool sts = !strcmp(call->service, "sts");

	return (struct query_answer){
		.xmlns = sts ? "https://sts.amazonaws.com/doc/" STS_VERSION "/"
			     : "https://iam.amazonaws.com/doc/" IAM_VERSION "/",
		.operation = call->operation,
		.request_id = call->request_id,
	};
}
