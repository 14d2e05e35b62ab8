/* SPDX-License-Identifier: GPL-2.0 */
/*
 * dm-envelope: a volume key: payload, lease, lifecycle, transform, and the view of the kernel
 * keyring.
 */
#ifndef _DM_ENVELOPE_KEY_H
#define _DM_ENVELOPE_KEY_H

#include <linux/atomic.h>
#include <linux/bvec.h>
#include <linux/key-type.h>
#include <linux/kref.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/notifier.h>
#include <linux/spinlock.h>
#include <linux/types.h>
#include <linux/workqueue.h>
#include <crypto/skcipher.h>

#include "compat.h"
#include "uapi/dm-envelope.h"

/* ---- lifecycle.c ---- */

enum envelope_state {
	ENVELOPE_LIVE,	/* sections may open */
	ENVELOPE_DYING, /* no new section; open ones are being drained */
	ENVELOPE_DEAD,	/* no section is open, none will ever be */
};

enum envelope_reason {
	ENVELOPE_NOT_FAILED, /* "-" */
	ENVELOPE_KEY_REVOKED,
	ENVELOPE_KEY_INVALIDATED,
	ENVELOPE_KEY_TIMEOUT,
	ENVELOPE_LEASE_EXPIRED,
	ENVELOPE_KEY_UNLINKED,
	ENVELOPE_MESSAGE,
	ENVELOPE_MACHINE_COPIED,
	ENVELOPE_HIBERNATION,
	ENVELOPE_MACHINE_STOPS,
	ENVELOPE_REMOVED, /* the table goes away; never shown to a user */
};

/**
 * struct envelope_lifecycle - live, then dying, then dead; once and for one reason
 * @cause: enum envelope_reason; leaves ENVELOPE_NOT_FAILED once, by cmpxchg
 * @drained: sections were waited for after the kill
 */
struct envelope_lifecycle {
	atomic_t cause;
	bool drained;
};

void envelope_lifecycle_init(struct envelope_lifecycle *lc);
bool envelope_lifecycle_begin_kill(struct envelope_lifecycle *lc, enum envelope_reason reason);
void envelope_lifecycle_set_drained(struct envelope_lifecycle *lc);
void envelope_lifecycle_drain(struct envelope_lifecycle *lc);
enum envelope_state envelope_lifecycle_state(const struct envelope_lifecycle *lc);
enum envelope_reason envelope_lifecycle_reason(const struct envelope_lifecycle *lc);
const char *envelope_reason_name(enum envelope_reason reason);

/** envelope_lifecycle_is_live() - one load; any context. The answer lasts only inside a section */
static inline bool envelope_lifecycle_is_live(const struct envelope_lifecycle *lc)
{
	return atomic_read(&lc->cause) == ENVELOPE_NOT_FAILED;
}

/* ---- lease.c: pure functions; all times in nanoseconds of CLOCK_BOOTTIME ---- */

/**
 * struct envelope_lease - how long a key may be used
 * @lease_ns: the longest lease that a renewal may grant from now; never changes
 * @deadline_ns: end of the lease. Written under the volume key's lock, read anywhere
 */
struct envelope_lease {
	u64 lease_ns;
	u64 deadline_ns;
};

int envelope_lease_start(struct envelope_lease *lease, u64 lease_ns, u64 deadline_ns, u64 now_ns);
int envelope_lease_renew(struct envelope_lease *lease, u64 deadline_ns, u64 now_ns);

/**
 * envelope_lease_expired() - has the deadline passed?
 * @lease: the lease
 * @now_ns: the time
 *
 * Context: any; no lock. Return: true from the deadline on.
 */
static inline bool envelope_lease_expired(const struct envelope_lease *lease, u64 now_ns)
{
	return now_ns >= READ_ONCE(lease->deadline_ns);
}

u64 envelope_lease_left_ns(const struct envelope_lease *lease, u64 now_ns);
u64 envelope_lease_left_seconds(const struct envelope_lease *lease, u64 now_ns);

/* ---- payload.c ---- */

/**
 * struct envelope_request - a payload after its checks
 * @lease_ns: length of the lease; 0 in a renewal
 * @deadline_ns: end of the lease
 * @key: points at the ENVELOPE_KEY_SIZE key bytes inside the caller's payload,
 *	 which are never copied; NULL in a renewal
 */
struct envelope_request {
	u64 lease_ns;
	u64 deadline_ns;
	const u8 *key;
};

int envelope_payload_parse(const void *payload, size_t size, struct envelope_request *request);

/* ---- cipher.c ---- */

/**
 * struct envelope_gather - a buffer for a data unit that is scattered over bvecs
 * @lock: held for one data unit of CPU work
 * @unit: 4096 bytes; wiped after each use, since it holds plaintext
 */
struct envelope_gather {
	spinlock_t lock; /* bh; guards @unit, held for one data unit */
	u8 *unit;
};

/**
 * struct envelope_cipher_pass - one pass of the cipher over the data of a bio
 * @tfm: transform of an open section
 * @gather: for data units that straddle segments
 * @src: segments to read
 * @src_iter: the range of @src to read; bi_sector is not used
 * @dst: whole pages, or runs of pages, to write to; NULL: in place
 * @dst_order: of the segments in @dst
 * @dst_offset: where in @dst to begin, in bytes; a multiple of 4096, which may be less than a page
 * @iv_sector: 512-byte sector number of the first data unit, iv_offset included
 * @sector_size: bytes of a data unit
 * @encrypt: false to decrypt
 */
