/* SPDX-License-Identifier: MIT */
/*
 * Users and groups of this host's own files. The C library's functions may ask LDAP or another server,
 * and wait for it: they must not be called in an event loop that renews leases.
 */
#ifndef ENVELOPE_LOCAL_ACCOUNT_H
#define ENVELOPE_LOCAL_ACCOUNT_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

bool local_user_name(uid_t uid, char *name, size_t size);
bool local_user(const char *name, uid_t *uid, gid_t *gid);
bool local_group(const char *name, gid_t *gid);

#endif
