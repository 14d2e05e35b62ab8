/* SPDX-License-Identifier: MIT */
/*
 * One API call on its way through the KMS, and the KMS that serves it. Read this file first.
 *
 * A request's way, folder by folder:
 *
 *	main.c, settings	start and stop; kms.conf and the options, and their check
 *	../lib/http		sockets, TLS, HTTP, signatures, principals; knows nothing of the KMS
 *	service.c		a struct call is made of a request, a response of the reply
 *	ops/dispatch		the order of a call: authenticate, parse, run, audit, commit
 *	ops/ops.c		table of the operations: name, function, whether it changes anything
 *	ops/iam.c		the same for IAM and STS, whose requests are forms, and answers XML
 *	ops/ops_*		the operations; params and page read their parameters, ciphertext and
 *				plaintext are steps that several share
 *	auth/key_lookup		from a KeyId or alias to a key that the caller may use
 *	auth/caller		from an access key to the principal that signs with it
 *	auth/user_binding	which user a name in a policy or a grant is
 *	auth/authorize		the decision: struct access in, allowed or AccessDeniedException out
 *	policy/			policies: a document is read, and evaluated for a request
 *	users/			users of IAM: their access keys and policies
 *	grants/			grants, and what they allow beside the policy
 *	keys/			key metadata and states, ciphertext blobs, new keys, rotation, deletion
 *	store/			the sealed rows of keys, aliases, grants and users, in sqlite
 *	root/			the root key, under which each row is sealed
 *	audit/			the audit trail
 *
 * To add an operation: a row in ops/ops.c, a function in ops/ops_*, its parameters in the list of
 * audit/kms_record.c. To add a condition of a key policy: a member of struct access (auth/access.h).
 *
 * A call must never outlive its HTTP request.
 */
#ifndef ENVELOPE_KMS_CALL_H
#define ENVELOPE_KMS_CALL_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include <json-c/json.h>

#include "kms/keys/materials.h"
#include "kms/store/store.h"
#include "lib/base/arn.h"
#include "lib/base/fault.h"
#include "lib/http/principal.h"
#include "lib/http/request.h"

struct audit;
struct user;
struct deletion;
struct rotation;

struct kms {		      /* one per process, lives as long as the event loop */
	char *const *regions; /* that are served, up to NULL; borrowed from the settings */
	const char *account;  /* of principals that name no other; borrowed from the settings */
	struct store *store;
	struct principals principals;
	struct audit *audit;
	struct deletion *deletion;
	struct rotation *rotation;
	char proof[KMS_PROOF_MAX]; /* of the answer that is sent next */
};

#define CALL_RESOURCES_MAX 2

struct call { /* owner: service.c */
	struct kms *kms;
	const char *
		region; /* that the call is signed for, the first one until it is known; borrowed */
	const char *account; /* of the caller; the KMS's own until the caller is known; borrowed */
	enum transport transport; /* plaintext is refused on TRANSPORT_UNIX */
	char source[64];	  /* client's address; on the unix socket 127.0.0.1 */
	pid_t pid;		  /* unix only: peer credentials; 0 unknown */
	uid_t uid;
	char user_agent[256];
	char request_id[37];
	const char *service;		/* "kms", "iam" or "sts" */
	bool is_form;			/* it came by the Query protocol, and is answered by it */
	char operation[65];		/* "Decrypt" */
	int64_t now;			/* seconds since the epoch */
	const struct principal *caller; /* NULL until authenticated */
	struct user *user;	    /* of the access key; owned; NULL: not a user of the store */
	struct principal own;	    /* that signs as @user; its secret is owned */
	char access_key[132];	    /* claimed, for the audit */
	char signature[65];	    /* of the caller */
	int64_t signature_expires;  /* seconds since the epoch */
	struct json_object *params; /* owned */
	struct json_object *reply;  /* owned; empty object until the operation fills it */
	char grant_id[GRANT_ID_CHARS + 1]; /* that the call is about, for the audit; "" for none */
	char material[MATERIAL_ID_CHARS + 1]; /* that the call has used, for the audit; or "" */
	char source_material[MATERIAL_ID_CHARS + 1]; /* as @material, of a source; or "" */
	bool read_only;
	bool revokes;	    /* its record may use the reserve of the audit trail */
	bool recorded;	    /* as allowed */
	bool has_plaintext; /* request or reply holds plaintext: close the connection */
	char resources[CALL_RESOURCES_MAX][ARN_MAX]; /* keys touched, for the audit */
	size_t resource_count;
	char used[CALL_RESOURCES_MAX][KEY_ID_MAX]; /* keys whose use is to be kept, see usage.h */
	size_t used_count;
};

void call_touch(struct call *call, const char *arn);

void call_free(struct call *call);

#endif
