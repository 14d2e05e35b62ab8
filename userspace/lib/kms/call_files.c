// SPDX-License-Identifier: MIT
/* See call_files.h. */
#include "lib/kms/call_files.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "lib/base/file.h"
#include "lib/base/file_look.h"
#include "lib/base/file_note.h"
#include "lib/base/text.h"
#include "lib/kms/credential_chain.h"
#include "lib/kms/worker_process.h"

/* A file system that takes longer does not answer. The event loop waits meanwhile, once: see @late. */
#define WAIT_MS 2000

/*
 * One that is slow, as its last answer shows, gets more time: otherwise no call would ever have its
 * files, and all leases would end. Four such calls in one turn of the loop must not take WatchdogSec=.
 */
#define SLOW_MS 4000

/**
 * struct late - a look that was not waited for any longer; of the event loop, but for @ended
 * @config: that it is with
 * @path: of the file that does not answer
 * @begun_ms, @took_ms: CLOCK_MONOTONIC, and how long the look took in the end
 * @ended: set by the thread of the look, as the last thing that it does with this
 */
struct late {
	struct late *next;
	struct config config;
	char *path;
	uint64_t begun_ms;
	uint64_t took_ms;
	atomic_bool ended;
};

/**
 * struct look - reads the files, in a thread
 * @config: a copy, of @late
 * @r, @f: the result
 */
struct look {
	struct late *late;
	const struct config *config;
	bool tls;
	struct call_files files;
	int r;
	struct fault f;
};

static struct late *late; /* the looks that have not ended */
static unsigned int patience_ms = WAIT_MS;

static uint64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

static void late_free(struct late *one)
{
	config_free(&one->config);
	free(one->path);
	free(one);
}

/** call_files_free() - wipe and release; also what a failed read has left */
void call_files_free(struct call_files *files)
{
	if (files->ca >= 0)
		close(files->ca);
	secret_free(files->login);
	credential_plan_free(files->plan);
	*files = (struct call_files){ .ca = -1 };
}

/* Opens the CA file, if there is one. */
static int open_ca(struct look *look)
{
	const char *why;

	if (!look->tls || !*look->config->ca_file)
		return 0;
	look->files.ca = file_open(look->config->ca_file, &why);
	return look->files.ca >= 0
		       ? 0
		       : fault_set(&look->f, "InvalidConfiguration",
				   "CaFile=%s cannot be opened: %s.", look->config->ca_file, why);
}

static int read_login(struct look *look)
{
	look->files.login = secret_new(sizeof(struct proxy_login));
	if (!look->files.login)
		return fault_set(&look->f, "InternalFailure",
				 "No memory can be locked for a proxy's credentials. Check LimitMEMLOCK=.");
	return proxy_login_load(look->config, (struct proxy_login *)look->files.login->bytes,
				&look->f);
}

static void run(void *data)
{
	struct look *look = data;
	const char *program = worker_process_program(look->config);

	look->r = open_ca(look);
	if (look->r == 0)
		look->r = read_login(look);
	if (look->r)
		return;
	look->files.plan = credential_plan_make(look->config, &look->f);
	look->r = look->files.plan ? 0 : -1;
	/* The caller starts it next. Whether it can be run is the caller's fault to report. */
	file_note(program);
	(void)access(program, X_OK);
}

static void drop(void *data)
{
	struct look *look = data;
	struct late *one = look->late;

	call_files_free(&look->files);
	free(look);
	one->took_ms = now_ms() - one->begun_ms;
	atomic_store(&one->ended, true);
}

static const struct file_look_work work = { .run = run, .drop = drop };

static struct look *look_new(const struct config *cfg, bool tls)
{
	struct look *look = calloc(1, sizeof(*look));
	struct late *one = calloc(1, sizeof(*one));

	if (!look || !one || config_copy(cfg, &one->config) < 0) {
		free(look);
		free(one);
		return NULL;
	}
	one->begun_ms = now_ms();
	*look = (struct look){ .late = one, .config = &one->config, .tls = tls, .files.ca = -1 };
	return look;
}

static void forget_ended(void)
{
	for (struct late **link = &late, *one; (one = *link);) {
		if (!atomic_load(&one->ended)) {
			link = &one->next;
			continue;
		}
		*link = one->next;
		patience_ms = one->took_ms > SLOW_MS ? WAIT_MS : SLOW_MS;
		late_free(one);
	}
}

static bool is_same(const struct config *a, const struct config *b)
{
	return !strcmp(a->ca_file, b->ca_file) &&
	       !strcmp(a->credentials_file, b->credentials_file) &&
	       !strcmp(a->proxy_credentials_file, b->proxy_credentials_file) &&
	       !strcmp(a->worker, b->worker);
}

static int refuse(const char *path, struct fault *f)
{
	if (!path)
		return fault_set(f, "InternalFailure",
				 "The files of the configuration were not read in time: the host is too busy, or has no more threads.");
	return fault_set(f, "InvalidConfiguration",
			 "%.400s does not answer. See which file system it is on. Put the file elsewhere if that file system cannot be mended.",
			 path);
}

/**
 * call_files_read() - read the files, from a file system that may not answer
 * @tls: the call needs the certificates
 * @ret: for call_files_free(), unless this fails
 * @f: InvalidConfiguration; names the file
 *
 * The files of a configuration are not waited for again before they have answered. If they were slow,
 * the next call waits longer.
 *
 * Return: 0 or -1.
 */
int call_files_read(const struct config *cfg, bool tls, struct call_files *ret, struct fault *f)
{
	struct look *look;
	struct late *one;
	char *path;
	int r;

	forget_ended();
	for (one = late; one; one = one->next)
		if (is_same(&one->config, cfg))
			return refuse(one->path, f);
	look = look_new(cfg, tls);
	if (!look)
		return fault_set(f, "InternalFailure", "Out of memory.");
	one = look->late;
	if (!file_look_within(patience_ms, &work, look, &path)) {
		one->path = path;
		one->next = late;
		late = one;
		return refuse(path, f);
	}
	if (now_ms() - one->begun_ms < WAIT_MS)
		patience_ms = WAIT_MS;
	late_free(one);
	*ret = look->files;
	r = look->r;
	if (r && f)
		*f = look->f;
	free(look);
	if (r)
		call_files_free(ret);
	return r;
}