struct envelope_cipher_pass {
	struct crypto_sync_skcipher *tfm;
	struct envelope_gather *gather;
	struct bio_vec *src;
	struct bvec_iter src_iter;
	const struct bio_vec *dst;
	unsigned int dst_order;
	unsigned int dst_offset;
	u64 iv_sector;
	unsigned int sector_size;
	bool encrypt;
};

struct crypto_sync_skcipher *envelope_cipher_alloc(const u8 *key);
void envelope_cipher_free(struct crypto_sync_skcipher *tfm);
void envelope_cipher_overwrite(struct crypto_sync_skcipher *tfm);
const char *envelope_cipher_driver(struct crypto_sync_skcipher *tfm);
bool envelope_cipher_is_slow(const char *driver);
int envelope_cipher_measure(struct crypto_sync_skcipher *tfm, unsigned int *bytes);
void envelope_cipher_iv(__le64 iv[2], u64 sector);
int envelope_cipher_unit(struct crypto_sync_skcipher *tfm, u64 sector, unsigned int size,
			 struct page *src, unsigned int offset, struct page *dst);
int envelope_cipher_run(const struct envelope_cipher_pass *pass);
int envelope_gather_init(struct envelope_gather *gather);
void envelope_gather_exit(struct envelope_gather *gather);

/* ---- volume_key.c ---- */

/**
 * struct envelope_volume_key - a volume key in use
 * @kref: one for the struct key (or its preparsed payload), one for each device,
 *	  one for each pending work item
 * @rcu: /proc/keys looks at us under RCU
 * @lock: held to attach, detach, renew or kill
 * @state: written under @lock, read anywhere
 * @reason: why the key is not live; written once under @lock, before @state
 * @tfm: the only place with the key bytes and the key schedule; freed by the kill.
 *	 Read inside a section of an attached device, or under @lock
 * @key: the struct key, not counted. Valid while @state is live under @lock, or
 *	 inside a section of an attached device; NULL before instantiation and after the kill
 * @lease: the present lease
 * @driver: name of the crypto driver; constant
 * @piece_bytes: what @tfm does in one section, from envelope_cipher_measure(); constant
 * @devices: under @lock
 * @suspicion: enum envelope_reason that an I/O context saw; the first one stays
 * @kill_work: kills the key for @suspicion
 * @live_node: in the list of live_keys.c until @tfm is freed
 */
struct envelope_volume_key {
	struct kref kref;
	struct rcu_head rcu;
	struct mutex lock; /* envelope.h has the lock order */
	enum envelope_state state;
	enum envelope_reason reason;
	struct crypto_sync_skcipher *tfm;
	struct key *key;
	struct envelope_lease lease;
	char driver[CRYPTO_MAX_ALG_NAME];
	unsigned int piece_bytes;
	struct list_head devices;
	atomic_t suspicion;
	struct work_struct kill_work;
	struct list_head live_node;
};

struct envelope_device;

struct envelope_volume_key *envelope_volume_key_new(const struct envelope_request *request,
						    u64 now_ns);
void envelope_volume_key_put(struct envelope_volume_key *vk);
struct envelope_volume_key *envelope_volume_key_get(struct envelope_volume_key *vk);
void envelope_volume_key_start(struct envelope_volume_key *vk, struct key *key);
int envelope_volume_key_check(struct envelope_volume_key *vk);
int envelope_volume_key_renew(struct envelope_volume_key *vk, u64 deadline_ns, u64 now_ns);
void envelope_volume_key_kill(struct envelope_volume_key *vk, enum envelope_reason reason);
void envelope_volume_key_suspect(struct envelope_volume_key *vk, enum envelope_reason reason);
enum envelope_reason envelope_volume_key_verdict(const struct envelope_volume_key *vk);
enum envelope_reason envelope_key_flags_reason(const struct key *key);
int envelope_volume_key_attach(struct envelope_volume_key *vk, struct envelope_device *dev);
void envelope_volume_key_detach(struct envelope_device *dev);
unsigned long envelope_volume_key_watch(struct envelope_volume_key *vk);
bool envelope_volume_key_queue(struct work_struct *work);
int envelope_volume_key_init(void);
void envelope_volume_key_exit(void);

extern struct workqueue_struct *envelope_key_wq;

/* ---- watchdog.c ---- */

extern struct delayed_work envelope_watchdog;

void envelope_watchdog_wake(void);

/* ---- live_keys.c ---- */

int envelope_live_keys_add(struct envelope_volume_key *vk);
void envelope_live_keys_remove(struct envelope_volume_key *vk);
unsigned long envelope_live_keys_watch(void);
void envelope_live_keys_kill(enum envelope_reason reason);
bool envelope_live_keys_close(void);
void envelope_live_keys_open(void);
void envelope_live_keys_overwrite(void);

/* ---- machine.c ---- */

extern bool envelope_wipe_at_hibernation;
extern struct notifier_block envelope_machine_copied;
extern struct notifier_block envelope_machine_power;
extern struct notifier_block envelope_machine_stops;

int envelope_machine_init(void);
void envelope_machine_exit(void);

/* ---- upcall.c ---- */

struct key *envelope_upcall(const char *description);
unsigned long envelope_upcall_set_limit(unsigned long jiffies);
int envelope_upcall_init(void);
void envelope_upcall_exit(void);

/* ---- key_type.c ---- */

extern struct key_type envelope_key_type;

struct envelope_volume_key *envelope_key_find(const char *description, char **error);
int envelope_key_type_init(void);
void envelope_key_type_exit(void);

#endif
