/* SPDX-License-Identifier: MIT */
/*
 * The operations of the API. Each reads call->params and fills call->reply.
 *
 * dispatch() commits the change and replies; an operation must never do either.
 */
#ifndef ENVELOPE_KMS_OPS_H
#define ENVELOPE_KMS_OPS_H

#include "kms/call.h"
#include "kms/keys/cmk.h"

/** typedef op_t - Return: 0, or -1 with @f filled */
typedef int (*op_t)(struct call *call, struct fault *f);

/**
 * enum op_kind - what an operation does to keys
 * @OP_READS: nothing; CloudTrail's readOnly, and no transaction is begun
 * @OP_CHANGES: it changes some
 * @OP_REVOKES: it ends access. Nothing must hold it up, such as a full disk
 */
enum op_kind {
	OP_READS,
	OP_CHANGES,
	OP_REVOKES
};

struct op {
	const char *name;
	op_t run;
	enum op_kind kind;
};

const struct op *op_in(const struct op *table, size_t count, const char *name);

const struct op *op_find(const char *name);

bool op_is_of_aws(const char *name);

int op_key(struct call *call, const char *name, enum key_use use, struct cmk *cmk, struct fault *f);

/* ops_key.c */
int op_create_key(struct call *call, struct fault *f);
int op_describe_key(struct call *call, struct fault *f);
int op_list_keys(struct call *call, struct fault *f);
int op_get_key_last_usage(struct call *call, struct fault *f);
int op_update_key_description(struct call *call, struct fault *f);

/* ops_tag.c */
int op_tag_resource(struct call *call, struct fault *f);
int op_untag_resource(struct call *call, struct fault *f);
int op_list_resource_tags(struct call *call, struct fault *f);

/* ops_alias.c */
int op_create_alias(struct call *call, struct fault *f);
int op_update_alias(struct call *call, struct fault *f);
int op_delete_alias(struct call *call, struct fault *f);
int op_list_aliases(struct call *call, struct fault *f);

/* ops_state.c */
int op_enable_key(struct call *call, struct fault *f);
int op_disable_key(struct call *call, struct fault *f);
int op_schedule_key_deletion(struct call *call, struct fault *f);
int op_cancel_key_deletion(struct call *call, struct fault *f);

/* ops_rotation.c */
int op_enable_key_rotation(struct call *call, struct fault *f);
int op_disable_key_rotation(struct call *call, struct fault *f);
int op_get_key_rotation_status(struct call *call, struct fault *f);
int op_list_key_rotations(struct call *call, struct fault *f);
int op_rotate_key_on_demand(struct call *call, struct fault *f);

/* ops_policy.c */
int op_put_key_policy(struct call *call, struct fault *f);
int op_get_key_policy(struct call *call, struct fault *f);
int op_list_key_policies(struct call *call, struct fault *f);

/* ops_grant.c */
int op_create_grant(struct call *call, struct fault *f);
int op_revoke_grant(struct call *call, struct fault *f);
int op_retire_grant(struct call *call, struct fault *f);

/* ops_list_grants.c */
int op_list_grants(struct call *call, struct fault *f);
int op_list_retirable_grants(struct call *call, struct fault *f);

/* ops_data.c */
int op_encrypt(struct call *call, struct fault *f);
int op_decrypt(struct call *call, struct fault *f);
int op_re_encrypt(struct call *call, struct fault *f);

/* ops_random.c */
int op_generate_random(struct call *call, struct fault *f);

/* ops_data_key.c */
int op_generate_data_key(struct call *call, struct fault *f);
int op_generate_data_key_without_plaintext(struct call *call, struct fault *f);

#endif
