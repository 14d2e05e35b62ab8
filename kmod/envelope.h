/* SPDX-License-Identifier: GPL-2.0 */
/*
 * dm-envelope: the objects of the module and the functions they offer each other.
 *
 *	payload.c	what add_key(2) hands us, checked
 *	lease.c		arithmetic of the lease
 *	lifecycle.c	live -> dying -> dead, and draining of open sections
 *	cipher.c	the transform, data units, IVs
 *	volume_key.c	a key in use: its transform, its devices, its end
 *	key_type.c	the kernel keyring's view of a volume key
 *	table.c		arguments of the table line
 *	io.c		bios: where they come in and where they complete
 *	read.c		reads, from map to plaintext
 *	write.c		writes, from map to the lower device
 *	interrupt.c	bios that complete in a hard interrupt
 *	poll.c		bios whose submitter polls for their completion
 *	parallel.c	one large bio on several CPUs
 *	bounce.c	the pages that hold the ciphertext of a write, and the reserve of them
 *	pages.c		the pages that writes use again and again
 *	failure.c	what a device does when it fails, and whom it tells
 *	target.c	the device-mapper target
 *	main.c		load and unload
 *
 * Objects and who holds whom
 *
 *	struct key --payload--> envelope_volume_key <--reference-- envelope_device
 *
 * A device holds a reference on the volume key, never on the struct key. So the
 * last unlink of the key is seen by the kernel's garbage collector, whose call
 * of ->destroy kills the volume key and fails its devices.
 *
 * Lock order
 *
 *	key->sem
 *	  envelope_volume_key.lock	(sleeps; never taken by the I/O path)
 *	    envelope_device.queue_lock
 *
 *	Taken alone, for a few instructions each: envelope_bounce_pool.lock (irq), the depot's
 *	in pages.c (irq), that of the offered bios in parallel.c. envelope_gather.lock (bh) is
 *	held for one data unit of CPU work.
 *
 * Sections
 *
 * Everything that uses the transform, and every completion that reports success,
 * runs inside a section: under rcu_read_lock(), in which the device's lifecycle was
 * found live. Killing closes the door for new sections, waits for the open ones, and
 * only then frees the transform. A section covers CPU work only, at most one small bio
 * or one chunk of a large one, and never waits for a disk, hence a hung disk cannot
 * hang a revoke.
 */
#ifndef _DM_ENVELOPE_H
#define _DM_ENVELOPE_H

#include <linux/atomic.h>
#include <linux/bio.h>
#include <linux/device-mapper.h>
#include <linux/key-type.h>
#include <linux/kref.h>
#include <linux/llist.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/spinlock.h>
#include <linux/types.h>
#include <linux/wait.h>
#include <linux/workqueue.h>
#include <crypto/skcipher.h>

#include "compat.h"
#include "uapi/dm-envelope.h"

#define DM_MSG_PREFIX "envelope"

/** ENVELOPE_MAX_PAGES - pages of data in one bio that a target handles; larger bios are split */
#define ENVELOPE_MAX_PAGES   256
#define ENVELOPE_MAX_SECTORS (ENVELOPE_MAX_PAGES << (PAGE_SHIFT - SECTOR_SHIFT))

/** ENVELOPE_INLINE_BVECS - bounce pages of a write that needs no page for its bvec table */
#define ENVELOPE_INLINE_BVECS 2

/** ENVELOPE_RESERVE_PAGES - what one write of maximal size needs: its pages and its table */
#define ENVELOPE_RESERVE_PAGES (ENVELOPE_MAX_PAGES + 1)

/**
 * ENVELOPE_AT_ONCE_BYTES - the most that is decrypted where the lower device completes, and that
 * one thread encrypts alone: some 10 us with a fast cipher. With a slow one it is
 * %ENVELOPE_AT_ONCE_SLOW_BYTES
 */
#define ENVELOPE_AT_ONCE_BYTES	    131072
#define ENVELOPE_AT_ONCE_SLOW_BYTES 8192

/** ENVELOPE_CHUNK_BYTES - what a thread does of a larger one in one section */
#define ENVELOPE_CHUNK_BYTES 65536u

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
	ENVELOPE_REMOVED, /* the table goes away; never shown to a user */
};

