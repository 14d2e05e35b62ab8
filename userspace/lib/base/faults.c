// SPDX-License-Identifier: MIT
/* See faults.h. */
#include "lib/base/faults.h"

#include "lib/base/log.h"

/** faults_add() - log a fault, or hand it on, and count it */
void faults_add(struct faults *all, const struct fault *f)
{
	if (!all->count++)
		all->first = *f;
	if (all->each)
		all->each(f, all->userdata);
	else
		log_error("%s", f->message);
}

/** faults_quiet() - an @each of callers that need the count and the first fault alone */
void faults_quiet(const struct fault *f, void *userdata)
{
}

/** faults_sum_up() - one fault for all: the first one, and how many there are besides */
void faults_sum_up(const struct faults *all, struct fault *f)
{
	*f = all->first;
	if (all->count > 1)
		fault_set(f, all->first.code, "%.560s (%u more: enveloped --check-config)",
			  all->first.message, all->count - 1);
}
