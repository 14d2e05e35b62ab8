// SPDX-License-Identifier: GPL-2.0
/*
 * dm-envelope: key type "envelope", the kernel keyring's view of a volume key.
 *
 *	add_key(2)		a volume key with its first lease
 *	KEYCTL_UPDATE		a renewal of the lease, without key material
 *	KEYCTL_REVOKE		->revoke: the volume key is dead when the call returns
 *	KEYCTL_INVALIDATE,	no operation is called: each bio and the watchdog look at
 *	KEYCTL_SET_TIMEOUT	  the key's flags and its timeout
 *	KEYCTL_UNLINK,		->destroy when the last link is gone
 *	KEYCTL_CLEAR
 *	KEYCTL_READ		not supported: the key cannot be read back
 *
 * uapi/dm-envelope.h describes the payloads, docs/kernel-interface.md the whole interface.
 *
 * A key with a volume key holds the module. The keys core takes no reference when it calls us, so
 * without that a thread that updates a key could be in code that is unloaded.
 *
 * Must never hold a reference on a struct key beyond a table load, or unlinking
 * the key would not fail its devices.
 */
#include <linux/ctype.h>
#include <linux/key.h>
#include <linux/module.h>
#include <linux/seq_file.h>
#include <linux/timekeeping.h>

#include "envelope.h"

/* The volume key of a struct key; NULL if the key was never instantiated. */
static struct envelope_volume_key *volume_key(const struct key *key)
{
	return READ_ONCE(key->payload.data[0]);
}

/* The description is a word of the table line and of status lines. */
static int vet_description(const char *description)
{
	if (!*description)
		return -EINVAL;
	for (; *description; description++)
		if (!isascii(*description) || !isgraph(*description))
			return -EINVAL;
	return 0;
}

/*
 * Everything that can fail or sleep happens here, before the keys core takes its locks.
 * A renewal leaves no payload: ->update parses it again.
 */
static int preparse(struct key_preparsed_payload *prep)
{
	struct envelope_volume_key *vk;
	struct envelope_request request;
	int r;

	r = envelope_payload_parse(prep->data, prep->datalen, &request);
	if (r)
		return r;
	if (!request.key)
		return 0;

	vk = envelope_volume_key_new(&request, ktime_get_boottime_ns());
	if (IS_ERR(vk))
		return PTR_ERR(vk);
	prep->payload.data[0] = vk;
	return 0;
}

static void free_preparse(struct key_preparsed_payload *prep)
{
	struct envelope_volume_key *vk = prep->payload.data[0];

	if (vk)
		envelope_volume_key_put(vk);
}

/*
 * The keys core looks at the key before it calls preparse, and not again. A revoke that comes in
 * between finds no new key material, so the material must not get in after it. An expired key has
 * not ended. Call with key->sem, which a revoke holds. Return: 0, or the error of a key lookup.
 */
static int check_not_ended(const struct key *key)
{
	unsigned long flags = READ_ONCE(key->flags);

	if (flags & BIT(KEY_FLAG_INVALIDATED))
		return -ENOKEY;
	return flags & (BIT(KEY_FLAG_REVOKED) | BIT(KEY_FLAG_DEAD)) ? -EKEYREVOKED : 0;
}

/* Call with key->sem. On an error the caller wipes and frees what preparse made. */
static int set_volume_key(struct key *key, struct key_preparsed_payload *prep)
{
	struct envelope_volume_key *vk = prep->payload.data[0];
	int r;

	/* A renewal cannot instantiate a key. */
	if (!vk)
		return -EINVAL;
	r = check_not_ended(key);
	if (r)
		return r;
	/* A failed volume key that is replaced leaves its reference. */
	if (!volume_key(key) && !try_module_get(THIS_MODULE))
		return -ENODEV;

	prep->payload.data[0] = NULL;
	envelope_volume_key_start(vk, key);
	/* Pairs with describe(), which holds no lock of the key. */
	smp_store_release(&key->payload.data[0], vk);
	return 0;
}

static int instantiate(struct key *key, struct key_preparsed_payload *prep)
{
	int r;

	/* The keys core holds key->sem for ->update only. */
	down_read(&key->sem);
	r = set_volume_key(key, prep);
	up_read(&key->sem);
	return r;
}

/*
 * A renewal; or, on a key that was negative or has failed, a new volume key. Devices of the
 * failed volume key stay failed: they belong to the old volume key.
 */
