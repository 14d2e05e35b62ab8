/* SPDX-License-Identifier: MIT */
/*
 * The operations of IAM and STS that this KMS serves: its users, their access keys and policies.
 *
 * As ops.h. An operation of IAM asks authorize() for the action "iam:..." on the user.
 */
#ifndef ENVELOPE_KMS_IAM_H
#define ENVELOPE_KMS_IAM_H

#include "kms/ops/ops.h"
#include "kms/users/user.h"
#include "lib/http/query.h"

#define IAM_GLOBAL_REGION "us-east-1" /* that clients sign for, wherever they are */

const char *iam_service(const char *version);

const struct op *iam_find(const char *service, const char *name);

int iam_check_version(const struct call *call, const char *name, struct fault *f);

bool iam_revokes(struct call *call);

int iam_not_served(const char *service, const char *name, struct fault *f);

void iam_fault(struct fault *f);

unsigned int iam_status(const struct fault *f);

struct query_answer iam_answer(const struct call *call);

/* users.c */
int op_create_user(struct call *call, struct fault *f);
int op_get_user(struct call *call, struct fault *f);
int op_list_users(struct call *call, struct fault *f);
int op_delete_user(struct call *call, struct fault *f);

int iam_user(struct call *call, bool itself, struct user *user, struct fault *f);

/* user_keys.c */
int op_create_access_key(struct call *call, struct fault *f);
int op_list_access_keys(struct call *call, struct fault *f);
int op_update_access_key(struct call *call, struct fault *f);
int op_delete_access_key(struct call *call, struct fault *f);

/* user_policies.c */
int op_put_user_policy(struct call *call, struct fault *f);
int op_get_user_policy(struct call *call, struct fault *f);
int op_list_user_policies(struct call *call, struct fault *f);
int op_delete_user_policy(struct call *call, struct fault *f);

bool user_policy_restricts(struct call *call);

#endif
