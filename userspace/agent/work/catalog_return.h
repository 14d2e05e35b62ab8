/* SPDX-License-Identifier: MIT */
/* A catalog that takes no changes, and its return. */
#ifndef ENVELOPE_CATALOG_RETURN_H
#define ENVELOPE_CATALOG_RETURN_H

#include "agent/agent.h"

void catalog_return_watch(struct agent *agent);

#endif
