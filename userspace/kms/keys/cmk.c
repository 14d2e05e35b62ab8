// SPDX-License-Identifier: MIT
/*
 * A customer master key's metadata, in its stored form and in AWS's.
 *
 * Must never change the meaning of the stored form: the seals of existing keys cover it.
 */

#include "kms/keys/cmk.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kms/keys/tags.h"
#include "lib/base/json.h"

/*
 * A version without policies refuses the second kind. It would take the first one without its policy,
 * and drop the policy with the next change of the key, and each explicit Deny with it. So does a version
 * without tags with the third kind, which may have a policy too.
 */
#define PLAIN_RECORD  "key"
#define POLICY_RECORD "key-with-policy"
#define TAGS_RECORD   "key-with-tags"

/** cmk_free() - release what @cmk owns */
void cmk_free(struct cmk *cmk)
{
	free(cmk->description);
	cmk->description = NULL;
	free(cmk->policy);
	cmk->policy = NULL;
	json_object_put(cmk->policy_users);
	cmk->policy_users = NULL;
	json_object_put(cmk->tags);
	cmk->tags = NULL;
	json_object_put(cmk->materials);
	cmk->materials = NULL;
}

/** cmk_arn() - write the key's ARN */
void cmk_arn(const struct cmk *cmk, char arn[ARN_MAX])
{
	arn_format_key(arn, "aws", cmk->region, cmk->account, cmk->key_id);
}

/**
 * cmk_material_id() - the id of the material with @number, which the key has
 * @id: filled
 *
 * Return: @id.
 */
const char *cmk_material_id(const struct cmk *cmk, size_t number, char id[MATERIAL_ID_CHARS + 1])
{
	struct material material;

	if (materials_get(cmk->materials, number, &material))
		memcpy(id, cmk->first_material, sizeof(cmk->first_material));
	else
		memcpy(id, material.id, sizeof(material.id));
	return id;
}

/** cmk_begin_rotation() - rotate the key each @days from @now on, which is of store_clock() */
void cmk_begin_rotation(struct cmk *cmk, int days, int64_t now)
{
	cmk->rotation_days = days;
	cmk->rotation_due = now + (int64_t)days * CMK_DAY_SECONDS;
}

/**
 * cmk_pass_rotation() - the rotation that was due is done; the next one is a period later
 *
 * The first one after a long time in which the key was disabled begins the periods anew.
 */
void cmk_pass_rotation(struct cmk *cmk, int64_t now)
{
	cmk->rotation_due += (int64_t)cmk->rotation_days * CMK_DAY_SECONDS;
	if (cmk->rotation_due <= now)
		cmk_begin_rotation(cmk, cmk->rotation_days, now);
}

static const char *record_kind(const struct cmk *cmk)
{
	if (cmk->tags)
		return TAGS_RECORD;
	return cmk->policy ? POLICY_RECORD : PLAIN_RECORD;
}

static struct json_object *usage_record(const struct key_usage *usage)
{
	struct json_object *o = json_object_new_object();

	json_add_string(o, "Operation", usage->operation);
	json_add_int(o, "Time", usage->time);
	json_add_string(o, "Event", usage->event);
	json_add_string(o, "Request", usage->request);
	return o;
}

/* A use that cannot be read must not look like none. */
static int take_usage(struct json_object *record, struct key_usage *usage)
{
	struct json_object *o = json_get(record, "LastUsage");

	if (!o)
		return json_has(record, "LastUsage") ? -1 : 0;
	usage->time = json_get_int(o, "Time", 0);
	return json_copy_string(o, "Operation", usage->operation, sizeof(usage->operation)) ||
			       json_copy_string(o, "Event", usage->event, sizeof(usage->event)) ||
			       json_copy_string(o, "Request", usage->request,
						sizeof(usage->request))
		       ? -1
		       : 0;
}

/** cmk_record() - the metadata as it is sealed; Return: new object or NULL */
struct json_object *cmk_record(const struct cmk *cmk)
{
	struct json_object *record = json_object_new_object();

	json_add_string(record, "Record", record_kind(cmk));
	json_add_string(record, "KeyId", cmk->key_id);
	json_add_string(record, "Account", cmk->account);
	json_add_string(record, "Region", cmk->region);
	json_add_string(record, "Description", cmk->description);
	json_add_string(record, "State", key_state_name(cmk->state));
	json_add_bool(record, "AwsManaged", cmk->aws_managed);
	json_add_int(record, "Created", cmk->created);
	json_add_int(record, "Deletion", cmk->deletion);
	if (cmk->due != CMK_DUE_UNKNOWN)
		json_add_int(record, "Due", cmk->due);
	json_add_int(record, "PendingDays", cmk->pending_days);
	json_add_string(record, "Policy", cmk->policy);
	if (cmk->policy_users && json_object_object_length(cmk->policy_users) > 0)
		json_add_object(record, "PolicyUsers", json_object_get(cmk->policy_users));
	if (cmk->tags)
		json_add_object(record, "Tags", json_object_get(cmk->tags));
	if (cmk->first_material[0])
		json_add_string(record, "FirstMaterial", cmk->first_material);
	if (cmk->materials)
		json_add_object(record, "Materials", json_object_get(cmk->materials));
	if (cmk->usage.operation[0])
		json_add_object(record, "LastUsage", usage_record(&cmk->usage));
	if (cmk->rotation_days) {
		json_add_int(record, "RotationDays", cmk->rotation_days);
		json_add_int(record, "RotationDue", cmk->rotation_due);
	}
	return record;
}

