// SPDX-License-Identifier: MIT
/*
 * An access list with one group more, in the form that the kernel's headers give: the mode of a file
 * has room for one group.
 */

#include "lib/varlink/socket_acl.h"

#include <endian.h>
#include <errno.h>
#include <linux/posix_acl.h>
#include <linux/posix_acl_xattr.h>
#include <stdint.h>
#include <sys/xattr.h>

#define CONNECT (ACL_READ | ACL_WRITE)

/**
 * socket_acl_allow() - let the members of one more group connect
 * @path: of the socket
 * @mode: its permissions, for its owner and its own group
 * @group: the other group
 *
 * Return: 0 or a negative errno.
 */
int socket_acl_allow(const char *path, mode_t mode, gid_t group)
{
	const struct {
		struct posix_acl_xattr_header header;
		struct posix_acl_xattr_entry entries[5]; /* in the kernel's order */
	} acl = {
		{ htole32(POSIX_ACL_XATTR_VERSION) },
		{ { htole16(ACL_USER_OBJ), htole16(mode >> 6 & 7), htole32(ACL_UNDEFINED_ID) },
		  { htole16(ACL_GROUP_OBJ), htole16(mode >> 3 & 7), htole32(ACL_UNDEFINED_ID) },
		  { htole16(ACL_GROUP), htole16(CONNECT), htole32(group) },
		  { htole16(ACL_MASK), htole16(CONNECT), htole32(ACL_UNDEFINED_ID) },
		  { htole16(ACL_OTHER), htole16(mode & 7), htole32(ACL_UNDEFINED_ID) } },
	};

	return setxattr(path, "system.posix_acl_access", &acl, sizeof(acl), 0) < 0 ? -errno : 0;
}
