// SPDX-License-Identifier: MIT
/* See file_look.h. */
#include "lib/base/file_look.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <time.h>

#include "lib/base/file_note.h"
#include "lib/base/secret.h"

/**
 * struct look - freed by the caller, or by a thread that the caller has left
 * @ended, @left: the thread has ended its work, or the caller has left it; under the lock
 */
struct look {
	const struct file_look_work *work;
	void *data;
	struct file_note note;
	pthread_mutex_t lock;
	pthread_cond_t end;
	bool ended;
	bool left;
};

static void look_free(struct look *look)
{
	file_note_free(&look->note);
	pthread_cond_destroy(&look->end);
	pthread_mutex_destroy(&look->lock);
	free(look);
}

static void *run(void *userdata)
{
	struct look *look = userdata;
	bool left;

	file_note_use(&look->note);
	look->work->run(look->data);
	/* The files may have had credentials. */
	stack_wipe();
	pthread_mutex_lock(&look->lock);
	look->ended = true;
	left = look->left;
	pthread_cond_signal(&look->end);
	pthread_mutex_unlock(&look->lock);
	if (!left)
		return NULL;
	pthread_detach(pthread_self());
	look->work->drop(look->data);
	look_free(look);
	return NULL;
}

/* @path: of the file, if the thread is left. Return: false if it is, and the look is the thread's. */
static bool wait_for(struct look *look, unsigned int milliseconds, char **path)
{
	struct timespec limit;
	bool left;
	int r = 0;

	clock_gettime(CLOCK_MONOTONIC, &limit);
	limit.tv_sec += milliseconds / 1000;
	limit.tv_nsec += milliseconds % 1000 * 1000000L;
	if (limit.tv_nsec >= 1000000000L) {
		limit.tv_sec++;
		limit.tv_nsec -= 1000000000L;
	}
	pthread_mutex_lock(&look->lock);
	while (!look->ended && r == 0)
		r = pthread_cond_clockwait(&look->end, &look->lock, CLOCK_MONOTONIC, &limit);
	left = look->left = !look->ended;
	if (left)
		*path = file_note_read(&look->note);
	pthread_mutex_unlock(&look->lock);
	return !left;
}

/* The thread may outlast the moment at which its process begins to wait for signals: it takes none. */
static int start(struct look *look, pthread_t *thread)
{
	sigset_t all, before;
	int r;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	r = pthread_create(thread, NULL, run, look);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return r;
}

/**
 * file_look_within() - look at files, and wait for a limited time
 * @data: of the look; the caller's again if this returns true, else @work->drop() frees it
 * @path: set to the file that does not answer, for free(), or to NULL
 *
 * Return: false if the look has not ended, or could not be begun.
 */
bool file_look_within(unsigned int milliseconds, const struct file_look_work *work, void *data,
		      char **path)
{
	struct look *look = calloc(1, sizeof(*look));
	pthread_t thread;

	*path = NULL;
	if (!look) {
		work->drop(data);
		return false;
	}
	look->work = work;
	look->data = data;
	file_note_init(&look->note);
	pthread_mutex_init(&look->lock, NULL);
	pthread_cond_init(&look->end, NULL);
	if (start(look, &thread)) {
		work->drop(data);
		look_free(look);
		return false;
	}
	if (wait_for(look, milliseconds, path)) {
		pthread_join(thread, NULL);
		look_free(look);
		return true;
	}
	return false;
}
