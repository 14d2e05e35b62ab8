// SPDX-License-Identifier: MIT
/*
 * A grant, in its stored form and in AWS's.
 *
 * Must never change the meaning of the stored form: the seals of existing grants cover it.
 */

#include "kms/grants/grant.h"

#include <stdio.h>
#include <string.h>

#include "lib/base/json.h"

/* Those of GRANT_DATA_OPERATIONS are part of the names of groups: never change one. */
static const struct {
	const char *name;
	enum grant_operation bit;
} operations[] = {
	{ "Decrypt", GRANT_DECRYPT },
	{ "Encrypt", GRANT_ENCRYPT },
	{ "GenerateDataKey", GRANT_GENERATE_DATA_KEY },
	{ "GenerateDataKeyWithoutPlaintext", GRANT_GENERATE_DATA_KEY_WITHOUT_PLAINTEXT },
	{ "ReEncryptFrom", GRANT_RE_ENCRYPT_FROM },
	{ "ReEncryptTo", GRANT_RE_ENCRYPT_TO },
	{ "CreateGrant", GRANT_CREATE_GRANT },
	{ "RetireGrant", GRANT_RETIRE_GRANT },
	{ "DescribeKey", GRANT_DESCRIBE_KEY },
	{ "GenerateDataKeyPair", GRANT_GENERATE_DATA_KEY_PAIR },
	{ "GenerateDataKeyPairWithoutPlaintext", GRANT_GENERATE_DATA_KEY_PAIR_WITHOUT_PLAINTEXT },
};

#define OPERATIONS (sizeof(operations) / sizeof(operations[0]))

static const char *const constraint_names[] = {
	[CONSTRAINT_EQUALS] = "EncryptionContextEquals",
	[CONSTRAINT_SUBSET] = "EncryptionContextSubset",
};

/** grant_free() - release what @grant owns */
void grant_free(struct grant *grant)
{
	json_object_put(grant->context);
	grant->context = NULL;
}

/** grant_grantee() - whom the grant is for: the unique id of a user, or else an ARN */
const char *grant_grantee(const struct grant *grant)
{
	return grant->grantee_id[0] ? grant->grantee_id : grant->grantee;
}

/** grant_retiring() - as grant_grantee(), of who may retire the grant; "" for nobody */
const char *grant_retiring(const struct grant *grant)
{
	return grant->retiring_id[0] ? grant->retiring_id : grant->retiring;
}

/** grant_operation() - the bit of the operation @name; 0 if a grant of a symmetric key cannot give it */
unsigned int grant_operation(const char *name)
{
	for (size_t i = 0; i < OPERATIONS; i++)
		if (!strcmp(operations[i].name, name))
			return operations[i].bit;
	return 0;
}

/** grant_operation_name() - inverse of grant_operation(); NULL for another bit */
const char *grant_operation_name(unsigned int bit)
{
	for (size_t i = 0; i < OPERATIONS; i++)
		if (operations[i].bit == bit)
			return operations[i].name;
	return NULL;
}

/** grant_operations() - their names; Return: new array or NULL */
struct json_object *grant_operations(const struct grant *grant)
{
	struct json_object *list = json_object_new_array();

	for (size_t i = 0; i < OPERATIONS; i++)
		if (grant->operations & operations[i].bit)
			json_object_array_add(list, json_object_new_string(operations[i].name));
	return list;
}

/** grant_constraint_name() - "EncryptionContextEquals", "EncryptionContextSubset"; NULL for none */
const char *grant_constraint_name(enum grant_constraint constraint)
{
	return constraint_names[constraint];
}

/** grant_same() - would @a and @b give the same? Their ids, tokens and times do not count */
bool grant_same(const struct grant *a, const struct grant *b)
{
	return !strcmp(a->key_id, b->key_id) && !strcmp(a->issuer, b->issuer) &&
	       !strcmp(grant_grantee(a), grant_grantee(b)) &&
	       !strcmp(grant_retiring(a), grant_retiring(b)) && !strcmp(a->name, b->name) &&
	       a->operations == b->operations && a->constraint == b->constraint &&
	       json_object_equal(a->context, b->context);
}

static void add_optional(struct json_object *o, const char *name, const char *value)
{
	if (value[0])
		json_add_string(o, name, value);
}