static int update(struct key *key, struct key_preparsed_payload *prep)
{
	struct envelope_volume_key *vk = key_is_positive(key) ? volume_key(key) : NULL;
	struct envelope_request request;
	int r;

	r = envelope_payload_parse(prep->data, prep->datalen, &request);
	if (r)
		return r;
	if (!request.key)
		return vk ? envelope_volume_key_renew(vk, request.deadline_ns,
						      ktime_get_boottime_ns())
			  : -EINVAL;
	if (vk && !envelope_volume_key_check(vk))
		return -EEXIST;

	r = set_volume_key(key, prep);
	if (r)
		return r;
	/* The old expiry ended the failed key or bounded the negative one. It no longer counts. */
	key->expiry = prep->expiry;
	if (vk)
		envelope_volume_key_put(vk);
	return 0;
}

static void revoke(struct key *key)
{
	struct envelope_volume_key *vk = volume_key(key);

	if (vk)
		envelope_volume_key_kill(vk, ENVELOPE_KEY_REVOKED);
}

static void destroy(struct key *key)
{
	enum envelope_reason reason = envelope_key_flags_reason(key);
	struct envelope_volume_key *vk = volume_key(key);

	if (!vk)
		return;
	envelope_volume_key_kill(vk, reason ?: ENVELOPE_KEY_UNLINKED);
	WRITE_ONCE(key->payload.data[0], NULL);
	/* The key type is unregistered only after this pass of the garbage collector. */
	module_put(THIS_MODULE);
	envelope_volume_key_put(vk);
}

/* For /proc/keys: under RCU, no lock of the key. */
static void describe(const struct key *key, struct seq_file *m)
{
	const struct envelope_volume_key *vk;

	seq_puts(m, key->description);
	if (!key_is_positive(key))
		return;
	/* Pairs with set_volume_key(). */
	vk = smp_load_acquire(&key->payload.data[0]);
	if (!vk)
		return;

	/* Pairs with kill_locked(): a reader that sees the failure sees the reason. */
	if (smp_load_acquire(&vk->state) == ENVELOPE_LIVE)
		seq_printf(m, ": live %llus",
			   envelope_lease_left_seconds(&vk->lease, ktime_get_boottime_ns()));
	else
		seq_printf(m, ": failed %s", envelope_reason_name(READ_ONCE(vk->reason)));
}

struct key_type envelope_key_type = {
	.name = ENVELOPE_KEY_TYPE,
	.def_datalen = ENVELOPE_PAYLOAD_SIZE,
	.vet_description = vet_description,
	.preparse = preparse,
	.free_preparse = free_preparse,
	.instantiate = instantiate,
	.update = update,
	.revoke = revoke,
	.destroy = destroy,
	.describe = describe,
};

static char *lookup_error(int r)
{
	switch (r) {
	case -ENOKEY:
		return "Key not found in the caller's keyrings, and request-key brought none";
	case -ENOENT:
		return "Key not found in the caller's keyrings, and there is no /sbin/request-key";
	case -EKEYREVOKED:
		return "Key has been revoked";
	case -EKEYEXPIRED:
		return "Key has expired";
	case -EKEYREJECTED:
		return "Key was refused by request-key: see the agent's log";
	case -EACCES:
	case -EPERM:
		return "No permission to search for the key";
	case -ETIMEDOUT:
		return "Key lookup took too long: see the agent's log";
	case -EINTR:
		return "Key lookup was interrupted by a signal";
	case -EDQUOT:
		return "Key quota is exceeded";
	case -EINVAL:
		return "Invalid key description";
	default:
		return "Key lookup failed";
	}
}

/**
 * envelope_key_find() - the volume key that a table line names
 * @description: of the key
 * @error: set on failure to the reason
 *
 * Context: sleeps as envelope_upcall() does; no locks. The module cannot be unloaded meanwhile,
 * since a table of its target type is being made.
 * Return: a strong reference, or an ERR_PTR.
 */
struct envelope_volume_key *envelope_key_find(const char *description, char **error)
{
	struct envelope_volume_key *vk;
	struct key *key;

	key = envelope_upcall(description);
	if (IS_ERR(key)) {
		*error = lookup_error(PTR_ERR(key));
		return ERR_CAST(key);
	}

	/* Held for reading, so that no update replaces a failed volume key meanwhile. */
	down_read(&key->sem);
	vk = envelope_volume_key_get(volume_key(key));
	up_read(&key->sem);

	/* From here on, the last unlink destroys the key. */
	key_put(key);
	return vk;
}

/**
 * envelope_key_type_init() - when the module is loaded
 *
 * Return: 0, or -EEXIST if the type exists already.
 */
int envelope_key_type_init(void)
{
	return register_key_type(&envelope_key_type);
}

/**
 * envelope_key_type_exit() - when the module is unloaded
 *
 * No key has a volume key any more.
 *
 * Context: sleeps until the garbage collector of the keys core has passed.
 */
void envelope_key_type_exit(void)
{
	unregister_key_type(&envelope_key_type);
}
