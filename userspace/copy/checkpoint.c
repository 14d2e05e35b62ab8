// SPDX-License-Identifier: MIT
/* See checkpoint.h. */
#include "copy/checkpoint.h"

#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include <openssl/evp.h>

#include "lib/base/file.h"

#define MAGIC	   "envcopy1"
#define SLOT_BYTES 512 /* a sector: it is written whole or not at all */
#define SUM_BYTES  32

/* Numbers are little-endian. */
struct slot {
	char magic[8];
	uint64_t sequence;
	uint64_t position;
	uint64_t phase;
	uint8_t name[CHECKPOINT_NAME];
	uint8_t sum[SUM_BYTES]; /* SHA-256 over what is in front of it */
	uint8_t rest[SLOT_BYTES - 8 - 3 * 8 - CHECKPOINT_NAME - SUM_BYTES];
};

_Static_assert(sizeof(struct slot) == SLOT_BYTES, "a slot is a sector");

static bool add_up(const struct slot *slot, uint8_t sum[SUM_BYTES])
{
	return EVP_Digest(slot, offsetof(struct slot, sum), sum, NULL, EVP_sha256(), NULL);
}

static int make_slot(const struct checkpoint *checkpoint, struct slot *slot, struct fault *f)
{
	*slot = (struct slot){
		.sequence = htole64(checkpoint->sequence),
		.position = htole64(checkpoint->position),
		.phase = htole64(checkpoint->phase),
	};
	memcpy(slot->magic, MAGIC, sizeof(slot->magic));
	memcpy(slot->name, checkpoint->name, sizeof(slot->name));
	if (!add_up(slot, slot->sum))
		return fault_set(f, "InternalFailure", "OpenSSL has no SHA-256.");
	return 0;
}

static bool is_whole(const struct slot *slot)
{
	uint8_t sum[SUM_BYTES];

	return !memcmp(slot->magic, MAGIC, sizeof(slot->magic)) && add_up(slot, sum) &&
	       !memcmp(sum, slot->sum, sizeof(sum)) && le64toh(slot->phase) <= CHECKPOINT_DONE;
}

/* Both slots are there from the begin: a file that exists has a whole one. */
static int make_file(struct checkpoint *checkpoint, struct fault *f)
{
	struct slot slots[2];

	if (make_slot(checkpoint, &slots[0], f))
		return -1;
	slots[1] = slots[0];
	return file_create(checkpoint->path, 0600, slots, sizeof(slots), f);
}

static int read_file(struct checkpoint *checkpoint, struct fault *f)
{
	struct slot slots[2] = { 0 }, *newest = NULL;
	uint8_t more;

	if (pread(checkpoint->fd, slots, sizeof(slots), 0) != sizeof(slots) ||
	    pread(checkpoint->fd, &more, 1, sizeof(slots)) != 0)
		return fault_set(f, "InvalidParameterValue",
				 "%s is no state of a copy. Nothing was written.",
				 checkpoint->path);
	for (int i = 0; i < 2; i++)
		if (is_whole(&slots[i]) &&
		    (!newest || le64toh(slots[i].sequence) > le64toh(newest->sequence)))
			newest = &slots[i];
	if (!newest)
		return fault_set(f, "InvalidParameterValue",
				 "%s is no state of a copy, or is damaged. Nothing was written. Remove the file to copy from the begin.",
				 checkpoint->path);
	if (memcmp(newest->name, checkpoint->name, sizeof(newest->name)) != 0)
		return fault_set(f, "InvalidParameterCombination",
				 "%s is the state of another copy: source, destination, ranges or identity differ. Nothing was written. Remove the file to copy from the begin.",
				 checkpoint->path);
	checkpoint->sequence = le64toh(newest->sequence);
	checkpoint->position = le64toh(newest->position);
	checkpoint->phase = (enum checkpoint_phase)le64toh(newest->phase);
	return 0;
}

/**
 * checkpoint_open() - go on with a state, or make a new one
 * @path: borrowed
 * @name: of this copy
 *
 * Return: 0, or -1 with a fault in @f: the file belongs to something else, is damaged, or is in
 * use.
 */
int checkpoint_open(struct checkpoint *checkpoint, const char *path,
		    const uint8_t name[CHECKPOINT_NAME], struct fault *f)
{
	*checkpoint = (struct checkpoint){ .fd = -1, .path = path };
	memcpy(checkpoint->name, name, CHECKPOINT_NAME);
	if (access(path, F_OK) && errno == ENOENT && make_file(checkpoint, f))
		return -1;
	checkpoint->fd = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (checkpoint->fd < 0)
		return fault_set(f, "InvalidParameterValue", "%s cannot be opened: %s.", path,
				 strerror(errno));
	if (flock(checkpoint->fd, LOCK_EX | LOCK_NB)) {
		checkpoint_close(checkpoint);
		return fault_set(f, "InvalidParameterValue",
				 "%s is in use: this copy runs already.", path);
	}
	if (read_file(checkpoint, f)) {
		checkpoint_close(checkpoint);
		return -1;
	}
	return 0;
}

/** checkpoint_is_new() - has nothing been copied? */
bool checkpoint_is_new(const struct checkpoint *checkpoint)
{
	return !checkpoint->sequence;
}

/**
 * checkpoint_write() - note a position
 * @position: all below it is on the destination's disk, or compared
 *
 * Return: 0 once the note is on the disk, or -1 with InternalFailure in @f.
 */
int checkpoint_write(struct checkpoint *checkpoint, enum checkpoint_phase phase, uint64_t position,
		     struct fault *f)
{
	struct slot slot;

	checkpoint->sequence++;
	checkpoint->phase = phase;
	checkpoint->position = position;
	if (make_slot(checkpoint, &slot, f))
		return -1;
	if (pwrite(checkpoint->fd, &slot, sizeof(slot),
		   (off_t)(checkpoint->sequence % 2 * sizeof(slot))) != sizeof(slot) ||
	    fdatasync(checkpoint->fd))
		return fault_set(f, "InternalFailure", "%s cannot be written: %s.",
				 checkpoint->path, strerror(errno));
	return 0;
}

/** checkpoint_close() - once more is fine */
void checkpoint_close(struct checkpoint *checkpoint)
{
	file_close(&checkpoint->fd);
	checkpoint->fd = -1;
}
