// SPDX-License-Identifier: MIT
/* See grant_params.h. */
#include "kms/ops/grant_params.h"

#include <ctype.h>
#include <string.h>

#include "kms/keys/context.h"
#include "kms/ops/params.h"
#include "kms/policy/principal.h"
#include "lib/base/json.h"

#define TOKENS_MOST	10
#define GRANT_ID_MOST	128 /* characters of the API; ids of grants have GRANT_ID_CHARS */
#define OPERATIONS_MOST 64  /* each operation may be there more than once */

/* Operations of AWS that a grant can give on keys of other kinds alone. */
static const char *const other_kinds[] = {
	"Decapsulate", "DeriveSharedSecret", "Encapsulate", "GenerateMac", "GetPublicKey", "Sign",
	"Verify",      "VerifyMac",
};

/**
 * grant_tokens_check() - optional GrantTokens: their form, and that this KMS made them
 *
 * A grant counts at once, so a token gives nothing that its grant does not give.
 *
 * Return: 0 or -1.
 */
int grant_tokens_check(struct call *call, struct fault *f)
{
	char grant_id[GRANT_ID_CHARS + 1];
	struct json_object *tokens;
	size_t count;

	if (param_texts(call->params, "GrantTokens", TOKENS_MOST, GRANT_TOKEN_MAX, &tokens, f))
		return -1;
	count = tokens ? json_object_array_length(tokens) : 0;
	for (size_t i = 0; i < count; i++) {
		const char *token = json_object_get_string(json_object_array_get_idx(tokens, i));

		if (store_read_token(call->kms->store, token, grant_id, f))
			return -1;
	}
	return 0;
}

/** grant_id_param() - GrantId, NULL when absent; Return: 0 or -1 */
int grant_id_param(struct json_object *params, bool needed, const char **grant_id, struct fault *f)
{
	const char *text;

	if ((needed ? param_need_text : param_text)(params, "GrantId", GRANT_ID_MOST, grant_id, f))
		return -1;
	text = *grant_id;
	if (!text ||
	    (strlen(text) == GRANT_ID_CHARS && strspn(text, "0123456789abcdef") == GRANT_ID_CHARS))
		return 0;
	return fault_set(f, "InvalidGrantIdException",
			 "The GrantId is not the id of a grant. An id has 64 hexadecimal digits.");
}

static bool has_only(const char *text, const char *more)
{
	for (; *text; text++)
		if (!isalnum((unsigned char)*text) && !strchr(more, *text))
			return false;
	return true;
}

/**
 * grant_principal_param() - ARN of a principal, NULL when absent
 * @f: ValidationException, InvalidArnException
 *
 * Return: 0 or -1.
 */
int grant_principal_param(struct json_object *params, const char *name, bool needed,
			  const char **principal, struct fault *f)
{
	if ((needed ? param_need_text : param_text)(params, name, GRANT_PRINCIPAL_MAX, principal,
						    f))
		return -1;
	if (!*principal)
		return 0;
	if (!has_only(*principal, "_+=,.@:/-"))
		return param_invalid(f, name,
				     "Member must satisfy regular expression pattern: ^[\\w+=,.@:/-]+$");
	if (principal_is_arn(*principal))
		return 0;
	return fault_set(f, "InvalidArnException",
			 "%s is not the ARN of an account (root), a user, a role or a session.",
			 name);
}

static bool is_of_other_kind(const char *operation)
{
	for (size_t i = 0; i < sizeof(other_kinds) / sizeof(other_kinds[0]); i++)
		if (!strcmp(other_kinds[i], operation))
			return true;
	return false;
}

static int read_operations(struct json_object *params, struct grant *grant, struct fault *f)
{
	struct json_object *list;

	if (param_texts(params, "Operations", OPERATIONS_MOST, SIZE_MAX, &list, f))
		return -1;
	if (!list || json_object_array_length(list) == 0)
		return param_invalid(f, "Operations",
				     list ? "Member must have length greater than or equal to 1"
					  : "Member must not be null");
	for (size_t i = 0; i < json_object_array_length(list); i++) {
		const char *name = json_object_get_string(json_object_array_get_idx(list, i));
		unsigned int bit = grant_operation(name);

		if (!bit && is_of_other_kind(name))
			return fault_set(f, "ValidationException",
					 "A grant on a symmetric encryption key cannot give %s.",
					 name);
		if (!bit)
			return param_invalid(f, "Operations",
					     "Member must satisfy enum value set: [Decrypt, Encrypt, GenerateDataKey, GenerateDataKeyWithoutPlaintext, ReEncryptFrom, ReEncryptTo, CreateGrant, RetireGrant, DescribeKey, GenerateDataKeyPair, GenerateDataKeyPairWithoutPlaintext]");
		grant->operations |= bit;
	}
	return 0;
}