/* A policy in a record of the plain kind comes from the first version with policies. */
static bool is_key(struct json_object *record)
{
	const char *kind = json_get_string(record, "Record");

	return kind && (!strcmp(kind, PLAIN_RECORD) ||
			(!strcmp(kind, POLICY_RECORD) && json_has(record, "Policy")) ||
			(!strcmp(kind, TAGS_RECORD) && tags_valid(json_get(record, "Tags"))));
}

/*
 * A key without a policy has the default one, so a policy that cannot be read must not be dropped. Nor
 * must the users that it names.
 */
static int take_texts(struct json_object *record, const char *description, struct cmk *cmk)
{
	const char *policy = json_get_string(record, "Policy");
	struct json_object *users = json_get_object(record, "PolicyUsers");

	if ((!policy && json_has(record, "Policy")) || (!users && json_has(record, "PolicyUsers")))
		return -1;
	cmk->policy_users = json_object_get(users);
	cmk->description = strdup(description);
	cmk->policy = policy ? strdup(policy) : NULL;
	if (cmk->description && (cmk->policy || !policy))
		return 0;
	cmk_free(cmk);
	return -1;
}

/*
 * A record of before rotations has none of this. A material that cannot be read must not be
 * forgotten.
 */
static int take_materials(struct json_object *record, struct cmk *cmk)
{
	struct json_object *materials = json_get(record, "Materials");

	if (json_has(record, "FirstMaterial") &&
	    json_copy_string(record, "FirstMaterial", cmk->first_material,
			     sizeof(cmk->first_material)))
		return -1;
	if (json_has(record, "Materials") && !materials_valid(materials))
		return -1;
	cmk->materials = json_object_get(materials);
	return 0;
}

/** cmk_from_record() - inverse of cmk_record(); Return: 0 or -1 when a member is missing */
int cmk_from_record(struct json_object *record, struct cmk *cmk)
{
	const char *state = json_get_string(record, "State");
	const char *description = json_get_string(record, "Description");

	memset(cmk, 0, sizeof(*cmk));
	if (!is_key(record) || !state || !description ||
	    json_copy_string(record, "KeyId", cmk->key_id, sizeof(cmk->key_id)) ||
	    json_copy_string(record, "Account", cmk->account, sizeof(cmk->account)) ||
	    json_copy_string(record, "Region", cmk->region, sizeof(cmk->region)) ||
	    key_state_parse(state, &cmk->state))
		return -1;
	cmk->aws_managed = json_get_bool(record, "AwsManaged", false);
	cmk->created = json_get_int(record, "Created", 0);
	cmk->deletion = json_get_int(record, "Deletion", 0);
	/* The date destroys no key: the wall clock may be wrong. See store_begin_waiting(). */
	cmk->due = json_get_int(record, "Due", CMK_DUE_UNKNOWN);
	cmk->pending_days = (int)json_get_int(record, "PendingDays", 0);
	cmk->rotation_days = (int)json_get_int(record, "RotationDays", 0);
	cmk->rotation_due = json_get_int(record, "RotationDue", 0);
	if (take_texts(record, description, cmk))
		return -1;
	cmk->tags = json_object_get(json_get_array(record, "Tags"));
	if (take_materials(record, cmk) || take_usage(record, &cmk->usage)) {
		cmk_free(cmk);
		return -1;
	}
	return 0;
}

/** cmk_metadata() - AWS's KeyMetadata; Return: new object or NULL */
struct json_object *cmk_metadata(const struct cmk *cmk)
{
	struct json_object *metadata = json_object_new_object();
	struct json_object *algorithms = json_object_new_array();
	char arn[ARN_MAX], material[MATERIAL_ID_CHARS + 1];

	cmk_arn(cmk, arn);
	json_add_string(metadata, "AWSAccountId", cmk->account);
	json_add_string(metadata, "KeyId", cmk->key_id);
	json_add_string(metadata, "Arn", arn);
	json_add_int(metadata, "CreationDate", cmk->created);
	json_add_bool(metadata, "Enabled", cmk->state == KEY_ENABLED);
	json_add_string(metadata, "Description", cmk->description);
	json_add_string(metadata, "KeyUsage", "ENCRYPT_DECRYPT");
	json_add_string(metadata, "KeyState", key_state_name(cmk->state));
	if (cmk->state == KEY_PENDING_DELETION)
		json_add_int(metadata, "DeletionDate", cmk->deletion);
	json_add_string(metadata, "Origin", "AWS_KMS");
	json_add_string(metadata, "KeyManager", cmk->aws_managed ? "AWS" : "CUSTOMER");
	json_add_string(metadata, "CustomerMasterKeySpec", "SYMMETRIC_DEFAULT");
	json_add_string(metadata, "KeySpec", "SYMMETRIC_DEFAULT");
	json_object_array_add(algorithms, json_object_new_string("SYMMETRIC_DEFAULT"));
	json_add_object(metadata, "EncryptionAlgorithms", algorithms);
	json_add_bool(metadata, "MultiRegion", false);
	json_add_string(metadata, "CurrentKeyMaterialId",
			cmk_material_id(cmk, materials_count(cmk->materials), material));
	return metadata;
}
