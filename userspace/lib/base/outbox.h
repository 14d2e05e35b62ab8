/* SPDX-License-Identifier: MIT */
/*
 * A thread that writes what may hang: lines to stderr, and copies of records to the journal.
 *
 * A journald that is stopped or swapped out reads nothing. As soon as its sockets are full, each write
 * to them waits without end. An event loop must not wait: leases end meanwhile.
 *
 * Must never be given what has to survive: messages that do not fit are dropped, and counted.
 */
#ifndef ENVELOPE_OUTBOX_H
#define ENVELOPE_OUTBOX_H

#include <stdbool.h>
#include <stddef.h>

/**
 * struct outbox_reader - where messages go; outlives them
 * @deliver: waits for the reader; called with a copy of the message, in the thread
 * @attempt: delivers the message if that needs no waiting, and says so; NULL: always by the thread
 * @is_file: there is no reader that may be late, so that a caller may wait for the thread
 */
struct outbox_reader {
	void (*deliver)(const char *data, size_t size);
	bool (*attempt)(const char *data, size_t size);
	bool is_file;
};

int outbox_start(void (*missing)(unsigned int count));
void outbox_put(const struct outbox_reader *reader, const char *data, size_t size);
void outbox_flush(void);

#endif
