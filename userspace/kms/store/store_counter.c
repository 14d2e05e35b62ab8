// SPDX-License-Identifier: MIT
/* See store_counter.h. */
#include "kms/store/store_counter.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/file.h"
#include "lib/base/log.h"

/* Each slot is in a block of its own: a torn write harms one slot alone. */
#define SLOT_BYTES 4096
#define SLOTS	   2

struct slot {
	char text[100]; /* id of the store, number of the change, tag of the head */
	uint8_t seal[CRYPTO_SEAL_BYTES];
};

static const struct crypto_bytes nothing;

static struct crypto_bytes text_of(const struct slot *slot)
{
	return (struct crypto_bytes){ (const uint8_t *)slot->text, sizeof(slot->text) };
}

static struct crypto_bytes seal_of(const struct slot *slot)
{
	return (struct crypto_bytes){ slot->seal, sizeof(slot->seal) };
}

/* Takes slot @i if it is whole and has a later change. */
static void read_slot(struct store *store, int i)
{
	char head[SD_ID128_STRING_MAX];
	struct slot slot;
	int64_t change;
	sd_id128_t tag;

	if (pread(store->counter.fd, &slot, sizeof(slot), (off_t)i * SLOT_BYTES) !=
		    (ssize_t)sizeof(slot) ||
	    crypto_open(store->root, text_of(&slot), seal_of(&slot), NULL))
		return;
	slot.text[sizeof(slot.text) - 1] = '\0';
	if (sscanf(slot.text, "%*36s %" SCNd64 " %32s", &change, head) != 2 ||
	    sd_id128_from_string(head, &tag) < 0 || change < store->counter.change)
		return;
	store->counter.change = change;
	store->counter.head = tag;
	store->counter.slot = i;
}

/**
 * counter_open() - open the file of the counter, and read it
 * @path: made if missing; its folder must exist. NULL: the store has no counter.
 *
 * Return: 0 or -1.
 */
int counter_open(struct store *store, const char *path, struct fault *f)
{
	store->counter.fd = -1;
	store->counter.change = COUNTER_UNKNOWN;
	if (!path)
		return 0;
	store->counter.fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (store->counter.fd < 0)
		return fault_set(f, "InvalidConfiguration",
				 "The counter %s of the key store cannot be opened: %s. Check the path and its permissions.",
				 path, strerror(errno));
	/* The name of a new file: a counter that is lost keeps the store from opening. */
	file_sync_folder(path);
	for (int i = 0; i < SLOTS; i++)
		read_slot(store, i);
	return 0;
}

static int write_value(struct store *store, int64_t change, sd_id128_t head)
{
	int next = (store->counter.slot + 1) % SLOTS;
	char tag[SD_ID128_STRING_MAX];
	struct slot slot = { 0 };

	snprintf(slot.text, sizeof(slot.text), "%36s %" PRId64 " %s", store->id, change,
		 sd_id128_to_string(head, tag));
	if (crypto_seal(store->root, text_of(&slot), nothing, slot.seal))
		return EIO;
	if (pwrite(store->counter.fd, &slot, sizeof(slot), (off_t)next * SLOT_BYTES) !=
		    (ssize_t)sizeof(slot) ||
	    fdatasync(store->counter.fd))
		return errno ? errno : EIO;
	store->counter.slot = next;
	store->counter.change = change;
	store->counter.head = head;
	return 0;
}

/* Behind the slots is the head of the audit trail. Return: 0 or an errno */
static int clear_slots(int fd)
{
	static const char none[SLOTS * SLOT_BYTES];

	errno = EIO;
	return pwrite(fd, none, sizeof(none), 0) == (ssize_t)sizeof(none) ? 0 : errno;
}

static int not_written(int error, struct fault *f)
{
	return fault_set(f, "KMSInternalException",
			 "The counter of the key store cannot be written: %s. Check its disk.",
			 strerror(error));
}

/**
 * counter_begin() - begin to count, before the first change of a database that is new, or was not
 * counted yet
 *
 * Change 0 is a value that no database has. A crash after it changes nothing.
 *
 * Return: 0 or -1.
 */
int counter_begin(struct store *store, struct fault *f)
{
	sd_id128_t none;
	int r;

	if (store->counter.fd < 0)
		return 0;
	if (sd_id128_randomize(&none) < 0)
		return not_written(EIO, f);
	/* No other slot may be left: the later change counts. */
	r = clear_slots(store->counter.fd);
	if (!r)
		r = write_value(store, 0, none);
	return r ? not_written(r, f) : 0;
}

/**
 * counter_check() - is the database the present one?
 * @path: of the database, for faults
 * @f: InvalidConfiguration
 *
 * Return: 0 or -1.
 */
int counter_check(struct store *store, const char *path, struct fault *f)
{
	const struct counter *counter = &store->counter;

	if (counter->fd < 0 || (counter->change != COUNTER_UNKNOWN &&
				(sd_id128_equal(counter->head, store->head.tag) ||
				 sd_id128_equal(counter->head, store->head.after))))
		return 0;
	if (counter->change == COUNTER_UNKNOWN)
		return fault_set(f, "InvalidConfiguration",
				 "The counter of the key store %s is lost, so an old copy of the store would not be noticed. If the store is the present one, or is restored on purpose, run envelope-kms --accept-rollback.",
				 path);
	return fault_set(f, "InvalidConfiguration",
			 "The key store %s is an old copy: it is at change %" PRId64
			 ", its counter at %" PRId64
			 ". Restore the present one, or, if the old states of its keys are meant to count again, run envelope-kms --accept-rollback.",
			 path, store->head.change, counter->change);
}

/** counter_write() - count the change that the database has kept; Return: 0 or -1 */
int counter_write(struct store *store, struct fault *f)
{
	int r;

	if (store->counter.fd < 0 || sd_id128_equal(store->counter.head, store->head.tag))
		return 0;
	r = write_value(store, store->head.change, store->head.tag);
	return r ? not_written(r, f) : 0;
}

/**
 * counter_follow() - as counter_write(), of a change that is kept in any case
 *
 * A counter that cannot be written holds up no revocation. The head goes on to name the value that the
 * counter has, so the database stays the present one.
 */
void counter_follow(struct store *store)
{
	struct fault f;

	if (counter_write(store, &f))
		log_error("%s Until then an old copy of the key store may go unnoticed.",
			  f.message);
}
