/* SPDX-License-Identifier: MIT */
/*
 * The one place that decides whether a principal may perform an operation on a key.
 *
 * Must never be bypassed: key_lookup() and the operations without a key call it.
 */
#ifndef ENVELOPE_KMS_AUTHORIZE_H
#define ENVELOPE_KMS_AUTHORIZE_H

#include "kms/call.h"

/**
 * authorize() - may the caller do this?
 * @call: authenticated
 * @account: that the resource belongs to
 * @resource: ARN, for the message
 * @aws_managed: the key is one of alias/aws/...
 * @f: AccessDeniedException
 *
 * A principal may use and manage the keys of its own account, and only use the AWS managed ones.
 *
 * Return: 0 or -1.
 */
int authorize(const struct call *call, const char *account, const char *resource, bool aws_managed,
	      struct fault *f);

#endif
