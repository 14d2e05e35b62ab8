/* SPDX-License-Identifier: MIT */
/*
 * Whom the agent calls as: the user that its KMS workers drop to.
 */
#ifndef ENVELOPE_KMS_AGENT_USER_H
#define ENVELOPE_KMS_AGENT_USER_H

#include <sys/types.h>

/** agent_user() - WORKER_USER, or nobody where there is none; Return: 0, or -1: neither of them */
int agent_user(uid_t *uid, gid_t *gid);

#endif
