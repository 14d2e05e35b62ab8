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

#include <stddef.h>

typedef void (*outbox_deliver_t)(const char *data, size_t size);

int outbox_start(void (*missing)(unsigned int count));
void outbox_put(outbox_deliver_t deliver, const char *data, size_t size);
void outbox_flush(void);

#endif
