/* SPDX-License-Identifier: MIT */
/* Commands on one cluster: the option that names it, the call, and the print of the reply. */
#ifndef ENVELOPE_CLI_ONE_CLUSTER_H
#define ENVELOPE_CLI_ONE_CLUSTER_H

#include "cli/command.h"

#define OPTION_IDENTIFIER(is_required, text)                                                   \
	{                                                                                      \
		.name = "db-cluster-identifier", .kind = OPTION_STRING, .placeholder = "NAME", \
		.parameter = "dbClusterIdentifier", .required = is_required, .help = text      \
	}

int one_cluster_run(const struct invocation *invocation);

#endif
