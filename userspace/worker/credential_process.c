// SPDX-License-Identifier: MIT
/*
 * Running a credential_process. See credential_process.h.
 *
 * The program prints credentials into a memfd: the kernel frees the buffers of a pipe unwiped. What it
 * prints on its standard error output is no credential, and goes through a pipe.
 */

#include "worker/credential_process.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/base/log.h"
#include "lib/base/spawn.h"
#include "worker/complaint.h"
#include "worker/credential_http.h"
#include "worker/subtree.h"

#define OUTPUT_MAX (64 * 1024)
#define POLL_MS	   200 /* between two looks at @cancelled */

/* Moves one word of @*at to @to. Return: false when a quote is not closed. */
static bool next_word(const char **at, char *to)
{
	char quote = '\0';

	for (; **at && (quote || !strchr(" \t", **at)); (*at)++) {
		if (!quote && strchr("'\"", **at)) {
			quote = **at;
		} else if (quote && **at == quote) {
			quote = '\0';
		} else if (**at == '\\' && quote != '\'' && (*at)[1] &&
			   (!quote || strchr("\"\\", (*at)[1]))) {
			(*at)++;
			*to++ = **at;
		} else {
			*to++ = **at;
		}
	}
	*to = '\0';
	return !quote;
}

/**
 * credential_process_words() - split a command as a shell would, without expanding anything
 *
 * Return: the words, ended by NULL, to be freed by credential_process_words_free(); or NULL if there
 * is no word, a quote is not closed, or memory is short.
 */
char **credential_process_words(const char *command)
{
	char **words = calloc(strlen(command) / 2 + 2, sizeof(*words));
	size_t count = 0;

	while (words) {
		char *word;

		command += strspn(command, " \t");
		if (!*command && count)
			return words;
		word = *command ? malloc(strlen(command) + 1) : NULL;
		if (!word)
			break;
		words[count++] = word;
		if (!next_word(&command, word))
			break;
	}
	credential_process_words_free(words);
	return NULL;
}

void credential_process_words_free(char **words)
{
	for (size_t i = 0; words && words[i]; i++)
		free(words[i]);
	free(words);
}

/* In a process group of its own, without the worker's descriptors, signals and environment. */
static int start(char **words, int output, int errors, pid_t *pid)
{
	static char path[] = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
	static char *const environment[] = { path, NULL };
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attributes;
	int r;

	spawn_attributes(&attributes, POSIX_SPAWN_SETPGROUP);
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
	posix_spawn_file_actions_adddup2(&actions, output, 1);
	posix_spawn_file_actions_adddup2(&actions, errors, 2);
	posix_spawn_file_actions_addclosefrom_np(&actions, 3);
	r = posix_spawnp(pid, words[0], &actions, &attributes, words, environment);
	posix_spawn_file_actions_destroy(&actions);
	posix_spawnattr_destroy(&attributes);
	return r;
}

/*
 * Waits for @pid until the end of its time, and ends all that it has started. Return: true if it exited
 * with status 0.
 */
static bool wait_for(pid_t pid, struct complaint *complaint, int64_t end_ms,
		     bool (*cancelled)(void))
{
	struct pollfd watched[] = { { .fd = pidfd_open(pid, 0), .events = POLLIN },
				    { .fd = complaint->fd, .events = POLLIN } };
	bool in_time = false;
	int status;

	while (watched[0].fd >= 0 && !in_time && credential_now_ms() < end_ms &&
	       !(cancelled && cancelled())) {
		in_time = poll(watched, 2, POLL_MS) > 0 && watched[0].revents;
		complaint_read(complaint);
		watched[1].fd = complaint->fd;
	}
	status = subtree_end(pid);
	complaint_read(complaint);
	if (watched[0].fd >= 0)
		close(watched[0].fd);
	return in_time && WIFEXITED(status) && !WEXITSTATUS(status);
}

/* Starts the program and waits for its end. Return: -1 if it failed. */
static int run(char **words, int output, int64_t end_ms, bool (*cancelled)(void), struct fault *f)
{
	struct complaint complaint;
	int errors = complaint_open(&complaint), r;
	pid_t pid = 0;
	bool good;

	if (errors < 0 || !subtree_keep()) {
		r = errno;
		complaint_close(&complaint);
		return fault_set(f, "InternalFailure",
				 "A credential_process cannot be watched: %s.", strerror(r));
	}
	r = start(words, output, errors, &pid);
	close(errors);
	good = !r && wait_for(pid, &complaint, end_ms, cancelled);
	complaint_cover(complaint.line);
	if (complaint.line[0])
		log_warning("The credential_process %s says: %s", words[0], complaint.line);
	complaint_close(&complaint);
	if (r)
		return fault_set(f, "CredentialsUnavailable",
				 "The credential_process %s cannot be started: %s.", words[0],
				 strerror(r));
	return good ? 0
		    : fault_set(f, "CredentialsUnavailable",
				"The credential_process %s failed, or took longer than KmsTimeoutSeconds=.",
				words[0]);
}

/* A memfd of OUTPUT_MAX bytes that cannot grow, mapped at @ret. Return: the descriptor or -1. */
static int output_new(char **ret)
{
	int fd = memfd_create("credential_process", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	char *map = MAP_FAILED;

	if (fd >= 0 && !ftruncate(fd, OUTPUT_MAX) &&
	    !fcntl(fd, F_ADD_SEALS, F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL))
		map = mmap(NULL, OUTPUT_MAX, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (map != MAP_FAILED && !mlock(map, OUTPUT_MAX)) {
		*ret = map;
		return fd;
	}
	if (map != MAP_FAILED)
		munmap(map, OUTPUT_MAX);
	if (fd >= 0)
		close(fd);
	return -1;
}

static struct secret *collect(char **words, int fd, char *output, int64_t end_ms,
			      bool (*cancelled)(void), struct fault *f)
{
	struct secret *text = NULL;

	if (run(words, fd, end_ms, cancelled, f))
		return NULL;
	text = secret_new(OUTPUT_MAX + 1);
	if (text)
		memcpy(text->bytes, output, OUTPUT_MAX);
	else
		fault_set(f, "InternalFailure", "No memory can be locked for credentials.");
	return text;
}

/**
 * credential_process_run() - run the program and read what it prints
 * @command: its words are split as a shell does
 * @end_ms: of CLOCK_MONOTONIC
 * @f: zeroed by the caller; CredentialsUnavailable
 *
 * The program and all processes that it has started are killed at its end, or at @end_ms. The log
 * gets the first line of its standard error output.
 *
 * Return: the output, at most 64 KiB, with a terminator, in secret memory, or NULL.
 */
struct secret *credential_process_run(const char *command, int64_t end_ms, bool (*cancelled)(void),
				      struct fault *f)
{
	char **words = credential_process_words(command);
	struct secret *text = NULL;
	char *output = NULL;
	int fd = words ? output_new(&output) : -1;

	if (!words)
		fault_set(f, "CredentialsUnavailable",
			  "The command of credential_process is empty, or a quote in it is not closed.");
	else if (fd < 0)
		fault_set(f, "InternalFailure", "No memory can be locked for credentials.");
	else
		text = collect(words, fd, output, end_ms, cancelled, f);
	if (fd >= 0) {
		explicit_bzero(output, OUTPUT_MAX);
		munmap(output, OUTPUT_MAX);
		close(fd);
	}
	credential_process_words_free(words);
	return text;
}
