// SPDX-License-Identifier: MIT
/* The rights of the two groups. The varlink server compares; this file has the groups and the words. */
#include "agent/api/rights.h"

#include <string.h>

#include "agent/api/reply.h"
#include "lib/base/local_account.h"
#include "lib/base/log.h"
#include "lib/varlink/socket_acl.h"

/**
 * rights_allow_readers() - let the members of ReadOnlyGroup= connect to the agent's socket
 * @mode: of the socket
 *
 * Without the group, or on a file system without access lists, only the others can connect.
 */
void rights_allow_readers(const struct agent *agent, mode_t mode)
{
	const char *name = agent->config.read_only_group;
	gid_t gid;
	int r;

	if (!name[0] || !local_group(name, &gid)) {
		log_info("There is no group of ReadOnlyGroup=%s: nobody has the right to read alone.",
			 name);
		return;
	}
	r = socket_acl_allow(agent->config.agent_socket, mode, gid);
	if (r < 0)
		log_warning("The group %s cannot be given the right to connect to %s: %s.", name,
			    agent->config.agent_socket, strerror(-r));
}

/** rights_denied() - answer a call of a method that the caller may not call */
int rights_denied(struct varlink_call *call, const char *method)
{
	struct fault f;

	fault_set(&f, "AccessDenied",
		  "The user with the id %u is not authorized to perform: %s. This needs root or a member of the group " RIGHTS_GROUP
		  ".",
		  varlink_call_uid(call), method);
	reply_fault(call, &f);
	return 0;
}
