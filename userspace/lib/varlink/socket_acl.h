/* SPDX-License-Identifier: MIT */
/* A second group that may connect to a socket of the file system. */
#ifndef ENVELOPE_SOCKET_ACL_H
#define ENVELOPE_SOCKET_ACL_H

#include <sys/types.h>

int socket_acl_allow(const char *path, mode_t mode, gid_t group);

#endif
