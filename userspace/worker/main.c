// SPDX-License-Identifier: MIT
/*
 * envelope-kms-worker: makes one KMS call for the agent and exits. See worker_protocol.h.
 *
 * Must never touch device mapper, keyrings or files, and never let a plaintext key out except
 * through the block of shared memory.
 */

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <curl/curl.h>

#include "lib/base/json.h"
#include "lib/base/log.h"
#include "lib/base/secret.h"
#include "lib/kms/worker_protocol.h"
#include "worker/kms_request.h"
#include "worker/privileges.h"

static volatile sig_atomic_t terminated;

static void on_term(int number)
{
	terminated = 1;
}

static bool cancelled(void)
{
	return terminated;
}

/* Reads @fd to its end; at most @max bytes, terminated. Returns NULL on failure. */
static char *read_all(int fd, size_t max, size_t *size)
{
	char *text = malloc(max + 1);
	ssize_t n = -1;

	for (*size = 0; text && *size <= max; *size += n) {
		n = read(fd, text + *size, max + 1 - *size);
		if (n < 0 && errno == EINTR && !terminated)
			n = 0;
		else if (n <= 0)
			break;
	}
	if (n) { /* an error, or more than fits */
		free(text);
		return NULL;
	}
	text[*size] = '\0';
	return text;
}

static struct worker_block *map_block(void)
{
	struct worker_block *block;
	struct stat st;

	if (fstat(WORKER_BLOCK_FD, &st) || st.st_size != sizeof(*block))
		return NULL;
	block = mmap(NULL, sizeof(*block), PROT_READ | PROT_WRITE, MAP_SHARED, WORKER_BLOCK_FD, 0);
	if (block == MAP_FAILED)
		return NULL;
	if (mlock(block, sizeof(*block)) || madvise(block, sizeof(*block), MADV_DONTDUMP))
		log_warning("cannot lock the shared memory: %s", strerror(errno));
	return block;
}

static int send_result(struct json_object *result)
{
	size_t size, done = 0;
	const char *text = json_object_to_json_string_length(result, JSON_C_TO_STRING_PLAIN, &size);

	while (done < size) {
		ssize_t n = write(WORKER_SOCKET_FD, text + done, size - done);

		if (n < 0 && errno != EINTR)
			return -1;
		if (n > 0)
			done += n;
	}
	return 0;
}

/* One request from the socket, one result to it. */
static int serve(struct worker_block *block)
{
	struct json_object _cleanup_json_ *request = NULL, *result = NULL;
	char *text, *ca_pem = NULL;
	size_t size, ca_size;
	int r;

	text = read_all(WORKER_SOCKET_FD, WORKER_MESSAGE_MAX, &size);
	request = text ? json_parse(text, size) : NULL;
	free(text);
	if (!request) {
		log_error("no request on descriptor %d: this program is started by enveloped",
			  WORKER_SOCKET_FD);
		return -1;
	}
	if (json_get_bool(request, "caFile", false)) {
		ca_pem = read_all(WORKER_CA_FD, WORKER_CA_MAX, &ca_size);
		if (!ca_pem) {
			log_error("cannot read the CA file, or it is larger than %d bytes",
				  WORKER_CA_MAX);
			return -1;
		}
	}
	result = kms_request_run(request, ca_pem, block, cancelled);
	free(ca_pem);
	stack_wipe();
	r = terminated ? -1 : send_result(result);
	return r;
}

static int usage(const char *name)
{
	printf("Usage: %s [--help | --version]\n\n"
	       "Makes one KMS call for enveloped, which starts it; see envelope-kms-worker(8).\n",
	       name);
	return EXIT_SUCCESS;
}

static int run(struct worker_block *block)
{
	const struct sigaction term = { .sa_handler = on_term };
	int r;

	if (secret_process_init())
		return -1;
	sigaction(SIGTERM, &term, NULL);
	signal(SIGPIPE, SIG_IGN);
	if (privileges_drop() || curl_global_init(CURL_GLOBAL_DEFAULT))
		return -1;
	r = serve(block);
	curl_global_cleanup();
	stack_wipe();
	return r;
}

/*
 * Wipes the agent's secrets. The results stay only for an agent that has the result and still
 * runs. A killed agent wipes nothing, and the kernel would free the pages unwiped.
 */
static void wipe(struct worker_block *block, bool delivered)
{
	explicit_bzero(&block->credentials, sizeof(block->credentials));
	explicit_bzero(&block->source, sizeof(block->source));
	explicit_bzero(block->token, sizeof(block->token));
	explicit_bzero(&block->proxy_login, sizeof(block->proxy_login));
	explicit_bzero(block->private_key, sizeof(block->private_key));
	if (!delivered || terminated)
		explicit_bzero(block, sizeof(*block));
}

int main(int argc, char **argv)
{
	struct worker_block *block;
	int r;

	log_init("envelope-kms-worker");
	log_drop_unread();
	if (argc > 1 && !strcmp(argv[1], "--help"))
		return usage(argv[0]);
	if (argc > 1 && !strcmp(argv[1], "--version"))
		return puts("envelope-kms-worker " ENVELOPE_VERSION) < 0;
	if (argc > 1) {
		log_error("takes no arguments; try --help");
		return 2;
	}
	/* Map the block first, so that it is wiped when a later step fails. */
	block = map_block();
	if (!block) {
		log_error("no shared memory on descriptor %d: this program is started by enveloped",
			  WORKER_BLOCK_FD);
		return EXIT_FAILURE;
	}
	r = run(block);
	wipe(block, r == 0);
	return r ? EXIT_FAILURE : EXIT_SUCCESS;
}