/* What the record and the entry of a listing share. */
static void add_terms(struct json_object *o, const struct grant *grant)
{
	struct json_object *constraints;

	add_optional(o, "Name", grant->name);
	json_add_int(o, "CreationDate", grant->created);
	json_add_string(o, "GranteePrincipal", grant->grantee);
	add_optional(o, "RetiringPrincipal", grant->retiring);
	json_add_object(o, "Operations", grant_operations(grant));
	if (grant->constraint == CONSTRAINT_NONE)
		return;
	constraints = json_object_new_object();
	json_add_object(constraints, constraint_names[grant->constraint],
			json_object_get(grant->context));
	json_add_object(o, "Constraints", constraints);
}

/** grant_record() - the grant as it is sealed; Return: new object or NULL */
struct json_object *grant_record(const struct grant *grant)
{
	struct json_object *record = json_object_new_object();

	json_add_string(record, "Record", "grant");
	json_add_string(record, "GrantId", grant->id);
	json_add_string(record, "KeyId", grant->key_id);
	json_add_string(record, "Account", grant->account);
	json_add_string(record, "Region", grant->region);
	json_add_string(record, "Issuer", grant->issuer);
	add_optional(record, "GranteeId", grant->grantee_id);
	add_optional(record, "RetiringId", grant->retiring_id);
	add_terms(record, grant);
	return record;
}

static int copy_optional(struct json_object *record, const char *key, char *field, size_t size)
{
	field[0] = '\0';
	return json_has(record, key) ? json_copy_string(record, key, field, size) : 0;
}

/* A grant with an operation or a constraint that is not known would give more than it says. */
static int take_operations(struct json_object *record, struct grant *grant)
{
	struct json_object *list = json_get_array(record, "Operations");
	size_t count = list ? json_object_array_length(list) : 0;

	for (size_t i = 0; i < count; i++) {
		const char *name = json_object_get_string(json_object_array_get_idx(list, i));
		unsigned int bit = name ? grant_operation(name) : 0;

		if (!bit)
			return -1;
		grant->operations |= bit;
	}
	return grant->operations ? 0 : -1;
}

static int take_constraint(struct json_object *record, struct grant *grant)
{
	struct json_object *constraints = json_get_object(record, "Constraints");
	enum grant_constraint constraint = CONSTRAINT_EQUALS;

	if (!constraints)
		return json_has(record, "Constraints") ? -1 : 0;
	if (json_has(constraints, constraint_names[CONSTRAINT_SUBSET]))
		constraint = CONSTRAINT_SUBSET;
	grant->context = json_get_object(constraints, constraint_names[constraint]);
	if (!grant->context || json_object_object_length(constraints) != 1)
		return -1;
	json_object_get(grant->context);
	grant->constraint = constraint;
	return 0;
}

/** grant_from_record() - inverse of grant_record(); Return: 0 or -1 when a member is missing */
int grant_from_record(struct json_object *record, struct grant *grant)
{
	const char *kind = json_get_string(record, "Record");

	memset(grant, 0, sizeof(*grant));
	if (!kind || strcmp(kind, "grant") ||
	    json_copy_string(record, "GrantId", grant->id, sizeof(grant->id)) ||
	    json_copy_string(record, "KeyId", grant->key_id, sizeof(grant->key_id)) ||
	    json_copy_string(record, "Account", grant->account, sizeof(grant->account)) ||
	    json_copy_string(record, "Region", grant->region, sizeof(grant->region)) ||
	    json_copy_string(record, "Issuer", grant->issuer, sizeof(grant->issuer)) ||
	    json_copy_string(record, "GranteePrincipal", grant->grantee, sizeof(grant->grantee)) ||
	    copy_optional(record, "RetiringPrincipal", grant->retiring, sizeof(grant->retiring)) ||
	    copy_optional(record, "GranteeId", grant->grantee_id, sizeof(grant->grantee_id)) ||
	    copy_optional(record, "RetiringId", grant->retiring_id, sizeof(grant->retiring_id)) ||
	    copy_optional(record, "Name", grant->name, sizeof(grant->name)) ||
	    take_operations(record, grant))
		return -1;
	grant->created = json_get_int(record, "CreationDate", 0);
	return take_constraint(record, grant);
}

/** grant_entry() - AWS's GrantListEntry; Return: new object or NULL */
struct json_object *grant_entry(const struct grant *grant)
{
	struct json_object *entry = json_object_new_object();
	char arn[ARN_MAX], issuer[64];

	arn_format_key(arn, "aws", grant->region, grant->account, grant->key_id);
	snprintf(issuer, sizeof(issuer), "arn:aws:iam::%s:root", grant->issuer);
	json_add_string(entry, "KeyId", arn);
	json_add_string(entry, "GrantId", grant->id);
	json_add_string(entry, "IssuingAccount", issuer);
	add_terms(entry, grant);
	return entry;
}
