// SPDX-License-Identifier: MIT
/* See lane.h. */
#include "copy/lane.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#include "lib/header/block_device.h"

enum side {
	SOURCE,
	DESTINATION
};

#define SIDES 2

static void fail(struct lane *lane, const struct slot *slot, enum side side, int error)
{
	struct copy *copy = lane->copy;
	const char *name = side == SOURCE ? copy->source_name : copy->destination_name;
	struct fault f;

	fault_set(&f, error ? block_device_fault_code(error) : BLOCK_DEVICE_ERROR,
		  "%s cannot be %s at byte %llu: %s. The copy is not complete. Run the same command again to go on.",
		  name, slot->writes ? "written" : "read",
		  (unsigned long long)(slot->offset + slot->done[side]),
		  error ? strerror(error) : "it ends there");
	copy_fail(copy, &f);
}

/* Where the bytes of one side are: a comparison has both of them. */
static uint8_t *buffer(const struct lane *lane, const struct slot *slot, enum side side)
{
	return slot->bytes + (lane->copy->phase == COPY_VERIFIES && side == DESTINATION
				      ? COPY_SLOT_BYTES / 2
				      : 0);
}

/* The ring has an entry for each side of each slot. */
static void ask(struct lane *lane, struct slot *slot, enum side side)
{
	struct io_uring_sqe *entry = io_uring_get_sqe(&lane->ring);
	int fd = side == SOURCE ? lane->copy->source : lane->copy->destination;
	uint32_t done = slot->done[side], left = slot->size - done;
	uint8_t *bytes = buffer(lane, slot, side) + done;
	unsigned int number = (unsigned int)(slot - lane->slots);

	if (slot->writes)
		io_uring_prep_write_fixed(entry, fd, bytes, left, slot->offset + done, (int)number);
	else
		io_uring_prep_read_fixed(entry, fd, bytes, left, slot->offset + done, (int)number);
	io_uring_sqe_set_data64(entry, number * SIDES + side);
	slot->waits_for++;
}

static bool begin(struct lane *lane, struct slot *slot)
{
	if (!copy_take(lane->copy, slot))
		return false;
	ask(lane, slot, SOURCE);
	if (lane->copy->phase == COPY_VERIFIES)
		ask(lane, slot, DESTINATION);
	return true;
}

static void compare(struct lane *lane, struct slot *slot)
{
	struct fault f;

	if (!memcmp(buffer(lane, slot, SOURCE), buffer(lane, slot, DESTINATION), slot->size)) {
		copy_put(lane->copy, slot);
		return;
	}
	fault_set(&f, BLOCK_DEVICE_ERROR,
		  "%s differs from %s between bytes %llu and %llu. One of them was written during the copy, or a disk has a fault: look at dmesg. The copy must not be used. Remove the state file to copy again.",
		  lane->copy->destination_name, lane->copy->source_name,
		  (unsigned long long)slot->offset,
		  (unsigned long long)(slot->offset + slot->size));
	copy_fail(lane->copy, &f);
}

/* All that the present step of a slot asked for is there. */
static void next_step(struct lane *lane, struct slot *slot)
{
	if (lane->copy->phase == COPY_VERIFIES) {
		compare(lane, slot);
	} else if (slot->writes) {
		copy_put(lane->copy, slot);
	} else {
		slot->writes = true;
		slot->done[DESTINATION] = 0;
		ask(lane, slot, DESTINATION);
	}
}

static void completed(struct lane *lane, const struct io_uring_cqe *entry)
{
	struct slot *slot = &lane->slots[entry->user_data / SIDES];
	enum side side = entry->user_data % SIDES;

	slot->waits_for--;
	if (entry->res <= 0) {
		fail(lane, slot, side, -entry->res);
		return;
	}
	slot->done[side] += (uint32_t)entry->res;
	if (slot->done[side] < slot->size)
		ask(lane, slot, side);
	else if (!slot->waits_for)
		next_step(lane, slot);
}

/* Return: whether the kernel has something to do for this lane. */
static bool fill(struct lane *lane)
{
	bool waits = false;

	for (unsigned int i = 0; i < lane->count; i++) {
		struct slot *slot = &lane->slots[i];

		if (!slot->busy)
			begin(lane, slot);
		waits |= slot->waits_for > 0;
	}
	return waits;
}

/* After a failure the lane waits for what is under way, and then ends. */
static void work(struct lane *lane)
{
	while (fill(lane)) {
		struct io_uring_cqe *entry;
		unsigned int head, count = 0;
		int r = io_uring_submit_and_wait(&lane->ring, 1);

		if (r < 0 && r != -EINTR && r != -EAGAIN && r != -EBUSY) {
			struct fault f;

			fault_set(&f, "InternalFailure", "io_uring has a fault: %s.", strerror(-r));
			copy_fail(lane->copy, &f);
			return;
		}
		io_uring_for_each_cqe(&lane->ring, head, entry)
		{
			completed(lane, entry);
			count++;
		}
		io_uring_cq_advance(&lane->ring, count);
	}
}

static void *run(void *userdata)
{
	struct lane *lane = userdata;
	const uint64_t one = 1;

	work(lane);
	pthread_mutex_lock(&lane->copy->lock);
	lane->copy->running--;
	pthread_mutex_unlock(&lane->copy->lock);
	if (write(lane->copy->wake_fd, &one, sizeof(one)) < 0)
		return NULL; /* the eventfd is readable already */
	return NULL;
}

static int no_ring(int error, struct fault *f)
{
	return fault_set(f, "InternalFailure",
			 "io_uring cannot be used: %s. Look at the sysctl kernel.io_uring_disabled and at 'ulimit -l'.",
			 strerror(error));
}

/**
 * lane_open() - make a ring, and register its buffers
 * @slots: have their memory
 * @count: of them
 *
 * The files are not registered: the kernel lets go of registered ones some time after the end of
 * the process, and the next run would find its devices in use.
 *
 * Return: 0, or -1 with InternalFailure in @f.
 */
int lane_open(struct lane *lane, struct copy *copy, struct slot *slots, unsigned int count,
	      struct fault *f)
{
	struct iovec buffers[COPY_SLOTS];
	int r;

	*lane = (struct lane){ .copy = copy, .slots = slots, .count = count };
	r = io_uring_queue_init(count * SIDES, &lane->ring, 0);
	if (r < 0)
		return no_ring(-r, f);
	for (unsigned int i = 0; i < count; i++)
		buffers[i] = (struct iovec){ .iov_base = slots[i].bytes,
					     .iov_len = COPY_SLOT_BYTES };
	r = io_uring_register_buffers(&lane->ring, buffers, count);
	if (r < 0) {
		io_uring_queue_exit(&lane->ring);
		return no_ring(-r, f);
	}
	return 0;
}

/** lane_close() - its thread has ended */
void lane_close(struct lane *lane)
{
	io_uring_queue_exit(&lane->ring);
}

/** lane_start() - Return: 0, or -1 with InternalFailure in @f. */
int lane_start(struct lane *lane, struct fault *f)
{
	int error = pthread_create(&lane->thread, NULL, run, lane);

	if (error)
		return fault_set(f, "InternalFailure", "A thread cannot be made: %s.",
				 strerror(error));
	return 0;
}

void lane_join(struct lane *lane)
{
	pthread_join(lane->thread, NULL);
}
