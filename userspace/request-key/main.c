// SPDX-License-Identifier: MIT
/*
 * envelope-request-key: relay of /sbin/request-key upcalls to the agent, so that
 * a bare `dmsetup create` finds its key.
 *
 * The kernel makes a key "under construction" and waits until it is filled or
 * rejected. The relay never sees key material, so it never fills it: it asks the
 * agent to put the live key into root's keyring, links the live key into the keyring of the
 * requesting process, where it replaces the key under construction, and rejects the key under
 * construction. The target then searches once more.
 *
 * Must never decide anything: the agent does. One exception guards the agent: the relay passes on
 * only requests of root, since any user may make an upcall.
 */

#include <errno.h>
#include <keyutils.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <syslog.h>
#include <systemd/sd-journal.h>
#include <unistd.h>

#include "dm-envelope.h"
#include "lib/base/fault.h"
#include "lib/base/json.h"
#include "lib/base/log.h"
#include "lib/varlink/varlink.h"

#define AGENT_SOCKET "/run/envelope/agent.sock"

/* linux/keyctl.h defines it, but cannot be included together with keyutils.h */
#ifndef KEY_SPEC_REQUESTOR_KEYRING
#define KEY_SPEC_REQUESTOR_KEYRING -8
#endif

enum {
	AGENT_TIMEOUT_MS = 30000, /* half of what the kernel waits: kmod/upcall.c */
	REJECT_SECONDS = 5,	  /* long enough for the target's second search to see the error */
};

/**
 * struct request - a request of the kernel
 * @key: serial of the key under construction
 * @uid: user of the requesting process
 * @description: of the key; points into @text
 * @text: as keyctl_describe_alloc() gives it; to be freed
 */
struct request {
	key_serial_t key;
	unsigned int uid;
	const char *description;
	char *text;
};

static int usage(FILE *stream)
{
	fprintf(stream,
		"usage: envelope-request-key KEY\n"
		"\n"
		"request-key(8) calls this program for keys of type envelope, with the serial number of\n"
		"the key under construction. The program asks the agent to attach the volume's key. Not\n"
		"for use by hand.\n"
		"\n"
		"Options:\n"
		"  --help     show this help\n"
		"  --version  print the version\n"
		"\n"
		"Environment:\n"
		"  ENVELOPE_SOCKET  the agent's socket (default: " AGENT_SOCKET ")\n");
	return stream == stdout ? 0 : 2;
}

/*
 * The kernel starts helpers without open files, and request-key(8) gives them
 * /dev/null. Errors then go to the journal.
 */
static void open_log(void)
{
	struct stat null;
	int fd;

	log_drop_unread();
	log_init("envelope-request-key");
	if (fstat(STDERR_FILENO, &null) == 0 &&
	    !(S_ISCHR(null.st_mode) && null.st_rdev == makedev(1, 3)))
		return;
	fd = sd_journal_stream_fd("envelope-request-key", LOG_INFO, 1);
	if (fd >= 0)
		log_to_journal("envelope-request-key", fd);
}

/*
 * Takes over the authority for @key and reads from the kernel which key is requested, and by
 * which user.
 */
static int read_request(key_serial_t key, struct request *request)
{
	static const char type[] = ENVELOPE_KEY_TYPE ";";
	int start = 0;

	request->key = key;
	if (keyctl_assume_authority(key) < 0) {
		log_error("cannot take authority for key %d: %s; request-key(8) runs this program",
			  key, strerror(errno));
		return -1;
	}
	if (keyctl_describe_alloc(key, &request->text) < 0) {
		log_error("cannot describe key %d: %s", key, strerror(errno));
		return -1;
	}
	/* type;uid;gid;permissions;description */
	if (strncmp(request->text, type, strlen(type)) ||
	    sscanf(request->text + strlen(type), "%u;%*u;%*x;%n", &request->uid, &start) != 1 ||
	    start == 0) {
		log_error("key %d is not a key of type " ENVELOPE_KEY_TYPE, key);
		return -1;
	}
	request->description = request->text + strlen(type) + start;
	return 0;
}

/* Asks the agent for the live key; returns 0 or the errno that the request shall fail with. */
static int ask_agent(const char *description)
{
	_cleanup_varlink_ struct varlink_client *client = NULL;
	_cleanup_json_ struct json_object *params = NULL;
	const char *path = getenv("ENVELOPE_SOCKET");
	struct fault f;

	params = json_object_new_object();
	json_add_string(params, "description", description);
	if (varlink_connect(path && *path ? path : AGENT_SOCKET, &client, &f) == 0) {
		varlink_client_timeout(client, AGENT_TIMEOUT_MS);
		if (varlink_call(client, "io.dmenvelope.Cluster.ActivateKey", params, NULL, &f) ==
		    0)
			return 0;
	}
	log_error("%s: the agent gave no key: %s: %s", description, f.code, f.message);
	return fault_exit_code(f.code) == 5 ? ENOKEY : EKEYREJECTED;
}

/*
 * Puts the live key into the keyring of the requesting process. This is needed where the session
 * keyring does not reach root's keyring, as under sudo.
 */
static int link_live_key(const char *description)
{
	int r;

	if (keyctl_search(KEY_SPEC_USER_KEYRING, ENVELOPE_KEY_TYPE, description,
			  KEY_SPEC_REQUESTOR_KEYRING) >= 0)
		return 0;
	r = errno;
	log_error("%s: the agent's key cannot be linked for the requester: %s", description,
		  strerror(r));
	return r == ENOKEY ? ENOKEY : EKEYREJECTED;
}

static int serve(const struct request *request)
{
	int r;

	if (request->uid != 0) {
		log_warning("%s: refused: requested by uid %u", request->description, request->uid);
		return EACCES;
	}
	r = ask_agent(request->description);
	return r ? r : link_live_key(request->description);
}

int main(int argc, char **argv)
{
	struct request request = { 0 };
	unsigned int seconds;
	char *end = NULL;
	long key;
	int r;

	open_log();
	if (argc == 2 && !strcmp(argv[1], "--help"))
		return usage(stdout);
	if (argc == 2 && !strcmp(argv[1], "--version")) {
		puts("envelope-request-key " ENVELOPE_VERSION);
		return 0;
	}
	errno = 0;
	key = argc == 2 ? strtol(argv[1], &end, 10) : 0;
	if (argc != 2 || *end || errno || key <= 0 || key > INT32_MAX)
		return usage(stderr);
	if (read_request((key_serial_t)key, &request) < 0) {
		free(request.text);
		return 1;
	}
	r = serve(&request);
	/* the rejected key expires at once when the live key replaces it */
	seconds = r ? REJECT_SECONDS : 0;
	if (keyctl_reject(request.key, seconds, r ? (unsigned int)r : ENOKEY, 0) < 0)
		log_error("%s: cannot end the request: %s", request.description, strerror(errno));
	free(request.text);
	return r ? 1 : 0;
}
