/* SPDX-License-Identifier: MIT */
/* A configuration and the clusters that have a profile or an endpoint of their own. */
#ifndef ENVELOPE_AGENT_OWN_REACH_H
#define ENVELOPE_AGENT_OWN_REACH_H

#include "lib/kms/reach.h"

int own_reach_check(const struct config *config, const char *cluster, const struct reach *reach,
		    struct faults *all);

#endif
