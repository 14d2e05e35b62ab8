/* SPDX-License-Identifier: MIT */
/* A request to device mapper, for mapper.c and mapper_list.c alone. */
#ifndef ENVELOPE_MAPPER_TASK_H
#define ENVELOPE_MAPPER_TASK_H

#include <libdevmapper.h>

#define MAPPER_PLAIN_TARGET "linear"
#define MAPPER_DISCARDS	    "allow_discards"

/*
 * A request to the kernel. libdevmapper wipes its buffers: the tables of other programs' devices may
 * have keys in them.
 */
static inline struct dm_task *new_task(int type)
{
	struct dm_task *task = dm_task_create(type);

	if (task && !dm_task_secure_data(task)) {
		dm_task_destroy(task);
		task = NULL;
	}
	return task;
}

static inline void task_destroyp(struct dm_task **task)
{
	if (*task)
		dm_task_destroy(*task);
}
#define _cleanup_task_ __attribute__((cleanup(task_destroyp)))

#endif
