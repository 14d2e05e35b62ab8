/* SPDX-License-Identifier: MIT */
/*
 * The clusters with a profile or an endpoint of their own, as the catalog in a state folder has them, or
 * an agent.
 *
 * Must never change the folder: an agent may have the catalog open.
 */
#ifndef ENVELOPE_REACH_LIST_H
#define ENVELOPE_REACH_LIST_H

#include <stddef.h>

#include "lib/base/fault.h"
#include "lib/kms/reach.h"

struct reach_entry {
	char cluster[64];
	struct reach reach;
};

struct reach_list {
	struct reach_entry *entries; /* owned */
	size_t count;
};

int reach_list_add(struct reach_list *list, const char *cluster, const struct reach *reach);
int reach_list_read(const char *state_directory, struct reach_list *ret, struct fault *f);

void reach_list_free(struct reach_list *list);
#define _cleanup_reach_list_ __attribute__((cleanup(reach_list_free)))

#endif
