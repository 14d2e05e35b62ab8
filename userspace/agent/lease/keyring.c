// SPDX-License-Identifier: MIT
/* Kernel keys through libkeyutils. */
#include "agent/lease/keyring.h"

#include <errno.h>
#include <keyutils.h>
#include <pthread.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#include "dm-envelope.h"
#include "lib/base/log.h"

#define KEYRING_NAME "envelope"
/* The possessor may do everything; root may look, renew and revoke by hand. */
#define KEYRING_PERM                                                                  \
	(KEY_POS_ALL | KEY_USR_VIEW | KEY_USR_READ | KEY_USR_WRITE | KEY_USR_SEARCH | \
	 KEY_USR_LINK | KEY_USR_SETATTR)
/*
 * A possessor of the key may do nothing. After a `sudo dmsetup create` the key is linked into the
 * session keyring of a user who is not root, and possession would let that user revoke it.
 */
#define KEY_PERM (KEY_USR_VIEW | KEY_USR_WRITE | KEY_USR_SEARCH | KEY_USR_LINK | KEY_USR_SETATTR)

/* Two threads that make the keyring at once would make two. */
static pthread_mutex_t looking = PTHREAD_MUTEX_INITIALIZER;

static int32_t make(void)
{
	long keyring = add_key("keyring", KEYRING_NAME, NULL, 0, KEY_SPEC_USER_KEYRING);

	if (keyring < 0 || keyctl_setperm((int32_t)keyring, KEYRING_PERM) < 0)
		return 0;
	return (int32_t)keyring;
}

static int32_t look_up(int32_t known)
{
	long found = keyctl_search(KEY_SPEC_USER_KEYRING, "keyring", KEYRING_NAME, 0);

	if (found > 0)
		return (int32_t)found;
	if (known && keyctl_link(known, KEY_SPEC_USER_KEYRING) == 0) {
		log_error(
			"The keyring '" KEYRING_NAME
			"' was unlinked from root's user keyring. It is linked again, and none of its keys was lost.");
		return known;
	}
	if (known)
		log_error(
			"The keyring '" KEYRING_NAME
			"' was revoked or removed, and its keys with it. It is made anew; devices of the lost keys have failed.");
	return make();
}

/*
 * The keyring as it is now. The session keyring of this process holds it too, so that the keys
 * outlive an unlink from root's user keyring: then the keyring is linked there again.
 * @known: serial number at the last look, 0 for none
 *
 * Return: a serial number, or 0 with errno.
 */
static int32_t present(int32_t known)
{
	int32_t keyring;

	pthread_mutex_lock(&looking);
	keyring = look_up(known);
	if (keyring && keyring != known && keyctl_link(keyring, KEY_SPEC_SESSION_KEYRING) < 0)
		log_warning("The keyring '" KEYRING_NAME
			    "' cannot be held: %s. Its keys end if it is unlinked from root's user keyring.",
			    strerror(errno));
	pthread_mutex_unlock(&looking);
	return keyring;
}

/* A user has a quota of keys, and of their bytes. Root has sysctls of its own for it. */
static int quota_fault(struct fault *f)
{
	const char *prefix = geteuid() ? "" : "root_";

	return fault_set(f, "KeyQuotaExceeded",
			 "The kernel takes no more keys of this user: the quota is used up. Raise kernel.keys.%smaxkeys and kernel.keys.%smaxbytes with sysctl; /proc/key-users has what is used.",
			 prefix, prefix);
}

static int no_keyring(struct fault *f)
{
	if (errno == EDQUOT)
		return quota_fault(f);
	return fault_set(f, "InternalFailure",
			 "The keyring '" KEYRING_NAME
			 "' cannot be made in root's user keyring: %s. Look at it with 'keyctl show @u'.",
			 strerror(errno));
}

/**
 * keyring_open() - find or make the keyring "envelope"
 * @ret: its serial number
 *
 * This thread, and threads made later, get a session keyring of their own with root's user keyring
 * in it. They so possess the keys wherever the agent was started.
 *
 * Return: 0 or -1.
 */
int keyring_open(int32_t *ret, struct fault *f)
{
	if (keyctl_join_session_keyring(NULL) < 0 ||
	    keyctl_link(KEY_SPEC_USER_KEYRING, KEY_SPEC_SESSION_KEYRING) < 0)
		return fault_set(f, "InternalFailure", "A session keyring cannot be set up: %s.",
				 strerror(errno));
	*ret = present(0);
	if (!*ret || keyctl_setperm(*ret, KEYRING_PERM) < 0)
		return no_keyring(f);
	return 0;
}

