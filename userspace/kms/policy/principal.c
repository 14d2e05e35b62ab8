// SPDX-License-Identifier: MIT
/*
 * Principals of a statement.
 *
 * Must never take an account in NotPrincipal for all of its users: AWS spares only a caller that is
 * listed by name, with its account beside it.
 */

#include "kms/policy/principal.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/arn.h"
#include "lib/base/json.h"

#define ACCOUNT_DIGITS 12

static const char *const iam_kinds[] = { "root", "user/", "role/", NULL };
static const char *const sts_kinds[] = { "assumed-role/", "federated-user/", NULL };

/* Is @resource the word itself, or a word that ends in a slash and a name? */
static bool is_of_kind(const char *resource, const char *const *kinds)
{
	for (; *kinds; kinds++) {
		size_t size = strlen(*kinds);

		if ((*kinds)[size - 1] != '/' ? !strcmp(resource, *kinds)
					      : !strncmp(resource, *kinds, size) && resource[size])
			return true;
	}
	return false;
}

/* The account that begins at @text, or false */
static bool take_account(const char *text, char account[ACCOUNT_DIGITS + 1])
{
	size_t size = strnlen(text, ACCOUNT_DIGITS);

	memcpy(account, text, size);
	account[size] = '\0';
	return arn_valid_account(account);
}

/** principal_is_arn() - is @text the ARN of an account, a user, a role or a session? */
bool principal_is_arn(const char *text)
{
	static const char iam[] = "arn:aws:iam::", sts[] = "arn:aws:sts::";
	char account[ACCOUNT_DIGITS + 1];
	bool is_iam = !strncmp(text, iam, strlen(iam));

	if (!is_iam && strncmp(text, sts, strlen(sts)))
		return false;
	text += strlen(iam);
	if (!take_account(text, account) || text[ACCOUNT_DIGITS] != ':')
		return false;
	return is_of_kind(text + ACCOUNT_DIGITS + 1, is_iam ? iam_kinds : sts_kinds);
}

static bool is_principal(const char *text)
{
	if (!strcmp(text, "*") || arn_valid_account(text))
		return true;
	return !strpbrk(text, "*?") && principal_is_arn(text);
}

static int check(const struct texts *principals, const struct place *place, struct fault *f)
{
	for (size_t i = 0; i < principals->count; i++)
		if (!is_principal(principals->list[i]))
			return policy_malformed(place, f,
						"Policy contains a statement with one or more invalid principals. A principal is '*', an account, or the ARN of an account, user or role, without wildcards.");
	return 0;
}

/* No caller of this KMS is an AWS service: a service in the list matches nobody. */
static int check_service(struct json_object *o, const struct place *place, struct fault *f)
{
	struct texts services = { 0 };
	struct json_object *value;
	int r;

	if (!json_find(o, "Service", &value))
		return 0;
	r = policy_texts(value, place, &services, f);
	free(services.list);
	return r;
}

static int read_typed(struct json_object *o, const struct place *place, struct texts *principals,
		      struct fault *f)
{
	struct json_object *aws;

	json_object_object_foreach(o, name, value) {
		(void)value;
		if (strcmp(name, "AWS") && strcmp(name, "Service"))
			return policy_malformed(place, f, "A principal is of type AWS or Service.");
	}
	if (json_object_object_length(o) == 0)
		return policy_malformed(place, f, "The element names no principal.");
	if (check_service(o, place, f))
		return -1;
	if (!json_find(o, "AWS", &aws))
		return 0;
	return policy_texts(aws, place, principals, f) ? -1 : check(principals, place, f);
}

/**
 * principal_read() - read the element of statement @o
 * @number: of the statement, for faults
 * @statement: its principals are filled
 *
 * Return: 0 or -1.
 */
int principal_read(struct json_object *o, size_t number, struct statement *statement,
		   struct fault *f)
{
	struct place place = { number, "Principal" };
	struct json_object *element, *other;

	statement->not_principal = json_find(o, "NotPrincipal", &element);
	if (statement->not_principal == json_find(o, "Principal", &other))
		return policy_malformed(&place, f,
					"A statement has this element or its Not form, and one of them.");
	if (statement->not_principal)
		place.element = "NotPrincipal";
	else
		element = other;
	if (statement->not_principal && !statement->denies)
		return policy_malformed(&place, f, "NotPrincipal is for the effect Deny alone.");
	if (json_object_is_type(element, json_type_object))
		return read_typed(element, &place, &statement->principals, f);
	if (!json_object_is_type(element, json_type_string) ||
	    strcmp(json_object_get_string(element), "*"))
		return policy_malformed(&place, f, "The element is '*' or an object.");
	return policy_texts(element, &place, &statement->principals, f);
}

/* Does @value name the account of the caller as a whole? */
static bool names_account(const char *value, const char *account)
{
	char whole[64] = "arn:aws:iam::";

	strncat(whole, account, ACCOUNT_DIGITS);
	strcat(whole, ":root");
	return !strcmp(value, account) || !strcmp(value, whole);
}

static bool lists(const struct texts *principals, const char *arn)
{
	for (size_t i = 0; i < principals->count; i++)
		if (!strcmp(principals->list[i], arn))
			return true;
	return false;
}

/*
 * Does @name name the caller? A name that is bound names the user with its id, however the user is
 * called, and another name names principals without an id.
 */
static bool names_caller(const char *name, const struct policy_request *request)
{
	const char *id = request->users ? json_get_string(request->users, name) : NULL;

	if (id)
		return request->user_id && !strcmp(id, request->user_id);
	return !request->user_id && !strcmp(name, request->principal);
}

static bool lists_caller(const struct texts *principals, const struct policy_request *request)
{
	for (size_t i = 0; i < principals->count; i++)
		if (names_caller(principals->list[i], request))
			return true;
	return false;
}

static bool lists_account(const struct texts *principals, const char *account)
{
	for (size_t i = 0; i < principals->count; i++)
		if (names_account(principals->list[i], account))
			return true;
	return false;
}

static bool is_spared(const struct texts *principals, const struct policy_request *request)
{
	if (lists(principals, "*"))
		return true;
	return lists_caller(principals, request) &&
	       (!request->role || lists(principals, request->role)) &&
	       lists_account(principals, request->account);
}

/** principal_named() - how does the statement name the caller of @request? */
enum named principal_named(const struct statement *statement, const struct policy_request *request)
{
	const struct texts *principals = &statement->principals;

	if (statement->of_user)
		return NAMED_DIRECTLY;
	if (statement->not_principal)
		return is_spared(principals, request) ? NAMED_NOT : NAMED_DIRECTLY;
	if (lists(principals, "*") || lists_caller(principals, request) ||
	    (request->role && lists(principals, request->role)))
		return NAMED_DIRECTLY;
	return lists_account(principals, request->account) ? NAMED_ACCOUNT : NAMED_NOT;
}
