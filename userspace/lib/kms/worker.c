// SPDX-License-Identifier: MIT
/*
 * The agent's side of envelope-kms-worker. See worker.h and worker_protocol.h.
 */

#include "lib/kms/worker.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "lib/base/base64.h"
#include "lib/base/json.h"
#include "lib/base/log.h"
#include "lib/kms/call_files.h"
#include "lib/kms/credential_cache.h"
#include "lib/kms/worker_block.h"
#include "lib/kms/worker_process.h"
#include "lib/kms/worker_protocol.h"

#define GRACE_US (3 * 1000000ULL) /* for the start of the process, added to its timeout */
#define KILL_US	 (2 * 1000000ULL) /* from SIGTERM to SIGKILL */

/*
 * One call. Owned by the event loop's callbacks: released after @done, or by kms_worker_cancel().
 */
struct kms_worker {
	struct kms_worker *next; /* in @workers */
	struct worker_process process;
	int socket;		    /* the agent's end, non-blocking */
	struct worker_block *block; /* shared with the child, locked */
	sd_event_source *on_socket;
	sd_event_source *on_exit;
	sd_event_source *on_timeout;
	kms_worker_done_t done;
	void (*drop)(void *userdata); /* in place of @done, by kms_worker_end_all() */
	void *userdata;
	unsigned int timeout_s;
	bool timed_out;
	char kms_id[KMS_ID_MAX];
	int64_t change; /* of kms_id */
	int64_t newest; /* that the caller knew when the call began */
	char principal[WORKER_PRINCIPAL_MAX];
	char *endpoint; /* of the KMS that is called */
	char *identity; /* of credentials that are kept between calls, or NULL */
	char *result;	/* WORKER_MESSAGE_MAX bytes */
	size_t result_size;
};

/* The process's key pair. It is made once, since that takes a tenth of a second. */
static struct secret *recipient;
static char *recipient_public; /* base64 of its public half */

static struct kms_worker *workers; /* all calls under way */

static void worker_free(struct kms_worker *w)
{
	struct kms_worker **link = &workers;

	while (*link != w)
		link = &(*link)->next;
	*link = w->next;
	sd_event_source_disable_unref(w->on_socket);
	sd_event_source_disable_unref(w->on_exit);
	sd_event_source_disable_unref(w->on_timeout);
	if (w->process.pidfd >= 0)
		close(w->process.pidfd);
	if (w->socket >= 0)
		close(w->socket);
	worker_block_free(w->block);
	free(w->endpoint);
	free(w->identity);
	free(w->result);
	free(w);
}

/* Reads the worker's output. Returns false at its end. */
static bool drain(struct kms_worker *w)
{
	for (;;) {
		size_t room = WORKER_MESSAGE_MAX - w->result_size;
		ssize_t n = room ? read(w->socket, w->result + w->result_size, room) : 0;

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			return true;
		if (n <= 0)
			return false;
		w->result_size += n;
	}
}

static enum kms_outcome no_result(const struct kms_worker *w, const siginfo_t *end, struct fault *f)
{
	if (w->timed_out)
		fault_set(f, "KMSUnreachable", "The KMS at %s did not answer within %u seconds.",
			  w->endpoint, w->timeout_s);
	else if (end->si_code == CLD_EXITED)
		fault_set(f, "InternalFailure",
			  "envelope-kms-worker exited with status %d and without a result. Its messages are in the journal.",
			  end->si_status);
	else
		fault_set(f, "InternalFailure", "envelope-kms-worker was killed by signal %d.",
			  end->si_status);
	return KMS_UNREACHABLE;
}

/* Without a word of STS the access key stands for its owner. */
static void note_principal(struct kms_worker *w, const struct credentials *c)
{
	w->block->principal[WORKER_PRINCIPAL_MAX - 1] = '\0';
	snprintf(w->principal, sizeof(w->principal), "%.*s", WORKER_PRINCIPAL_MAX - 1,
		 *w->block->principal ? w->block->principal : c->access_key);
}

