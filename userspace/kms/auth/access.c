// SPDX-License-Identifier: MIT
/*
 * The access that a call asks for.
 */

#include "kms/auth/access.h"

/** access_of() - the access that @call needs, to every resource ("*") of the caller's account */
struct access access_of(const struct call *call)
{
	return (struct access){
		.principal = call->caller,
		.user = call->user,
		.service = call->service,
		.action = call->operation,
		.account = call->account,
		.resource = "*",
		.grants = call->kms->store,
		.source = call->source,
		.now = call->now,
		.transport = call->transport,
	};
}
