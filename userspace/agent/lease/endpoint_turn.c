// SPDX-License-Identifier: MIT
/*
 * What is known of the endpoints of each list. An endpoint that does not answer costs each call a
 * timeout: with a thousand clusters that is more time than a lease has.
 */
#include "agent/lease/endpoint_turn.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/endpoint.h"
#include "lib/base/log.h"

/* One list of a configuration or of a cluster. Kept until the agent ends; the event loop uses it. */
struct turn {
	struct turn *next;
	char *endpoints;
	size_t at;	   /* the endpoint that gave what was asked last */
	uint64_t since_ns; /* of the last try of the first one, while another one is asked */
	bool from_first;   /* the next call tries the first one */
};

static struct turn *turns;

static struct turn *find(const char *endpoints)
{
	struct turn *turn = turns;

	while (turn && strcmp(turn->endpoints, endpoints))
		turn = turn->next;
	return turn;
}

static struct turn *add(const char *endpoints)
{
	struct turn *turn = calloc(1, sizeof(*turn));

	if (turn)
		turn->endpoints = strdup(endpoints);
	if (!turn || !turn->endpoints) {
		free(turn);
		return NULL;
	}
	turn->next = turns;
	turns = turn;
	return turn;
}

/**
 * endpoint_turn_begin() - number of the endpoint that a call asks first
 * @endpoints: the list
 * @again_ns: after this time one call tries the first endpoint again
 */
size_t endpoint_turn_begin(const char *endpoints, uint64_t now_ns, uint64_t again_ns)
{
	struct turn *turn = find(endpoints);

	if (!turn || !turn->at)
		return 0;
	if (!turn->from_first && now_ns - turn->since_ns < again_ns)
		return turn->at;
	turn->from_first = false;
	turn->since_ns = now_ns;
	return 0;
}

static void tell(const char *endpoints, size_t before, size_t at, const struct fault *silence)
{
	char *old = endpoint_at(endpoints, before), *new = endpoint_at(endpoints, at);

	if (silence->code[0])
		log_warning("The KMS is asked at %s from now on, in place of %s: %s", new, old,
			    silence->message);
	else
		log_info("The KMS is asked at %s again, in place of %s.", new, old);
	free(old);
	free(new);
}

/**
 * endpoint_turn_answered() - the KMS gave what was asked at the endpoint @at: the next call begins there
 * @silence: of the endpoint that was asked before it by the same call; code "" for none
 */
void endpoint_turn_answered(const char *endpoints, size_t at, uint64_t now_ns,
			    const struct fault *silence)
{
	struct turn *turn = find(endpoints);

	if (!turn && at)
		turn = add(endpoints);
	if (!turn || turn->at == at)
		return;
	/* A call that was begun before the change, and did not try the endpoint of now. */
	if (!silence->code[0] && at)
		return;
	tell(endpoints, turn->at, at, silence);
	turn->at = at;
	turn->since_ns = now_ns;
}

/**
 * endpoint_turn_from_first() - the next call tries the first endpoint
 *
 * An endpoint that answers, and does not give what was asked, must not keep calls from the endpoints
 * before it until leases end. One call is enough to find out: if the first endpoint is silent, each call
 * that it is asked by costs a timeout.
 */
void endpoint_turn_from_first(const char *endpoints)
{
	struct turn *turn = find(endpoints);

	if (turn)
		turn->from_first = true;
}