static void finish(struct kms_worker *w, const siginfo_t *end)
{
	struct json_object _cleanup_json_ *result = NULL;
	struct secret *plaintext = NULL;
	struct json_object *response = NULL;
	const char *code, *message, *id;
	enum kms_outcome outcome;
	struct fault f = { 0 };

	drain(w);
	result = json_parse(w->result, w->result_size);
	id = json_get_string(result, "kmsId");
	snprintf(w->kms_id, sizeof(w->kms_id), "%s", id ? id : "");
	w->change = json_get_int(result, "kmsChange", 0);
	code = json_get_string(result, "code");
	/* The worker signed with what it got. */
	if (w->block->fetched.access_key[0])
		note_principal(w, &w->block->fetched);
	if (!w->timed_out && result)
		credential_cache_take(w->identity, w->block, code ? code : "");
	if (w->timed_out || kms_outcome_parse(json_get_string(result, "outcome"), &outcome)) {
		outcome = no_result(w, end, &f);
	} else if (outcome == KMS_OK) {
		response = json_get_object(result, "response");
		plaintext = worker_block_take_plaintext(w->block);
	} else {
		message = json_get_string(result, "message");
		fault_set(&f, code ? code : "InternalFailure", "%s", message ? message : "");
	}
	w->done(w, outcome, &f, response, plaintext, w->userdata);
	worker_free(w);
}

/** kms_worker_kms_id() - for @done: the id that the KMS gives itself; "" for none, or no answer */
const char *kms_worker_kms_id(const struct kms_worker *worker)
{
	return worker->kms_id;
}

/** kms_worker_change() - for @done: the KMS's last change, 0 if it proves none; @newest: as was set */
int64_t kms_worker_change(const struct kms_worker *worker, int64_t *newest)
{
	*newest = worker->newest;
	return worker->change;
}

/** kms_worker_set_newest() - keep for @done the newest change that is known when a call begins */
void kms_worker_set_newest(struct kms_worker *worker, int64_t change)
{
	worker->newest = change;
}

/** kms_worker_on_drop() - call @drop with the userdata if kms_worker_end_all() ends the call */
void kms_worker_on_drop(struct kms_worker *worker, void (*drop)(void *userdata))
{
	worker->drop = drop;
}

/**
 * kms_worker_principal() - for @done: who signed the call
 *
 * Return: the ARN and the unique id of a role or user, as STS says; the id of the access key if that is
 * not known. The same key is always the same principal.
 */
const char *kms_worker_principal(const struct kms_worker *worker)
{
	return worker->principal;
}

/** kms_worker_endpoint() - for @done: the address that was called, whatever is configured by now */
const char *kms_worker_endpoint(const struct kms_worker *worker)
{
	return worker->endpoint;
}

static int on_socket(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
	struct kms_worker *w = userdata;

	if (!drain(w))
		sd_event_source_set_enabled(source, SD_EVENT_OFF);
	return 0;
}

static int on_exit_event(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
	struct kms_worker *w = userdata;
	siginfo_t end = { 0 };

	if (waitid(P_PIDFD, w->process.pidfd, &end, WEXITED | WNOHANG) || !end.si_pid)
		return 0;
	w->process.pid = 0;
	finish(w, &end);
	return 0;
}

/* Sends SIGTERM first, so that the worker can wipe its memory, then SIGKILL. */
static int on_timeout(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct kms_worker *w = userdata;

	pidfd_send_signal(w->process.pidfd, w->timed_out ? SIGKILL : SIGTERM, NULL, 0);
	w->timed_out = true;
	sd_event_source_set_time_relative(source, KILL_US);
	sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
	return 0;
}

static uint64_t now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000ULL + t.tv_nsec / 1000;
}

static int watch(struct kms_worker *w, sd_event *e)
{
	/* sd-event's relative time would count from the start of this turn of the loop. */
	uint64_t end = now_us() + w->timeout_s * 1000000ULL + GRACE_US;
	int r = sd_event_add_io(e, &w->on_socket, w->socket, EPOLLIN, on_socket, w);

	if (r >= 0)
		r = sd_event_add_io(e, &w->on_exit, w->process.pidfd, EPOLLIN, on_exit_event, w);
	if (r >= 0)
		r = sd_event_add_time(e, &w->on_timeout, CLOCK_MONOTONIC, end, 0, on_timeout, w);
	return r;
}

/* A renewal is a dry run: its worker, started every few seconds, gets no private key. */
static int fill_block(struct worker_block *block, const char *operation,
		      struct json_object *parameters, struct fault *f)
{
	if (kms_worker_prepare(f))
		return -1;
	if (kms_gives_plaintext(operation) && !json_get_bool(parameters, "DryRun", false)) {
		memcpy(block->private_key, recipient->bytes, recipient->size);
		block->private_key_size = recipient->size;
	}
	return 0;
}

