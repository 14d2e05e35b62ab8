// SPDX-License-Identifier: MIT
/* See chain_head.h. */
#include "kms/audit/chain_head.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "kms/keys/crypto.h"
#include "lib/base/hex.h"

/* Behind those of the counter. Each slot is in a block of its own: a torn write harms one slot alone. */
#define SLOT_BYTES 4096
#define SLOT_FIRST 2
#define SLOTS	   2

struct slot {
	char text[160];
	uint8_t tag[CHAIN_TAG_BYTES]; /* of the text */
};

static off_t place(int slot)
{
	return (off_t)(SLOT_FIRST + slot) * SLOT_BYTES;
}

/**
 * chain_secret() - the key of the chain, which belongs to the root key
 *
 * Who has this key can make records. It opens no key of the store.
 *
 * Return: for secret_free(), or NULL.
 */
struct secret *chain_secret(const struct secret *root)
{
	static const uint8_t salt[] = "audit trail";

	return crypto_derive(root, (struct crypto_bytes){ salt, sizeof(salt) - 1 },
			     "dm-envelope kms audit chain");
}

/* Takes slot @i if it is whole and is the later one. */
static void read_slot(struct chain_head_file *file, int i, struct chain_head *head)
{
	char tag[SD_ID128_STRING_MAX], boot[SD_ID128_STRING_MAX];
	struct chain_head seen;
	struct slot slot;

	if (pread(file->fd, &slot, sizeof(slot), place(i)) != (ssize_t)sizeof(slot) ||
	    !chain_tag_fits(file->key, slot.text, sizeof(slot.text), slot.tag))
		return;
	slot.text[sizeof(slot.text) - 1] = '\0';
	if (sscanf(slot.text, "audit head %" SCNd64 " %" SCNd64 " %32s %32s", &seen.sequence,
		   &seen.synced, tag, boot) != 4 ||
	    hex_decode(tag, seen.tag, CHAIN_TAG_BYTES) ||
	    sd_id128_from_string(boot, &seen.boot) < 0 || seen.sequence < head->sequence ||
	    (seen.sequence == head->sequence && seen.synced < head->synced))
		return;
	*head = seen;
	file->slot = i;
}

/**
 * chain_head_open() - open the file, and read it
 * @path: NULL: there is no head
 * @make: make the file if it is missing, and write to it later
 * @key: made of chain_secret(); must outlive @file
 * @head: set; all zero without one
 *
 * Return: false if the file cannot be opened, with an errno.
 */
bool chain_head_open(struct chain_head_file *file, const char *path, bool make,
		     struct chain_key *key, struct chain_head *head)
{
	const int flags = O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK;

	*head = (struct chain_head){ 0 };
	*file = (struct chain_head_file){ .fd = -1, .key = key };
	if (!path)
		return true;
	file->fd = open(path, flags | (make ? O_RDWR | O_CREAT : O_RDONLY), 0600);
	if (file->fd < 0)
		return false;
	for (int i = 0; i < SLOTS; i++)
		read_slot(file, i, head);
	return true;
}

/** chain_head_write() - without a sync; Return: 0 or an errno */
int chain_head_write(struct chain_head_file *file, const struct chain_head *head)
{
	char boot[SD_ID128_STRING_MAX], tag[2 * CHAIN_TAG_BYTES + 1], *at = tag;
	int next = (file->slot + 1) % SLOTS;
	struct slot slot = { 0 };

	if (file->fd < 0)
		return 0;
	for (size_t i = 0; i < CHAIN_TAG_BYTES; i++)
		at += sprintf(at, "%02x", head->tag[i]);
	snprintf(slot.text, sizeof(slot.text), "audit head %" PRId64 " %" PRId64 " %s %s",
		 head->sequence, head->synced, tag, sd_id128_to_string(head->boot, boot));
	if (chain_tag(file->key, slot.text, sizeof(slot.text), slot.tag))
		return EIO;
	errno = EIO;
	if (pwrite(file->fd, &slot, sizeof(slot), place(next)) != (ssize_t)sizeof(slot))
		return errno;
	file->slot = next;
	return 0;
}

/** chain_head_close() - once more is fine */
void chain_head_close(struct chain_head_file *file)
{
	if (file->fd >= 0)
		close(file->fd);
	file->fd = -1;
}
