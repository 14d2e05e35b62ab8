/* SPDX-License-Identifier: MIT */
/*
 * The user that the agent's KMS workers become. The embedded KMS recognises them by this user.
 */
#ifndef ENVELOPE_WORKER_USER_H
#define ENVELOPE_WORKER_USER_H

#include <sys/types.h>

int worker_user(uid_t *uid, gid_t *gid);

#endif