static int send_request(struct kms_worker *w, const struct config *cfg,
			const struct kms_endpoint *endpoint, const char *operation,
			struct json_object *parameters, bool ca_file, struct json_object *steps,
			struct fault *f)
{
	struct json_object _cleanup_json_ *request = json_object_new_object();
	const char *text;
	size_t size;

	json_add_string(request, "operation", operation);
	json_add_object(request, "parameters", json_object_get(parameters));
	json_add_string(request, "region", cfg->region);
	json_add_int(request, "timeoutSeconds", w->timeout_s);
	json_add_string(request, "unixPath", endpoint->unix_path);
	json_add_string(request, "url", endpoint->url);
	json_add_bool(request, "caFile", ca_file);
	if (*cfg->proxy) {
		json_add_string(request, "proxy", cfg->proxy);
		json_add_string(request, "noProxy", cfg->no_proxy);
	}
	if (steps)
		json_add_object(request, "credentialSteps", json_object_get(steps));
	if (kms_gives_plaintext(operation))
		json_add_string(request, "recipient", recipient_public);
	text = json_object_to_json_string_length(request, JSON_C_TO_STRING_PLAIN, &size);
	/* The socket is new and holds more than any request, so a write is never partial. */
	if (size > WORKER_MESSAGE_MAX || write(w->socket, text, size) != (ssize_t)size ||
	    shutdown(w->socket, SHUT_WR))
		return fault_set(f, "InternalFailure",
				 "A request of %zu bytes cannot be passed to the KMS worker.",
				 size);
	return 0;
}

/* Moves what is secret into the block, and takes @steps. */
static int fill(struct kms_worker *w, const struct call_files *files, const char *operation,
		struct json_object *parameters, struct json_object **steps, struct fault *f)
{
	memcpy(&w->block->proxy_login, files->login->bytes, sizeof(w->block->proxy_login));
	if (fill_block(w->block, operation, parameters, f) ||
	    credential_cache_fill(files->plan, w->block, steps, &w->identity, f))
		return -1;
	note_principal(w, &w->block->credentials);
	return 0;
}

/* Prepares the call and starts the child. On failure the caller releases @w. */
static int start(struct kms_worker *w, const struct config *cfg, const char *operation,
		 struct json_object *parameters, struct fault *f)
{
	struct json_object _cleanup_json_ *steps = NULL;
	struct kms_endpoint endpoint = { 0 };
	struct call_files chosen;
	struct worker_files files;
	int pair[2] = { -1, -1 }, block = -1, r = -1;

	if (kms_endpoint_parse(cfg->kms_endpoint, &endpoint, f) ||
	    call_files_read(cfg, endpoint.url, &chosen, f))
		return -1;
	if (chosen.ca >= 0)
		chosen.ca = worker_process_move_up(chosen.ca);
	block = worker_block_new(&w->block, f);
	if (block < 0 || fill(w, &chosen, operation, parameters, &steps, f))
		goto out;
	block = worker_process_move_up(block);
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair)) {
		fault_set(f, "InternalFailure", "A socket for the KMS worker cannot be made: %s.",
			  strerror(errno));
		goto out;
	}
	w->socket = pair[0];
	pair[1] = worker_process_move_up(pair[1]);
	fcntl(w->socket, F_SETFL, O_NONBLOCK);
	r = send_request(w, cfg, &endpoint, operation, parameters, chosen.ca >= 0, steps, f);
	files = (struct worker_files){ .socket = pair[1], .block = block, .ca = chosen.ca };
	if (!r)
		r = worker_process_start(cfg, &files, &w->process, f);
out:
	if (pair[1] >= 0)
		close(pair[1]);
	if (block >= 0)
		close(block);
	call_files_free(&chosen);
	return r;
}

/**
 * kms_worker_prepare() - make the key pair to which the KMS encrypts data keys
 *
 * Takes a tenth of a second, and many seconds in an emulated machine: a daemon calls this once
 * before it reports that it is ready. Otherwise the first kms_worker_start() makes the pair.
 *
 * Return: 0 or -1.
 */
