/* SPDX-License-Identifier: MIT */
/*
 * One API call on its way through the KMS, and the KMS it goes through.
 *
 * Must never outlive the HTTP request it came with.
 */
#ifndef ENVELOPE_KMS_CALL_H
#define ENVELOPE_KMS_CALL_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include <json-c/json.h>

#include "lib/base/arn.h"
#include "lib/base/fault.h"
#include "kms/auth/principal.h"
#include "kms/store/store.h"

struct audit;
struct deletion;

struct kms { /* one per process, lives as long as the event loop */
	const char *region;
	const char *account;
	struct store *store;
	struct principals principals;
	struct audit *audit;
	struct deletion *deletion;
};

enum transport {
	TRANSPORT_UNIX, /* plaintext is refused */
	TRANSPORT_TLS,
};

#define CALL_RESOURCES_MAX 2

struct call { /* owner: http.c */
	struct kms *kms;
	enum transport transport;
	char source[64]; /* client's address; on the unix socket 127.0.0.1 */
	pid_t pid;	 /* unix only: peer credentials; 0 unknown */
	uid_t uid;
	char user_agent[256];
	char request_id[37];
	char operation[65];		/* "Decrypt" */
	int64_t now;			/* seconds since the epoch */
	const struct principal *caller; /* NULL until authenticated */
	char access_key[132];		/* claimed, for the audit */
	struct json_object *params;	/* owned */
	struct json_object *reply;	/* owned; empty object until the operation fills it */
	bool read_only;
	bool has_plaintext; /* request or reply holds plaintext: close the connection */
	char resources[CALL_RESOURCES_MAX][ARN_MAX]; /* keys touched, for the audit */
	size_t resource_count;
};

/** call_touch() - note a key for the audit record; the same key once */
void call_touch(struct call *call, const char *arn);

#endif
