// SPDX-License-Identifier: MIT
/*
 * Conditions of a statement.
 *
 * Must never let a missing key satisfy an operator, except a negated one, ...IfExists and
 * ForAllValues, as AWS has it.
 */

#include "kms/policy/condition.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "kms/policy/comparison.h"
#include "lib/base/json.h"

#define IF_EXISTS "IfExists"

/* Keys that this KMS knows, beside those of CONTEXT_KEY. Names have no case. */
static const char *const keys[] = {
	"aws:CurrentTime",
	"aws:EpochTime",
	"aws:PrincipalAccount",
	"aws:PrincipalArn",
	"aws:SourceIp",
	"kms:CallerAccount",
	"kms:EncryptionContextKeys",
	"kms:GrantConstraintType",
	"kms:GrantIsForAWSResource",
	"kms:GrantOperations",
	"kms:GranteePrincipal",
	"kms:RetiringPrincipal",
	"kms:RotationPeriodInDays",
	"kms:ViaService",
};

static bool is_known(const char *key)
{
	if (!strncasecmp(key, CONTEXT_KEY, strlen(CONTEXT_KEY)))
		return key[strlen(CONTEXT_KEY)] != '\0';
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		if (!strcasecmp(keys[i], key))
			return true;
	return false;
}

static bool take_prefix(const char **name, const char *prefix)
{
	if (strncmp(*name, prefix, strlen(prefix)))
		return false;
	*name += strlen(prefix);
	return true;
}

/* Reads "ForAnyValue:StringLikeIfExists". */
static bool read_operator(const char *name, struct condition *condition)
{
	size_t size, suffix = strlen(IF_EXISTS);

	if (take_prefix(&name, "ForAnyValue:"))
		condition->quantifier = FOR_ANY_VALUE;
	else if (take_prefix(&name, "ForAllValues:"))
		condition->quantifier = FOR_ALL_VALUES;
	size = strlen(name);
	condition->if_exists = size > suffix && !strcmp(name + size - suffix, IF_EXISTS);
	if (condition->if_exists)
		size -= suffix;
	condition->comparison = comparison_find(name, size);
	if (!condition->comparison)
		return false;
	/* Null asks about the key itself, so neither form has a meaning. */
	return condition->comparison->matches ||
	       (condition->quantifier == VALUE_ANY && !condition->if_exists);
}

static int read_condition(const char *name, const char *key, struct json_object *values,
			  const struct place *place, struct condition *condition, struct fault *f)
{
	char what[256];

	if (!read_operator(name, condition)) {
		snprintf(what, sizeof(what), "There is no operator '%.64s'.", name);
		return policy_malformed(place, f, what);
	}
	if (!is_known(key)) {
		snprintf(what, sizeof(what),
			 "The condition key '%.64s' is not supported by this KMS.", key);
		return policy_malformed(place, f, what);
	}
	condition->key = key;
	if (policy_texts(values, place, &condition->values, f))
		return -1;
	for (size_t i = 0; i < condition->values.count; i++) {
		if (!condition->comparison->reads ||
		    condition->comparison->reads(condition->values.list[i]))
			continue;
		snprintf(what, sizeof(what), "A value of '%.64s' is not one that %.64s compares.",
			 key, name);
		return policy_malformed(place, f, what);
	}
	return 0;
}

/* The number of (operator, key) pairs, or -1 with @f when an operator has no object of keys. */
static int count_conditions(struct json_object *element, const struct place *place, size_t *count,
			    struct fault *f)
{
	*count = 0;
	if (!json_object_is_type(element, json_type_object))
		return policy_malformed(place, f, "The element is an object of operators.");
	json_object_object_foreach(element, name, tested) {
		(void)name;
		if (!json_object_is_type(tested, json_type_object))
			return policy_malformed(place, f, "An operator has an object of keys.");
		*count += (size_t)json_object_object_length(tested);
	}
	return 0;
}

/**
 * conditions_read() - read the element Condition of statement @o, if there is one
 * @number: of the statement, for faults
 * @statement: its conditions are filled
 *
 * Return: 0 or -1.
 */
int conditions_read(struct json_object *o, size_t number, struct statement *statement,
		    struct fault *f)
{
	struct place place = { number, "Condition" };
	struct json_object *element;
	size_t count;

	if (!json_find(o, "Condition", &element))
		return 0;
	if (count_conditions(element, &place, &count, f))
		return -1;
	if (count == 0)
		return 0;
	statement->conditions = calloc(count, sizeof(*statement->conditions));
	if (!statement->conditions)
		return fault_set(f, "KMSInternalException", "Out of memory. Try again.");
	json_object_object_foreach(element, name, tested) {
		json_object_object_foreach(tested, key, values) {
			struct condition *next = &statement->conditions[statement->condition_count];

			/* Counted at once, so that its values are freed if it is refused. */
			statement->condition_count++;
			if (read_condition(name, key, values, &place, next, f))
				return -1;
		}
	}
	return 0;
}

/** conditions_free() - release the conditions of @statement */
void conditions_free(struct statement *statement)
{
	for (size_t i = 0; i < statement->condition_count; i++)
		free(statement->conditions[i].values.list);
	free(statement->conditions);
}

/* Does the operator hold for one value of the request? */
static bool value_holds(const struct condition *condition, const char *value)
{
	const struct comparison *comparison = condition->comparison;

	for (size_t i = 0; i < condition->values.count; i++)
		if (comparison->matches(value, condition->values.list[i]))
			return !comparison->negated;
	return comparison->negated;
}

static bool null_holds(const struct condition *condition, bool present)
{
	for (size_t i = 0; i < condition->values.count; i++)
		if (!strcasecmp(condition->values.list[i], "true") == !present)
			return true;
	return false;
}

static bool condition_holds(const struct condition *condition, const struct policy_request *request)
{
	size_t present = 0, held = 0;

	for (size_t i = 0; i < request->fact_count; i++) {
		if (strcasecmp(request->facts[i].name, condition->key))
			continue;
		present++;
		if (condition->comparison->matches)
			held += value_holds(condition, request->facts[i].value);
	}
	if (!condition->comparison->matches)
		return null_holds(condition, present > 0);
	if (present == 0 && condition->if_exists)
		return true;
	if (condition->quantifier == FOR_ALL_VALUES)
		return held == present;
	if (condition->quantifier == FOR_ANY_VALUE)
		return held > 0;
	return condition->comparison->negated ? held == present : held > 0;
}

/** conditions_hold() - all conditions of @statement must hold */
bool conditions_hold(const struct statement *statement, const struct policy_request *request)
{
	for (size_t i = 0; i < statement->condition_count; i++)
		if (!condition_holds(&statement->conditions[i], request))
			return false;
	return true;
}