/**
 * struct envelope_lifecycle - live, dying, dead; once and for one reason
 * @cause: enum envelope_reason; leaves ENVELOPE_NOT_FAILED once, by cmpxchg
 * @drained: sections have been waited for since
 */
struct envelope_lifecycle {
	atomic_t cause;
	bool drained;
};

void envelope_lifecycle_init(struct envelope_lifecycle *lc);
bool envelope_lifecycle_begin_kill(struct envelope_lifecycle *lc, enum envelope_reason reason);
void envelope_sections_wait(void);
void envelope_lifecycle_set_drained(struct envelope_lifecycle *lc);
void envelope_lifecycle_drain(struct envelope_lifecycle *lc);
enum envelope_state envelope_lifecycle_state(const struct envelope_lifecycle *lc);
enum envelope_reason envelope_lifecycle_reason(const struct envelope_lifecycle *lc);
const char *envelope_reason_name(enum envelope_reason reason);

/** envelope_lifecycle_is_live() - one load; any context. To rely on it: inside a section */
static inline bool envelope_lifecycle_is_live(const struct envelope_lifecycle *lc)
{
	return atomic_read(&lc->cause) == ENVELOPE_NOT_FAILED;
}

/* ---- lease.c: pure functions; all times in nanoseconds of CLOCK_BOOTTIME ---- */

/**
 * struct envelope_lease - how long a key may be used
 * @lease_ns: the most that a renewal may grant from "now"; fixed for life
 * @deadline_ns: end of the lease. Written under the volume key's lock, read anywhere
 */
struct envelope_lease {
	u64 lease_ns;
	u64 deadline_ns;
};

int envelope_lease_start(struct envelope_lease *lease, u64 lease_ns, u64 deadline_ns, u64 now_ns);
int envelope_lease_renew(struct envelope_lease *lease, u64 deadline_ns, u64 now_ns);

/**
 * envelope_lease_expired() - has the deadline come?
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
 * struct envelope_gather - makes one data unit contiguous that is scattered over bvecs
 * @lock: held for one data unit of CPU work
 * @unit: 4096 bytes; wiped after each use, since it holds plaintext
 */
struct envelope_gather {
	spinlock_t lock; /* bh; of the unit, for one data unit */
	u8 *unit;
};

/**
 * struct envelope_crypt - one pass of the cipher over the data of a bio
 * @tfm: transform of an open section
 * @gather: for data units that straddle segments
 * @src: segments to read
 * @src_iter: what of @src to read; bi_sector is not used
 * @dst: whole pages to write to, from the beginning of the first; NULL: in place
 * @iv_sector: 512-byte sector number of the first data unit, iv_offset included
 * @sector_size: bytes of a data unit
 * @encrypt: else decrypt
 */
struct envelope_crypt {
	struct crypto_skcipher *tfm;
	struct envelope_gather *gather;
	struct bio_vec *src;
	struct bvec_iter src_iter;
	const struct bio_vec *dst;
	u64 iv_sector;
	unsigned int sector_size;
	bool encrypt;
};

struct crypto_skcipher *envelope_cipher_alloc(const u8 *key);
void envelope_cipher_free(struct crypto_skcipher *tfm);
const char *envelope_cipher_driver(struct crypto_skcipher *tfm);
bool envelope_cipher_is_slow(const char *driver);
void envelope_cipher_iv(__le64 iv[2], u64 sector);
int envelope_crypt_unit(struct crypto_skcipher *tfm, u64 sector, unsigned int size,
			struct page *src, unsigned int offset, struct page *dst);
int envelope_crypt(const struct envelope_crypt *pass);
int envelope_gather_init(struct envelope_gather *gather);
void envelope_gather_exit(struct envelope_gather *gather);

/* ---- volume_key.c ---- */

/**
 * struct envelope_volume_key - a volume key in use
 * @kref: one for the struct key (or its preparsed payload), one for each device,
 *	  one for each pending work item
 * @rcu: /proc/keys looks at us under RCU
 * @lock: held by whoever attaches, detaches, renews or kills
 * @state: written under @lock, read anywhere
 * @reason: why not live; written once under @lock, before @state
 * @tfm: the only place where key bytes and key schedule are; freed by the kill.
 *	 Read inside a section of an attached device, or under @lock
 * @key: the struct key, not counted. Valid while @state is live under @lock, or
 *	 inside a section of an attached device; NULL before instantiation and after the kill
 * @lease: see there
 * @driver: name of the crypto driver; constant
 * @devices: under @lock
 * @suspicion: enum envelope_reason that an I/O context saw; first one wins
 * @kill_work: carries out what @suspicion says
 * @watchdog: looks at an idle key at least once a second
 */
