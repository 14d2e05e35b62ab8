// SPDX-License-Identifier: MIT
/* A queue of messages, and the thread that delivers them. There is one in a program. */
#include "lib/base/outbox.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* Bytes that may wait. Memory of the daemons is locked. */
#define WAITING_MAX (1024UL * 1024)

/* Seconds for which the caller of a message waits for a file, and the end of the program for all. */
#define PUT_S	1
#define FLUSH_S 2

struct message {
	struct message *next;
	const struct outbox_reader *reader;
	size_t size;
	char data[];
};

/**
 * struct outbox - under @lock
 * @changed: a message came, or the last one was delivered
 * @waiting: bytes of the messages, with the one that is being delivered
 * @dropped: messages that did not fit since the last that did
 * @missing: says in a message how many were dropped
 * @late: a caller has waited in vain, and not everything was delivered since
 * @started: there is @thread
 */
static struct {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	struct message *first, **last;
	size_t waiting;
	unsigned int dropped;
	void (*missing)(unsigned int count);
	bool late;
	bool started;
	pthread_t thread;
} outbox = { .lock = PTHREAD_MUTEX_INITIALIZER };

static struct message *take_first(void)
{
	struct message *message;

	pthread_mutex_lock(&outbox.lock);
	while (!outbox.first)
		pthread_cond_wait(&outbox.changed, &outbox.lock);
	message = outbox.first;
	outbox.first = message->next;
	if (!outbox.first)
		outbox.last = &outbox.first;
	pthread_mutex_unlock(&outbox.lock);
	return message;
}

/* Returns the number of messages to report as missing, when all that were kept are delivered. */
static unsigned int delivered(size_t size)
{
	unsigned int dropped = 0;

	pthread_mutex_lock(&outbox.lock);
	outbox.waiting -= size;
	if (!outbox.waiting) {
		dropped = outbox.dropped;
		outbox.dropped = 0;
		outbox.late = false;
		pthread_cond_broadcast(&outbox.changed);
	}
	pthread_mutex_unlock(&outbox.lock);
	return dropped;
}

static void *deliver_all(void *unused)
{
	for (;;) {
		struct message *message = take_first();
		unsigned int dropped;

		message->reader->deliver(message->data, message->size);
		dropped = delivered(sizeof(*message) + message->size);
		free(message);
		if (dropped)
			outbox.missing(dropped);
	}
	return NULL;
}

/**
 * outbox_start() - deliver messages from a thread from now on
 * @missing: called in the thread with the number of messages that were dropped
 *
 * The thread takes no signals, and lives as long as the program. To be called once.
 *
 * Return: 0 or an errno.
 */
int outbox_start(void (*missing)(unsigned int count))
{
	pthread_condattr_t attributes;
	sigset_t all, before;
	int r;

	pthread_condattr_init(&attributes);
	pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	pthread_cond_init(&outbox.changed, &attributes);
	pthread_condattr_destroy(&attributes);
	outbox.last = &outbox.first;
	outbox.missing = missing;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	r = pthread_create(&outbox.thread, NULL, deliver_all, NULL);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (r)
		return r;
	pthread_detach(outbox.thread);
	outbox.started = true;
	return 0;
}

static bool append(const struct outbox_reader *reader, const char *data, size_t size)
{
	struct message *message = NULL;

	if (outbox.waiting + sizeof(*message) + size <= WAITING_MAX)
		message = malloc(sizeof(*message) + size);
	if (!message)
		return false;
	message->next = NULL;
	message->reader = reader;
	message->size = size;
	memcpy(message->data, data, size);
	*outbox.last = message;
	outbox.last = &message->next;
	outbox.waiting += sizeof(*message) + size;
	return true;
}

/* Under the lock. Return: false if messages are left after @seconds. */
static bool wait_for_delivery(time_t seconds)
{
	struct timespec end;
	int r = 0;

	clock_gettime(CLOCK_MONOTONIC, &end);
	end.tv_sec += seconds;
	while (outbox.waiting && r != ETIMEDOUT)
		r = pthread_cond_timedwait(&outbox.changed, &outbox.lock, &end);
	return !outbox.waiting;
}

/* Under the lock. Return: false if another message is on its way, or the reader must be waited for. */
static bool deliver_now(const struct outbox_reader *reader, const char *data, size_t size)
{
	return !outbox.waiting && reader->attempt && reader->attempt(data, size);
}

/**
 * outbox_put() - deliver a message after all before it
 * @size: of @data, in bytes
 *
 * No caller waits for a reader: a message that the reader does not take at once is left to the thread,
 * and dropped when too many wait. A message to a file is delivered when this returns, unless the file is
 * late. A late file keeps one caller waiting for a second, and then none until everything is delivered.
 */
void outbox_put(const struct outbox_reader *reader, const char *data, size_t size)
{
	if (!outbox.started) {
		reader->deliver(data, size);
		return;
	}
	pthread_mutex_lock(&outbox.lock);
	if (!deliver_now(reader, data, size)) {
		if (append(reader, data, size))
			pthread_cond_broadcast(&outbox.changed);
		else
			outbox.dropped++;
	}
	if (reader->is_file && !outbox.late && !pthread_equal(pthread_self(), outbox.thread))
		outbox.late = !wait_for_delivery(PUT_S);
	pthread_mutex_unlock(&outbox.lock);
}

/** outbox_flush() - wait until all messages are delivered, but not for a reader that reads nothing */
void outbox_flush(void)
{
	if (!outbox.started)
		return;
	pthread_mutex_lock(&outbox.lock);
	wait_for_delivery(FLUSH_S);
	pthread_mutex_unlock(&outbox.lock);
}
