// SPDX-License-Identifier: MIT
/* Which pieces are under way, and up to where all are finished. See copy.h. */
#include "copy/copy.h"

/**
 * copy_take() - the next piece
 * @slot: free; filled
 *
 * Return: false after the last piece, or when the lanes shall stop.
 */
bool copy_take(struct copy *copy, struct slot *slot)
{
	if (atomic_load(&copy->stop))
		return false;
	pthread_mutex_lock(&copy->lock);
	slot->size = ranges_next(copy->ranges, copy->most, &slot->offset);
	slot->busy = slot->size > 0;
	if (slot->busy)
		copy->taken_to = slot->offset + slot->size;
	pthread_mutex_unlock(&copy->lock);
	slot->writes = false;
	slot->done[0] = slot->done[1] = 0;
	return slot->busy;
}

/** copy_put() - the piece of @slot is finished */
void copy_put(struct copy *copy, struct slot *slot)
{
	atomic_fetch_add(&copy->finished, slot->size);
	pthread_mutex_lock(&copy->lock);
	slot->busy = false;
	pthread_mutex_unlock(&copy->lock);
}

/** copy_fail() - end the copy. The slots of the pieces that are not finished stay busy. */
void copy_fail(struct copy *copy, const struct fault *f)
{
	atomic_store(&copy->stop, true);
	pthread_mutex_lock(&copy->lock);
	if (!copy->failed)
		copy->fault = *f;
	copy->failed = true;
	pthread_mutex_unlock(&copy->lock);
}

/**
 * copy_position() - up to where is all finished?
 *
 * Pieces are taken in ascending order, so nothing is missing below the lowest one under way.
 */
uint64_t copy_position(struct copy *copy)
{
	uint64_t position;

	pthread_mutex_lock(&copy->lock);
	position = copy->taken_to;
	for (size_t i = 0; i < COPY_SLOTS; i++)
		if (copy->slots[i].busy && copy->slots[i].offset < position)
			position = copy->slots[i].offset;
	pthread_mutex_unlock(&copy->lock);
	return position;
}