struct envelope_volume_key {
	struct kref kref;
	struct rcu_head rcu;
	struct mutex lock; /* see the lock order above */
	enum envelope_state state;
	enum envelope_reason reason;
	struct crypto_skcipher *tfm;
	struct key *key;
	struct envelope_lease lease;
	char driver[CRYPTO_MAX_ALG_NAME];
	struct list_head devices;
	atomic_t suspicion;
	struct work_struct kill_work;
	struct delayed_work watchdog;
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
bool envelope_volume_key_queue(struct work_struct *work);
int envelope_volume_key_init(void);
void envelope_volume_key_exit(void);

/* ---- key_type.c ---- */

extern struct key_type envelope_key_type;

struct envelope_volume_key *envelope_key_find(const char *description, char **error);
int envelope_key_type_init(void);
void envelope_key_type_exit(void);

/* ---- table.c ---- */

/**
 * struct envelope_table - the arguments of a table line, parsed
 * @description: of the key; points into the arguments
 * @iv_offset: added to the sector number for the IV, in 512-byte sectors
 * @device: path or major:minor; points into the arguments
 * @start: first sector of the data on @device
 * @sector_size: bytes of a data unit
 * @allow_discards: discards are passed down
 */
struct envelope_table {
	const char *description;
	u64 iv_offset;
	const char *device;
	sector_t start;
	unsigned int sector_size;
	bool allow_discards;
};

int envelope_table_parse(unsigned int argc, char **argv, sector_t len, struct envelope_table *table,
			 char **error);

/* ---- pages.c ---- */

bool envelope_pages_take(struct bio_vec *bvecs, unsigned int nr);
void envelope_pages_put(const struct bio_vec *bvecs, unsigned int nr);
void envelope_pages_drain(void);
unsigned long envelope_pages_owned(void);
unsigned long envelope_pages_set_limit(unsigned long pages);
void envelope_pages_init(void);
void envelope_pages_exit(void);

/* ---- parallel.c ---- */

struct envelope_parallel;

/**
 * struct envelope_parallel_ops - what is done
 * @chunk: do one; 0 or a negative error. In any thread, preemption off
 * @finish: all has been done, by others; called once, by the last one, if that is a helper
 */
struct envelope_parallel_ops {
	int (*chunk)(struct envelope_parallel *p, unsigned int index);
	void (*finish)(struct envelope_parallel *p);
};

/**
 * struct envelope_parallel - work that several CPUs may share
 * @node: while offered to helpers; under the lock of those
 * @ops: set by the owner
 * @chunks: how many, numbered from 0; set by the owner
 * @next: the first that nobody has taken
 * @users: the owner, and helpers that have come; the last one finishes
 * @error: of a chunk; the first that was seen. Those after it are not done
 */
struct envelope_parallel {
	struct list_head node;
	const struct envelope_parallel_ops *ops;
	unsigned int chunks;
	atomic_t next;
	atomic_t users;
	int error;
};

bool envelope_parallel_run(struct envelope_parallel *p, bool may_sleep);
int envelope_parallel_init(void);
void envelope_parallel_exit(void);

/* ---- bounce.c ---- */

/**
 * struct envelope_bounce_pool - a device's reserve of pages for ciphertext
 * @lock: irq-safe; guards the pages
 * @pages: free pages, linked by page->lru
 * @nr_pages: length of @pages. Those here and those on loan are together
 *	      ENVELOPE_RESERVE_PAGES, so one write of maximal size always
 *	      gets its pages when the disk has finished what it was given
 * @wait: where the write worker waits for pages
 */
struct envelope_bounce_pool {
	spinlock_t lock; /* irq-safe */
	struct list_head pages;
	unsigned int nr_pages;
	wait_queue_head_t wait;
};

/**
 * struct envelope_bounce - the bounce pages of one write
 * @nr: number of pages
 * @reserved: they are from the device's reserve
 * @bvecs: whole pages, @nr of them
 * @inline_bvecs: @bvecs when they suffice; else that is a page of its own
 * @parallel: in their place, for a write that is large enough
 */
struct envelope_bounce {
	u16 nr;
	bool reserved;
	struct bio_vec *bvecs;
	union {
		struct bio_vec inline_bvecs[ENVELOPE_INLINE_BVECS];
		struct envelope_parallel parallel;
	};
};

int envelope_bounce_pool_init(struct envelope_bounce_pool *pool);
void envelope_bounce_pool_exit(struct envelope_bounce_pool *pool);
bool envelope_bounce_try_take(struct envelope_bounce *bounce, unsigned int nr);
bool envelope_bounce_take(struct envelope_bounce_pool *pool, struct envelope_bounce *bounce,
			  unsigned int nr, const struct envelope_lifecycle *lc);
void envelope_bounce_release(struct envelope_bounce_pool *pool, struct envelope_bounce *bounce);
void envelope_bounce_wake(struct envelope_bounce_pool *pool);

/* ---- a device: target.c, io.c, read.c, write.c, interrupt.c, poll.c, failure.c ---- */

/** struct envelope_counters - bios finished, by what they were; one per CPU */
struct envelope_counters {
	u64 reads;
	u64 writes;
	u64 discards;
	u64 flushes;
	u64 errors;  /* of the lower device, passed up; not its "try again" */
	u64 refused; /* failed by us: key gone, or cipher failed */
};

/**
 * struct envelope_device - one target of one table; ti->private
 * @ti: the target
 * @lower: where the ciphertext is
 * @start: first sector on @lower
 * @iv_offset: see struct envelope_table
 * @iv_shift: what a sector number on @lower lacks to be that for the IV; may wrap
 * @sector_size: bytes of a data unit
 * @at_once_bytes: %ENVELOPE_AT_ONCE_BYTES, or less for a slow cipher
 * @allow_discards: for the table line
 * @description: of the key, for the table line; owned
 * @vk: counted reference, from constructor to destructor
 * @node: in vk->devices, under vk->lock
 * @lifecycle: its own, since a message fails one device and not its key
 * @counters: per CPU
 * @bounce: page reserve
 * @gather: see there
 * @queue_lock: guards @queue
 * @queue: writes that found no page at once, for @write_work
 * @write_wq: of its own, so that one stuck disk holds up no other device's writes
 * @write_work: the only one that waits for pages
 * @announce_work: log, dm event, uevent after a failure
 * @announced: bit 0: done, or queued
 * @activated: the table has been resumed once, so users know it
 */
struct envelope_device {
	struct dm_target *ti;
	struct dm_dev *lower;
	sector_t start;
	u64 iv_offset;
	u64 iv_shift;
	unsigned int sector_size;
	unsigned int at_once_bytes;
	bool allow_discards;
	char *description;
	struct envelope_volume_key *vk;
	struct list_head node;
	struct envelope_lifecycle lifecycle;
	struct envelope_counters __percpu *counters;
	struct envelope_bounce_pool bounce;
	struct envelope_gather gather;
	spinlock_t queue_lock; /* of the queue */
	struct bio_list queue;
	struct workqueue_struct *write_wq;
	struct work_struct write_work;
	struct work_struct announce_work;
	unsigned long announced;
	bool activated;
};

/**
 * struct envelope_backlog - a bio in the backlog of a CPU
 * @node: in the list of that
 * @bio: the clone; to find it by our memory takes a call of device mapper's
 */
struct envelope_backlog {
	struct llist_node node;
	struct bio *bio;
};

/**
 * struct envelope_bio - what we keep for a bio; dm core's per-bio data
 * @dev: the device
 * @end_io: dm core's completion of the clone
 * @iter: of the clone as it was sent to the lower device (reads), or as it came (writes);
 *	  of a read that is polled: what is still to be decrypted
 * @parked: of a bio that is polled: 1 while its submitter may take it
 * @io_vec: the clone's own segments, while those of @bounce stand in
 * @bounce: of a write: its ciphertext
 * @backlog: of a read: in the backlog of a CPU
 * @work: of a read: a worker decrypts, and once it runs this is
 * @parallel: of a read: what others may help with
 *
 * Stock kernels clear it for each bio, so every word costs.
 */
struct envelope_bio {
	struct envelope_device *dev;
	bio_end_io_t *end_io;
	struct bvec_iter iter;
	atomic_t parked;
	struct bio_vec *io_vec;
	union {
		struct envelope_bounce bounce;
		struct envelope_backlog backlog;
		struct work_struct work;
		struct envelope_parallel parallel;
	};
};

/** envelope_of_bio() - what we keep for that clone of device mapper */
static inline struct envelope_bio *envelope_of_bio(struct bio *bio)
{
	return dm_per_bio_data(bio, sizeof(struct envelope_bio));
}

/** envelope_bio_of() - the clone for which we keep that */
static inline struct bio *envelope_bio_of(struct envelope_bio *eb)
{
	return dm_bio_from_per_bio_data(eb, sizeof(struct envelope_bio));
}

/** envelope_hook() - @end_io is called when the lower device has completed @bio, and not dm core */
static inline void envelope_hook(struct envelope_bio *eb, struct bio *bio, bio_end_io_t *end_io)
{
	eb->end_io = bio->bi_end_io;
	bio->bi_end_io = end_io;
	bio->bi_private = eb;
}

int envelope_crypt_units(struct envelope_device *dev, struct bio_vec *segments,
			 struct bvec_iter iter, unsigned int offset, unsigned int size,
			 const struct bio_vec *pages);
void envelope_crypt_failed(struct envelope_device *dev, bool encrypt, int error);

/**
 * envelope_crypt_part() - encrypt into pages, or decrypt in place
 * @eb: ours
 * @segments: the data
 * @iter: where the data of the bio begins
 * @offset: of the part, in bytes; whole data units, and whole pages of @pages
 * @size: of the part, in bytes
 * @pages: where the ciphertext of the whole bio goes; NULL: decrypt
 *
 * In the way of each bio, hence no function of its own.
 *
 * Context: inside a section of a live device. Return: as envelope_crypt().
 */
static __always_inline int envelope_crypt_part(struct envelope_bio *eb, struct bio_vec *segments,
					       struct bvec_iter iter, unsigned int offset,
					       unsigned int size, const struct bio_vec *pages)
{
	struct envelope_device *dev = eb->dev;
	int r;

	if (likely(!offset && size == dev->sector_size && mp_bvec_iter_len(segments, iter) >= size))
		r = envelope_crypt_unit(dev->vk->tfm, iter.bi_sector + dev->iv_shift, size,
					bvec_iter_page(segments, iter),
					bvec_iter_offset(segments, iter),
					pages ? pages->bv_page : NULL);
	else
		r = envelope_crypt_units(dev, segments, iter, offset, size, pages);
	if (unlikely(r))
		envelope_crypt_failed(dev, pages, r);
	return r;
}

int envelope_map(struct dm_target *ti, struct bio *bio);
void envelope_refuse(struct envelope_bio *eb, struct bio *bio);
void envelope_succeed(struct envelope_bio *eb, struct bio *bio);
void envelope_finish(struct envelope_bio *eb, struct bio *bio);
void envelope_io_counters(const struct envelope_device *dev, struct envelope_counters *sum);

int envelope_map_read(struct envelope_bio *eb, struct bio *bio);
void envelope_read_continue(struct envelope_bio *eb, struct bio *bio);
bool envelope_read_piece(struct envelope_bio *eb, struct bio *bio);
int envelope_read_init(void);
void envelope_read_exit(void);

int envelope_map_write(struct envelope_bio *eb, struct bio *bio);
void envelope_write_work(struct work_struct *work);
void envelope_write_fail_queued(struct envelope_device *dev);

void envelope_interrupt_defer(struct envelope_bio *eb, struct bio *bio);
void envelope_interrupt_init(void);
void envelope_interrupt_exit(void);

void envelope_poll_hook(struct envelope_bio *eb, struct bio *bio, bio_end_io_t *end_io);
void envelope_poll_end_io(struct bio *bio);
int envelope_poll_init(void);
void envelope_poll_exit(void);

void envelope_failure_init(struct envelope_device *dev);
void envelope_failure_exit(struct envelope_device *dev);
void envelope_failure_begin(struct envelope_device *dev, enum envelope_reason reason);
void envelope_failure_announce(struct envelope_device *dev);
void envelope_failure_now(struct envelope_device *dev, enum envelope_reason reason);

extern struct target_type envelope_target;

#endif
