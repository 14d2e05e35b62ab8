/* SPDX-License-Identifier: MIT */
/* Whose disk is it? The agent's list says so, and without the agent its catalog. */
#ifndef ENVELOPE_CHECK_DISK_CLUSTER_H
#define ENVELOPE_CHECK_DISK_CLUSTER_H

#include <stddef.h>
#include <sys/types.h>

#include "check/check.h"

int disk_cluster(const struct settings *settings, dev_t number, char *id, size_t size);

#endif
