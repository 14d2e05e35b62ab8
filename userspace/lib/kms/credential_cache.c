// SPDX-License-Identifier: MIT
/*
 * Temporary credentials between two calls. See credential_cache.h.
 *
 * Times are of CLOCK_BOOTTIME: only the lifetime is taken from the wall clock, once. A jump of the
 * clock neither ends credentials nor keeps them.
 */

#include "lib/kms/credential_cache.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <openssl/rand.h>

#include "lib/base/json.h"
#include "lib/base/secret.h"

#define ADVISED_S (15 * 60) /* before the end, as in AWS's SDKs */
#define DUE_S	  (10 * 60)
#define JITTER_S  60
#define WHOSE_S	  (15 * 60) /* until STS is asked once more whose they are */
#define PACE_S	  60	    /* between two attempts that are advised, not due */

/* One kept result. Owned by the list; freed by credential_cache_wipe(). */
struct kept {
	struct kept *next;
	char *identity;		    /* of the plan: its steps and its access key */
	struct secret *credentials; /* a struct credentials */
	char principal[WORKER_PRINCIPAL_MAX];
	int64_t advised; /* from then on a call gets new ones, if it can */
	int64_t due;	 /* from then on each call tries */
};

static struct kept *all;

static int64_t now_s(void)
{
	struct timespec t;

	clock_gettime(CLOCK_BOOTTIME, &t);
	return t.tv_sec;
}

/**
 * credential_times() - when to get new credentials
 * @lifetime_s: of the present ones, from now on
 * @random: spreads the hosts that got theirs at one time
 * @advised_s: set: seconds from now on until a call tries to get new ones
 * @due_s: set: until every call tries
 *
 * AWS's SDKs begin 15 minutes ahead and insist 10 minutes ahead. Credentials of a short life are kept
 * for half of it: each call would get new ones otherwise.
 */
void credential_times(int64_t lifetime_s, unsigned int random, int64_t *advised_s, int64_t *due_s)
{
	int64_t advised = ADVISED_S + random % JITTER_S;
	int64_t due = DUE_S;

	if (lifetime_s < 0)
		lifetime_s = 0;
	if (advised > lifetime_s / 2)
		advised = lifetime_s / 2;
	if (due > lifetime_s / 3)
		due = lifetime_s / 3;
	*advised_s = lifetime_s - advised;
	*due_s = lifetime_s - due;
}

static struct kept *find(const char *identity)
{
	struct kept *k = all;

	while (k && strcmp(k->identity, identity))
		k = k->next;
	return k;
}

/* The steps and the access key with which they begin: another profile has another identity. */
static char *identity_of(const struct credential_plan *plan)
{
	struct json_object _cleanup_json_ *o = json_object_new_object();

	json_add_object(o, "steps", json_object_get(plan->steps));
	json_add_string(o, "accessKey", plan->credentials.access_key);
	return strdup(json_object_to_json_string_ext(o, JSON_C_TO_STRING_PLAIN));
}

/* True if the call has to run the steps; the kept credentials, if any, are in @block. */
static bool steps_needed(const char *identity, struct worker_block *block)
{
	struct kept *k = find(identity);
	int64_t now = now_s();

	if (!k)
		return true;
	memcpy(&block->credentials, k->credentials->bytes, sizeof(block->credentials));
	memcpy(block->principal, k->principal, sizeof(block->principal));
	if (now < k->advised)
		return false;
	k->advised = now + PACE_S;
	if (now >= k->due)
		k->advised = now;
	return true;
}

/**
 * credential_cache_fill() - what a call needs to have credentials
 * @plan: read anew for each call, so that a rotation takes effect
 * @block: its credentials, or what the steps begin with, are set
 * @steps: set to the steps that the worker has to take first (caller releases), or to NULL
 * @identity: set to a text for credential_cache_take() (caller frees), or to NULL
 *
 * Return: 0 or -1.
 */
int credential_cache_fill(const struct credential_plan *plan, struct worker_block *block,
			  struct json_object **steps, char **identity, struct fault *f)
{
	*steps = NULL;
	*identity = NULL;
	if (!plan->steps) {
		block->credentials = plan->credentials;
		return 0;
	}
	*identity = identity_of(plan);
	if (!*identity)
		return fault_set(f, "InternalFailure", "Out of memory.");
	if (steps_needed(*identity, block)) {
		*steps = json_object_get(plan->steps);
		block->source = plan->credentials;
		memcpy(block->token, plan->token, sizeof(block->token));
	}
	/* A secret that was corrected has the same access key. */
	if (plan->complete)
		block->credentials = plan->credentials;
	return 0;
}

/* An entry for @identity, made if it is new; NULL when memory is short. */
static struct kept *entry(const char *identity)
{
	struct kept *k = find(identity);

	if (k)
		return k;
	k = calloc(1, sizeof(*k));
	if (!k)
		return NULL;
	k->identity = strdup(identity);
	k->credentials = secret_new(sizeof(struct credentials));
	if (!k->identity || !k->credentials) {
		secret_free(k->credentials);
		free(k->identity);
		free(k);
		return NULL;
	}
	k->next = all;
	all = k;
	return k;
}

/**
 * credential_cache_take() - learn from a call that has ended
 * @identity: of credential_cache_fill(); NULL is fine
 * @block: what the worker got is copied to locked memory
 * @code: of the call's fault, or ""
 *
 * When the KMS does not accept the credentials, the next call gets new ones.
 */
void credential_cache_take(const char *identity, const struct worker_block *block, const char *code)
{
	static const char *const refused[] = {
		"ExpiredTokenException",
		"ExpiredToken",
		"UnrecognizedClientException",
		"InvalidClientTokenId",
	};
	struct kept *k = identity ? find(identity) : NULL;
	int64_t now = now_s(), advised, due;
	unsigned int random = 0;

	if (identity && block->fetched.access_key[0]) {
		k = entry(identity);
		if (!k)
			return;
		memcpy(k->credentials->bytes, &block->fetched, sizeof(block->fetched));
		RAND_bytes((unsigned char *)&random, sizeof(random));
		credential_times(block->fetched_expire - time(NULL), random, &advised, &due);
		k->advised = block->fetched_expire ? now + advised : INT64_MAX;
		k->due = block->fetched_expire ? now + due : INT64_MAX;
		memcpy(k->principal, block->principal, sizeof(k->principal));
		if (block->fetched.session_token[0] && !k->principal[0] &&
		    k->advised > now + WHOSE_S)
			k->advised = now + WHOSE_S;
	}
	for (size_t i = 0; k && i < sizeof(refused) / sizeof(*refused); i++)
		if (!strcmp(refused[i], code))
			k->advised = k->due = now;
}

/** credential_cache_wipe() - forget all, before the process ends */
void credential_cache_wipe(void)
{
	while (all) {
		struct kept *k = all;

		all = k->next;
		secret_free(k->credentials);
		free(k->identity);
		free(k);
	}
}