/** keyring_find() - serial number of the live key of that description, or 0 */
int32_t keyring_find(int32_t keyring, const char *description)
{
	long key = keyctl_search(present(keyring), ENVELOPE_KEY_TYPE, description, 0);

	return key > 0 ? (int32_t)key : 0;
}

/*
 * An old key of the same description must go first: add_key(2) would try to update it. A live old
 * key belongs to a device that never came, or to an agent that was killed before it made one.
 * Must not be called for a volume with a live device: the device ends with its key.
 */
static int clear_old(int32_t keyring, const char *description)
{
	int32_t old = keyring_find(keyring, description);

	return old ? keyring_revoke(keyring, old) : 0;
}

/**
 * keyring_add() - give the kernel a volume key with its first lease
 * @keyring: as it was last known; if it is gone from root's user keyring, it is linked again or made
 *	anew
 * @description: "dm-envelope:<volume id>"; an old key of that description is revoked, which ends
 *	a device that uses it
 * @key: ENVELOPE_KEY_SIZE bytes
 * @lease_ns: length of a lease
 * @deadline_ns: end of the first lease, CLOCK_BOOTTIME, at most @lease_ns from now
 * @ret: serial number
 *
 * Return: 0 or -1.
 */
int keyring_add(int32_t keyring, const char *description, const struct secret *key,
		uint64_t lease_ns, uint64_t deadline_ns, int32_t *ret, struct fault *f)
{
	_cleanup_secret_ struct secret *block = secret_new(sizeof(struct envelope_payload));
	struct envelope_payload *payload;
	long serial;

	if (!block)
		return fault_set(f, "InternalFailure",
				 "Memory for a key cannot be locked: %s. Raise LimitMEMLOCK of enveloped.",
				 strerror(errno));
	if (key->size != ENVELOPE_KEY_SIZE)
		return fault_set(f, "InternalFailure", "The data key has %zu bytes, not %d.",
				 key->size, ENVELOPE_KEY_SIZE);
	payload = (struct envelope_payload *)block->bytes;
	payload->magic = ENVELOPE_PAYLOAD_MAGIC;
	payload->version = ENVELOPE_PAYLOAD_VERSION;
	payload->key_size = ENVELOPE_KEY_SIZE;
	payload->lease_ns = lease_ns;
	payload->deadline_ns = deadline_ns;
	memcpy(payload->key, key->bytes, ENVELOPE_KEY_SIZE);
	keyring = present(keyring);
	if (!keyring)
		return no_keyring(f);
	clear_old(keyring, description);
	serial = add_key(ENVELOPE_KEY_TYPE, description, payload, ENVELOPE_PAYLOAD_SIZE, keyring);
	if (serial < 0 && errno == ENODEV)
		return fault_set(f, "KernelModuleMissing",
				 "The kernel has no key type 'envelope'. Load its module with 'modprobe dm-envelope'.");
	if (serial < 0 && errno == EDQUOT)
		return quota_fault(f);
	if (serial < 0)
		return fault_set(f, "InternalFailure",
				 "The kernel did not accept the key: %s. The kernel log may have the reason: read it with 'dmesg | grep envelope'.",
				 strerror(errno));
	if (keyctl_setperm((int32_t)serial, KEY_PERM) < 0) {
		fault_set(f, "InternalFailure", "The key's permissions cannot be set: %s.",
			  strerror(errno));
		keyring_revoke(keyring, (int32_t)serial);
		return -1;
	}
	*ret = (int32_t)serial;
	return 0;
}

/**
 * keyring_renew() - extend a key's lease
 * @keyring: as it was last known; set to what it is now, so that the next agent finds the key
 * @deadline_ns: its new end, CLOCK_BOOTTIME
 *
 * Return: 0 or a negative errno: -EKEYREVOKED, -EKEYEXPIRED or -ENOKEY for a dead key.
 */
int keyring_renew(int32_t *keyring, int32_t key, uint64_t deadline_ns)
{
	struct envelope_payload payload = {
		.magic = ENVELOPE_PAYLOAD_MAGIC,
		.version = ENVELOPE_PAYLOAD_VERSION,
		.deadline_ns = deadline_ns,
	};

	int r = keyctl_update(key, &payload, ENVELOPE_RENEWAL_SIZE) < 0 ? -errno : 0;
	int32_t now = present(*keyring);

	if (now)
		*keyring = now;
	return r;
}

/**
 * keyring_revoke() - kill a key: after this no I/O under the key succeeds
 *
 * Return: 0, also for a key that was dead or gone before, or a negative errno.
 */
int keyring_revoke(int32_t keyring, int32_t key)
{
	int r = keyctl_revoke(key) < 0 ? -errno : 0;

	keyctl_unlink(key, present(keyring));
	return r == -EKEYREVOKED || r == -ENOKEY || r == -EKEYEXPIRED ? 0 : r;
}