int kms_worker_prepare(struct fault *f)
{
	struct secret *key;
	size_t size;
	uint8_t *der;

	if (recipient)
		return 0;
	if (recipient_new(&key, f))
		return -1;
	if (recipient_public_key(key->bytes, key->size, &der, &size, f)) {
		secret_free(key);
		return -1;
	}
	free(recipient_public); /* of a pair that kms_worker_end_all() has wiped */
	recipient_public = base64_encode(der, size);
	free(der);
	if (!recipient_public) {
		secret_free(key);
		return fault_set(f, "InternalFailure", "Out of memory.");
	}
	recipient = key;
	return 0;
}

/**
 * kms_worker_start() - begin a KMS call
 * @e: event loop that will call @done
 * @cfg: endpoint, CA file, credentials file and profile, timeout, path of the worker program
 * @operation: "Decrypt", "GenerateDataKey", "DescribeKey", "ReEncrypt", ...
 * @request: borrowed; the operation's parameters; Recipient is added by the worker
 * @done: never called from within this function
 * @ret: the call, or NULL to not keep it
 * @f: the reason when nothing was started
 *
 * The program is ENVELOPE_WORKER of the environment, else @cfg->worker, else the installed one.
 * Reads the credentials file each time, so that rotated credentials take effect; a file that does not
 * answer holds the caller for a moment, and the next callers not at all. Temporary credentials that the
 * worker had to get are kept for the calls to come.
 *
 * Return: 0 or -1.
 */
int kms_worker_start(sd_event *e, const struct config *cfg, const char *operation,
		     struct json_object *request, kms_worker_done_t done, void *userdata,
		     struct kms_worker **ret, struct fault *f)
{
	struct kms_worker *w = calloc(1, sizeof(*w));
	char *result = malloc(WORKER_MESSAGE_MAX);
	char *address = strdup(cfg->kms_endpoint);

	if (!w || !result || !address) {
		free(w);
		free(result);
		free(address);
		return fault_set(f, "InternalFailure", "Out of memory.");
	}
	*w = (struct kms_worker){
		.process.pidfd = -1,
		.socket = -1,
		.result = result,
		.endpoint = address,
		.done = done,
		.userdata = userdata,
		.timeout_s = cfg->kms_timeout_seconds,
		.next = workers,
	};
	workers = w;
	if (start(w, cfg, operation, request, f) ||
	    (watch(w, e) < 0 &&
	     fault_set(f, "InternalFailure", "The KMS worker cannot be watched."))) {
		kms_worker_cancel(w);
		return -1;
	}
	if (ret)
		*ret = w;
	return 0;
}

/* Ends the child: SIGTERM makes it wipe its memory, and SIGKILL follows if it does not exit. */
static void end_child(struct kms_worker *w)
{
	struct pollfd exited = { .fd = w->process.pidfd, .events = POLLIN };

	if (!w->process.pid)
		return;
	kill(w->process.pid, SIGTERM);
	if (w->process.pidfd < 0 || poll(&exited, 1, KILL_US / 1000) != 1)
		kill(w->process.pid, SIGKILL);
	while (waitpid(w->process.pid, NULL, 0) < 0 && errno == EINTR)
		;
	w->process.pid = 0;
}

/**
 * kms_worker_cancel() - give a call up; @done will not be called
 *
 * Waits for the worker to wipe itself and exit, at most two seconds. NULL is fine.
 */
void kms_worker_cancel(struct kms_worker *w)
{
	if (!w)
		return;
	end_child(w);
	worker_free(w);
}

/**
 * kms_worker_end_all() - end all calls and wipe the shared memory, before the process ends
 *
 * No @done is called: its owner may be gone. A daemon may start again in the same process, so nothing
 * of a call is left. The kernel frees the pages of an ended process unwiped: data keys, credentials
 * and the recipient's private key must be wiped before.
 */
void kms_worker_end_all(void)
{
	/* Signal all children before waiting for one. */
	for (struct kms_worker *w = workers; w; w = w->next)
		if (w->process.pid)
			kill(w->process.pid, SIGTERM);
	while (workers) {
		struct kms_worker *w = workers;

		end_child(w);
		if (w->drop)
			w->drop(w->userdata);
		worker_free(w);
	}
	credential_cache_wipe();
	secret_free(recipient);
	recipient = NULL;
}