static int check_context(struct json_object *constraints, const char *name, struct json_object *o,
			 struct fault *f)
{
	_cleanup_context_ struct context context = { 0 };
	int count = json_object_object_length(o);

	if (context_read(constraints, name, &context, f))
		return -1;
	if (count == 0 || count > GRANT_CONTEXT_PAIRS)
		return param_invalid(f, name, "Member must have between 1 and 8 pairs");
	json_object_object_foreach(o, key, value) {
		(void)key;
		if (json_object_get_string_len(value) > GRANT_CONTEXT_VALUE)
			return param_invalid(f, name,
					     "Values must have length less than or equal to 384");
	}
	return 0;
}

static int read_constraint(struct json_object *constraints, enum grant_constraint constraint,
			   struct grant *grant, struct fault *f)
{
	const char *name = grant_constraint_name(constraint);
	struct json_object *o;

	if (!json_find(constraints, name, &o))
		return 0;
	if (!json_object_is_type(o, json_type_object))
		return fault_set(f, "SerializationException", "%s must be an object.", name);
	if (check_context(constraints, name, o, f))
		return -1;
	if (grant->constraint != CONSTRAINT_NONE)
		return fault_set(f, "ValidationException",
				 "A grant has EncryptionContextEquals or EncryptionContextSubset, not both.");
	grant->constraint = constraint;
	grant->context = json_object_get(o);
	return 0;
}

/* What is not known, or null, is refused: a grant without it could give more than was meant. */
static int read_constraints(struct json_object *params, struct grant *grant, struct fault *f)
{
	struct json_object *o;

	if (!json_find(params, "Constraints", &o))
		return 0;
	if (!json_object_is_type(o, json_type_object))
		return fault_set(f, "SerializationException", "Constraints must be an object.");
	json_object_object_foreach(o, name, value) {
		(void)value;
		if (strcmp(name, grant_constraint_name(CONSTRAINT_EQUALS)) &&
		    strcmp(name, grant_constraint_name(CONSTRAINT_SUBSET)))
			return fault_set(f, "UnsupportedOperationException",
					 "Constraints other than EncryptionContextEquals and EncryptionContextSubset are not supported by this KMS.");
	}
	return read_constraint(o, CONSTRAINT_EQUALS, grant, f) ||
			       read_constraint(o, CONSTRAINT_SUBSET, grant, f)
		       ? -1
		       : 0;
}

static int read_name(struct json_object *params, struct grant *grant, struct fault *f)
{
	const char *name;

	if (param_text(params, "Name", GRANT_NAME_CHARS, &name, f))
		return -1;
	if (!name)
		return 0;
	if (!has_only(name, ":/_-"))
		return param_invalid(f, "Name",
				     "Member must satisfy regular expression pattern: ^[a-zA-Z0-9:/_-]+$");
	strcpy(grant->name, name);
	return 0;
}

/**
 * grant_params() - what CreateGrant says of its grant
 * @grant: zero; grant_free(), also after a fault
 *
 * Return: 0 or -1.
 */
int grant_params(struct json_object *params, struct grant *grant, struct fault *f)
{
	const char *grantee, *retiring;

	/* No service of AWS calls this KMS. */
	if (param_refuse(params, "GranteeServicePrincipal", f) ||
	    param_refuse(params, "RetiringServicePrincipal", f) ||
	    grant_principal_param(params, "GranteePrincipal", true, &grantee, f) ||
	    grant_principal_param(params, "RetiringPrincipal", false, &retiring, f) ||
	    read_operations(params, grant, f) || read_constraints(params, grant, f) ||
	    read_name(params, grant, f))
		return -1;
	strcpy(grant->grantee, grantee);
	if (retiring)
		strcpy(grant->retiring, retiring);
	return 0;
}
