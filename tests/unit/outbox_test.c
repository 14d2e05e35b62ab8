// SPDX-License-Identifier: MIT
/*
 * Messages whose reader reads nothing: their caller goes on, what does not fit is counted, and the
 * reader gets the others in their order as soon as it reads.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/outbox.h"

#define BYTES	 1000
#define MESSAGES 3000 /* more bytes than may wait */

/* Held by a reader that reads nothing. */
static pthread_mutex_t reader = PTHREAD_MUTEX_INITIALIZER;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t told = PTHREAD_COND_INITIALIZER;
static unsigned int delivered, missing, next;
static bool in_order = true;

/* Waits for a reader that reads nothing. */
static bool blocked;
static unsigned int waits;

static void deliver(const char *data, size_t size)
{
	unsigned int number;

	pthread_mutex_lock(&reader);
	pthread_mutex_unlock(&reader);
	memcpy(&number, data, sizeof(number));
	in_order = in_order && size == BYTES && number == next++;
	delivered++;
}

static void say_missing(unsigned int count)
{
	pthread_mutex_lock(&lock);
	missing = count;
	pthread_cond_signal(&told);
	pthread_mutex_unlock(&lock);
}

/* Only outbox.c calls it. The time of a blocked reader is over at once. */
int pthread_cond_timedwait(pthread_cond_t *cond, pthread_mutex_t *mutex, const struct timespec *end)
{
	if (!blocked)
		return pthread_cond_wait(cond, mutex);
	waits++;
	return ETIMEDOUT;
}

/* A reader that has room. */
static bool room;
static unsigned int attempted;

static bool attempt(const char *data, size_t size)
{
	if (!room)
		return false;
	attempted++;
	deliver(data, size);
	return true;
}

static const struct outbox_reader file = { .deliver = deliver, .is_file = true };
static const struct outbox_reader journal = { .deliver = deliver, .attempt = attempt };

static void put(const struct outbox_reader *to, unsigned int number)
{
	char data[BYTES] = { 0 };

	memcpy(data, &number, sizeof(number));
	outbox_put(to, data, sizeof(data));
}

static void a_message_to_a_file_is_delivered_when_the_call_returns(void **state)
{
	for (unsigned int i = 0; i < 10; i++) {
		put(&file, next);
		assert_int_equal(delivered, i + 1);
	}
}

static void a_late_reader_delays_no_caller_and_gets_what_fits(void **state)
{
	unsigned int seen;

	delivered = next = 0;
	blocked = true;
	pthread_mutex_lock(&reader);
	for (unsigned int i = 0; i < MESSAGES; i++)
		put(&file, i);
	seen = delivered;
	blocked = false;
	pthread_mutex_unlock(&reader);
	outbox_flush();
	assert_int_equal(seen, 0);
	assert_int_equal(waits, 1);
	assert_true(delivered < MESSAGES);
	pthread_mutex_lock(&lock);
	while (!missing)
		pthread_cond_wait(&told, &lock);
	pthread_mutex_unlock(&lock);
	assert_true(in_order);
	assert_true(delivered > 500);
	assert_int_equal(delivered + missing, MESSAGES);
	/* The reader is not late any more. */
	put(&file, next);
	assert_int_equal(delivered + missing, MESSAGES + 1);
}

static void a_reader_with_room_is_served_by_the_caller(void **state)
{
	attempted = 0;
	delivered = next = 0;
	room = true;
	for (unsigned int i = 0; i < 10; i++) {
		put(&journal, i);
		assert_int_equal(delivered, i + 1);
	}
	room = false;
	assert_int_equal(attempted, 10);
	assert_true(in_order);
}

/* It reads everything between two stalls, so each stall is a new one. */
static void a_reader_that_stalls_and_drains_in_turn_delays_no_caller(void **state)
{
	delivered = next = waits = 0;
	for (unsigned int stall = 0; stall < 5; stall++) {
		unsigned int before = delivered, seen;

		blocked = true;
		pthread_mutex_lock(&reader);
		for (unsigned int i = 0; i < 20; i++)
			put(&journal, before + i);
		/* Messages before it wait: room alone must not let a message pass them. */
		room = true;
		put(&journal, before + 20);
		room = false;
		seen = delivered;
		blocked = false;
		pthread_mutex_unlock(&reader);
		outbox_flush();
		assert_int_equal(waits, 0);
		assert_int_equal(seen, before);
		assert_int_equal(delivered, before + 21);
	}
	assert_true(in_order);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_message_to_a_file_is_delivered_when_the_call_returns),
		cmocka_unit_test(a_late_reader_delays_no_caller_and_gets_what_fits),
		cmocka_unit_test(a_reader_with_room_is_served_by_the_caller),
		cmocka_unit_test(a_reader_that_stalls_and_drains_in_turn_delays_no_caller),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	if (outbox_start(say_missing))
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
