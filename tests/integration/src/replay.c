// SPDX-License-Identifier: MIT
/*
 * Replay a log of dm-log-writes onto a device, up to a mark: the state of a disk whose
 * power failed there, with all that was written and not yet flushed lost.
 *
 *	replay LOG DEVICE MARK
 *
 * Format: Documentation/admin-guide/device-mapper/log-writes.rst. The first sector holds
 * the super block; then, each on its own sectors, an entry and its data. Exit code: 0,
 * 1 when the mark or the log is not there.
 */
#include <endian.h>
#include <err.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LOG_MAGIC   0x6a736677736872ULL
#define LOG_FLUSH   1
#define LOG_FUA	    2
#define LOG_DISCARD 4
#define LOG_MARK    8

struct log_super {
	uint64_t magic;
	uint64_t version;
	uint64_t entries;
	uint32_t sector_size;
};

struct log_entry {
	uint64_t sector;
	uint64_t sectors;
	uint64_t flags;
	uint64_t data_size;
};

static void copy(int log, off_t from, int device, off_t to, size_t size)
{
	static char buffer[1 << 20];

	while (size) {
		size_t chunk = size < sizeof(buffer) ? size : sizeof(buffer);

		if (pread(log, buffer, chunk, from) != (ssize_t)chunk ||
		    pwrite(device, buffer, chunk, to) != (ssize_t)chunk)
			err(1, "cannot replay %zu bytes", chunk);
		from += chunk;
		to += chunk;
		size -= chunk;
	}
}

int main(int argc, char **argv)
{
	struct log_super super;
	uint64_t writes = 0, flushes = 0;

	if (argc != 4)
		errx(2, "usage: replay LOG DEVICE MARK");
	int log = open(argv[1], O_RDONLY), device = open(argv[2], O_WRONLY);

	if (log < 0 || device < 0 || pread(log, &super, sizeof(super), 0) != sizeof(super))
		err(1, "cannot use %s and %s", argv[1], argv[2]);
	if (le64toh(super.magic) != LOG_MAGIC || le64toh(super.version) != 1)
		errx(1, "%s holds no log of dm-log-writes", argv[1]);
	uint32_t sector_size = le32toh(super.sector_size);
	off_t at = sector_size;

	for (uint64_t i = 0; i < le64toh(super.entries); i++) {
		char block[4096];
		struct log_entry *entry = (struct log_entry *)block;

		if (pread(log, block, sector_size, at) != (ssize_t)sector_size)
			err(1, "%s ends in entry %" PRIu64, argv[1], i);
		uint64_t flags = le64toh(entry->flags),
			 size = le64toh(entry->sectors) * sector_size;

		at += sector_size;
		flushes += !!(flags & (LOG_FLUSH | LOG_FUA));
		if (flags & LOG_MARK) {
			block[sector_size - 1] = 0;
			if (!strcmp(block + sizeof(*entry), argv[3])) {
				printf("%" PRIu64 " writes and %" PRIu64 " flushes before %s\n",
				       writes, flushes, argv[3]);
				return fsync(device) ? 1 : 0;
			}
		} else if (!(flags & LOG_DISCARD) && size) {
			copy(log, at, device, le64toh(entry->sector) * sector_size, size);
			at += size;
			writes++;
		}
	}
	errx(1, "no mark %s in %s", argv[3], argv[1]);
}
