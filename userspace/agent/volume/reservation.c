// SPDX-License-Identifier: MIT
/*
 * Takes, transfers and ends the reservation of a disk. A host's key is computed from its id, which the
 * header names as the volume's owner: so a host knows the key of the owner whose volume it takes over.
 */
#include "agent/volume/reservation.h"

#include <openssl/sha.h>
#include <stdio.h>
#include <string.h>

#include "agent/volume/reservation_call.h"

/**
 * reservation_key() - the key of a host with an id
 *
 * Never 0, which stands for no key.
 */
uint64_t reservation_key(const char *host)
{
	uint8_t digest[SHA256_DIGEST_LENGTH];
	uint64_t key = 0;
	char text[128];

	snprintf(text, sizeof(text), "dm-envelope persistent reservation: %s", host);
	SHA256((const uint8_t *)text, strlen(text), digest);
	for (size_t i = 0; i < sizeof(key); i++)
		key = key << 8 | digest[i];
	return key ? key : 1;
}

/*
 * Registers @key. A conflict means that another program has registered a key for this host's path.
 * @fresh: it was not registered. NVMe would register a key a second time without a word.
 */
static enum reservation_answer join(const char *device, uint64_t key, bool *fresh)
{
	enum reservation_answer answer = reservation_register(device, key, key);

	*fresh = false;
	if (answer != RESERVATION_CONFLICT)
		return answer;
	answer = reservation_register(device, 0, key);
	*fresh = answer == RESERVATION_DONE;
	return answer;
}

/* Takes the reservation from the hosts with the key @other. */
static bool take_from(const char *device, uint64_t key, uint64_t other)
{
	return reservation_preempt(device, key, other) == RESERVATION_DONE &&
	       reservation_reserve(device, key) == RESERVATION_DONE;
}

/**
 * reservation_take() - let only this host write to a disk
 * @host: id of this host
 * @gone: id of a host whose reservation ends, because its claim on the volume has ended; "" for none
 * @ret: not @held if the disk has no reservations, or if another program has registered this host: the
 *	registrations are then the other program's (fence_scsi of Pacemaker), and they stay as they are
 *
 * This host's own reservation over another path is taken over, too: a boot may give it a new path.
 *
 * Return: 0, or -1 with VolumeInUse when another host, or another program, has reserved the disk.
 */
int reservation_take(const char *device, const char *host, const char *gone,
		     struct reservation *ret, struct fault *f)
{
	uint64_t key = reservation_key(host);
	enum reservation_answer answer;

	*ret = (struct reservation){ 0 };
	if (join(device, key, &ret->fresh) != RESERVATION_DONE)
		return 0;
	answer = reservation_reserve(device, key);
	ret->held = answer == RESERVATION_DONE ||
		    (answer == RESERVATION_CONFLICT &&
		     (take_from(device, key, key) ||
		      (gone[0] && take_from(device, key, reservation_key(gone)))));
	if (ret->held)
		return 0;
	reservation_register(device, key, 0);
	ret->fresh = false;
	if (answer != RESERVATION_CONFLICT)
		return 0;
	return fault_set(f, "VolumeInUse",
			 "Another host, or another program such as Pacemaker, has reserved the disk %s, and the disk refuses the writes of this host. Nothing was written. Stop the cluster on that host. If that host is gone, 'cluster start' and 'cluster adopt' have --take-over. On a disk without a volume, or whose header names no owner, sg_persist --in --read-keys %s shows who is registered, and sg_persist --out --clear ends all registrations.",
			 device, device);
}

/**
 * reservation_fence() - take the disk from a host that may still write to it
 * @other: id of that host; its writes under way are aborted, later ones are refused
 *
 * Only the end of the other host's registration proves that no write of that host is under way.
 *
 * Return: 0, or -1 with the reason, which is the end of a sentence; the other host is not fenced then.
 */
int reservation_fence(const char *device, const char *host, const char *other, struct fault *f)
{
	uint64_t key = reservation_key(host);
	bool fresh;

	switch (join(device, key, &fresh)) {
	case RESERVATION_UNKNOWN:
		return fault_set(f, "VolumeInUse", "%s has no persistent reservations", device);
	case RESERVATION_CONFLICT:
		return fault_set(f, "VolumeInUse", "another program has registered this host on %s",
				 device);
	case RESERVATION_DONE:
		break;
	}
	if (take_from(device, key, reservation_key(other)))
		return 0;
	if (fresh)
		reservation_register(device, key, 0);
	return fault_set(f, "VolumeInUse", "that host has not reserved %s", device);
}

/**
 * reservation_present() - is this host registered on a disk?
 * @lost: true when the disk says that it is not; false when the disk does not say
 *
 * Must not register the host again: another host may have fenced it.
 */
bool reservation_present(const char *device, const char *host, bool *lost)
{
	uint64_t key = reservation_key(host);
	enum reservation_answer answer = reservation_register(device, key, key);

	*lost = answer == RESERVATION_CONFLICT;
	return answer == RESERVATION_DONE;
}

/** reservation_end() - give up the disk: no device of this host writes to it any more */
void reservation_end(const char *device, const char *host)
{
	uint64_t key = reservation_key(host);

	/* A host that is not registered has nothing to release. */
	if (reservation_release(device, key) != RESERVATION_UNKNOWN)
		reservation_register(device, key, 0);
}
