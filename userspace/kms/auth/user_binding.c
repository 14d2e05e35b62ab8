// SPDX-License-Identifier: MIT
/* See user_binding.h. */
#include "kms/auth/user_binding.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "kms/policy/document.h"
#include "lib/base/json.h"

#define ACCOUNT_DIGITS 12

/* As a document is shown. */
#define TEXT (JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_SPACED | JSON_C_TO_STRING_NOSLASHESCAPE)

/* Takes the ARN of a user apart. Return: the name in @arn, or NULL for another principal */
static const char *split(const char *arn, char account[ACCOUNT_DIGITS + 1])
{
	static const char iam[] = "arn:aws:iam::", user[] = ":user/";

	if (strncmp(arn, iam, strlen(iam)) ||
	    strnlen(arn + strlen(iam), ACCOUNT_DIGITS) < ACCOUNT_DIGITS)
		return NULL;
	arn += strlen(iam);
	memcpy(account, arn, ACCOUNT_DIGITS);
	account[ACCOUNT_DIGITS] = '\0';
	arn += ACCOUNT_DIGITS;
	return strncmp(arn, user, strlen(user)) ? NULL : arn + strlen(user);
}

/* The user that has the ARN, whose case counts. Return: 0, -ENOENT with @f untouched, or -1 */
static int find(struct kms *kms, const char *account, const char *name, struct user *user,
		struct fault *f)
{
	int r;

	if (!principal_name_valid(name, USER_NAME_CHARS))
		return -ENOENT;
	r = store_get_user(kms->store, account, name, user, f);
	return r || !strcmp(user->name, name) ? r : -ENOENT;
}

/* Has a profile the name, or is the account served elsewhere, where nobody here knows its users? */
static bool is_other(const struct kms *kms, const char *account, const char *name)
{
	const struct principals *profiles = &kms->principals;
	bool served = !strcmp(account, kms->account);

	for (size_t i = 0; i < profiles->count; i++) {
		if (strcmp(profiles->list[i].account, account))
			continue;
		if (!strcmp(profiles->list[i].name, name))
			return true;
		served = true;
	}
	return !served;
}

/**
 * user_bind() - the unique id of the user that @arn names
 * @arn: of any principal
 * @id: set; "" for a principal without one: a profile, an account, a role, or of an account that
 *	this KMS does not serve
 *
 * Return: 0; -ENOENT with @f untouched when the account is served, and has neither a user nor a
 * profile of this name; or -1.
 */
int user_bind(struct kms *kms, const char *arn, char id[USER_ID_CHARS + 1], struct fault *f)
{
	_cleanup_user_ struct user user = { 0 };
	char account[ACCOUNT_DIGITS + 1];
	const char *name = split(arn, account);
	int r;

	id[0] = '\0';
	if (!name)
		return 0;
	r = find(kms, account, name, &user, f);
	if (r == -ENOENT)
		return is_other(kms, account, name) ? 0 : -ENOENT;
	if (!r)
		strcpy(id, user.id);
	return r;
}

static int bind_one(struct kms *kms, const char *arn, struct json_object *users, struct fault *f)
{
	char id[USER_ID_CHARS + 1];
	int r = user_bind(kms, arn, id, f);

	if (r == -ENOENT)
		return fault_set(f, "MalformedPolicyDocumentException",
				 "Policy contains a statement with one or more invalid principals: there is no user and no profile %.200s.",
				 arn);
	if (!r && id[0])
		json_add_string(users, arn, id);
	return r;
}

/**
 * user_bind_policy() - bind the principals of the policy that was put into @cmk
 * @f: MalformedPolicyDocumentException, LimitExceededException; KMSInternalException
 *
 * Return: 0 or -1.
 */
int user_bind_policy(struct kms *kms, struct cmk *cmk, struct fault *f)
{
	_cleanup_policy_ struct policy *policy = NULL;

	if (policy_parse(cmk->policy, POLICY_OF_KEY, &policy, f))
		return -1;
	json_object_put(cmk->policy_users);
	cmk->policy_users = json_object_new_object();
	if (!cmk->policy_users)
		return fault_set(f, "KMSInternalException", "Out of memory. Try again.");
	for (size_t i = 0; i < policy->count; i++) {
		const struct texts *principals = &policy->statements[i].principals;

		for (size_t j = 0; j < principals->count; j++)
			if (bind_one(kms, principals->list[j], cmk->policy_users, f))
				return -1;
	}
	return 0;
}

/** user_is_gone() - was the user with @id deleted, which had @arn? False if nobody knows */
bool user_is_gone(struct kms *kms, const char *arn, const char *id)
{
	_cleanup_user_ struct user user = { 0 };
	char account[ACCOUNT_DIGITS + 1];
	const char *name = split(arn, account);
	struct fault ignored;
	int r = name ? find(kms, account, name, &user, &ignored) : 0;

	return r == -ENOENT || (name && !r && strcmp(user.id, id));
}

/* @gone: ARNs of users that are gone, with their ids */
static struct json_object *show_one(struct json_object *principal, struct json_object *gone)
{
	const char *arn = json_object_get_string(principal);
	const char *id = json_object_is_type(principal, json_type_string)
				 ? json_get_string(gone, arn)
				 : NULL;

	return id ? json_object_new_string(id) : json_object_get(principal);
}

static void show_element(struct json_object *statement, const char *name, struct json_object *gone)
{
	struct json_object *element = json_get_object(statement, name);
	struct json_object *aws = element ? json_get(element, "AWS") : NULL;

	if (json_object_is_type(aws, json_type_array)) {
		for (size_t i = 0; i < json_object_array_length(aws); i++)
			json_object_array_put_idx(aws, i,
						  show_one(json_object_array_get_idx(aws, i),
							   gone));
	} else if (aws) {
		json_add_object(element, "AWS", show_one(aws, gone));
	}
}

static void show_statement(struct json_object *statement, struct json_object *gone)
{
	show_element(statement, "Principal", gone);
	show_element(statement, "NotPrincipal", gone);
}

/* Return: @text with the ids of users that are gone; malloc'd, or NULL when memory is short */
static char *show(const char *text, struct json_object *gone)
{
	_cleanup_json_ struct json_object *policy = json_parse(text, strlen(text));
	struct json_object *statements = policy ? json_get(policy, "Statement") : NULL;

	if (!statements)
		return strdup(text);
	if (json_object_is_type(statements, json_type_array))
		for (size_t i = 0; i < json_object_array_length(statements); i++)
			show_statement(json_object_array_get_idx(statements, i), gone);
	else
		show_statement(statements, gone);
	return strdup(json_object_to_json_string_ext(policy, TEXT));
}

/**
 * user_show_policy() - the policy as GetKeyPolicy shows it: a user that is gone is its id
 * @text: of the policy of @cmk; malloc'd, taken over
 *
 * Return: malloc'd, or NULL when memory is short.
 */
char *user_show_policy(struct kms *kms, const struct cmk *cmk, char *text)
{
	_cleanup_json_ struct json_object *gone = json_object_new_object();
	char *shown;

	if (!gone || !text) {
		free(text);
		return NULL;
	}
	if (cmk->policy_users) {
		json_object_object_foreach(cmk->policy_users, arn, id) {
			if (user_is_gone(kms, arn, json_object_get_string(id)))
				json_add_object(gone, arn, json_object_get(id));
		}
	}
	if (json_object_object_length(gone) == 0)
		return text;
	shown = show(text, gone);
	free(text);
	return shown;
}
