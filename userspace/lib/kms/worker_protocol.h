/* SPDX-License-Identifier: MIT */
/*
 * The protocol between the agent and envelope-kms-worker.
 *
 * The worker is started with
 *	0  a stream socket: one JSON request to its end of file, then one JSON result back
 *	3  a memfd that holds struct worker_block
 *	4  the CA file, open for reading, if the request says "caFile": true
 *
 * request: {"operation": "Decrypt", "parameters": {...}, "region": "us-east-1",
 *	     "timeoutSeconds": 5, "unixPath": "/run/..." or "url": "https://...", "caFile": bool,
 *	     "recipient": base64 of the public key to which plaintext is to be encrypted,
 *	     "proxy": "http://HOST:PORT" and "noProxy": "HOST,..." if a proxy is configured,
 *	     "credentialSteps": what to do before the call, see worker/credential_steps.h}
 * result:  {"outcome": "ok|denied|unreachable|bad-request", "code": "...", "message": "...",
 *	     "kmsId": "...", "kmsChange": of kmsId, 0 for none, "response": {...}}
 *
 * No secret may ever be in the JSON: the kernel frees socket buffers without wiping them.
 */
#ifndef ENVELOPE_WORKER_PROTOCOL_H
#define ENVELOPE_WORKER_PROTOCOL_H

#include <stdint.h>

#include "lib/base/config.h"
#include "lib/kms/credential_plan.h"
#include "lib/kms/proxy.h"
#include "lib/kms/recipient.h"

#define WORKER_SOCKET_FD 0
#define WORKER_BLOCK_FD	 3
#define WORKER_CA_FD	 4

/** WORKER_PRINCIPAL_MAX - bytes of an ARN, an id and their end; the path of a user has up to 512 */
#define WORKER_PRINCIPAL_MAX 800

#define WORKER_USER	     "envelope-kms-client" /* else "nobody" */

/** WORKER_MESSAGE_MAX - bytes of the larger of request and result */
#define WORKER_MESSAGE_MAX (128 * 1024)

/** WORKER_CA_MAX - bytes of a CA file; Debian's bundle has 220 KiB */
#define WORKER_CA_MAX (4 << 20)

/**
 * struct worker_block - all secrets of one call, in memory that both processes map and lock
 * @credentials: from the agent; "" when "credentialSteps" must get the first ones
 * @source: from the agent: with which the steps begin
 * @token: from the agent: of a web identity or a container, for the steps
 * @fetched: from the worker: the result of the steps; "" for none
 * @fetched_expire: seconds since 1970, 0 for never
 * @principal: whose @credentials are, as STS says; "" if that is not known. From the agent with kept
 *	credentials, from the worker with fetched ones
 * @proxy_login: from the agent: for the proxy, if it asks
 * @private_key: from the agent: DER of the recipient's key
 * @private_key_size: its bytes; 0 when the call returns no plaintext
 * @plaintext: from the worker
 * @plaintext_size: its bytes, 0 when the operation gave none
 *
 * The agent makes the block for one call, and wipes it after the worker has exited. The worker
 * wipes what is from the agent. It also wipes its own results, unless the agent is there to take
 * them.
 */
struct worker_block {
	struct credentials credentials;
	struct credentials source;
	char token[CREDENTIAL_TOKEN_MAX];
	struct credentials fetched;
	int64_t fetched_expire;
	char principal[WORKER_PRINCIPAL_MAX];
	struct proxy_login proxy_login;
	uint32_t private_key_size;
	uint8_t private_key[RECIPIENT_KEY_MAX];
	uint32_t plaintext_size;
	uint8_t plaintext[RECIPIENT_PLAINTEXT_MAX];
};

#endif
