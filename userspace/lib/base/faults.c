// SPDX-License-Identifier: MIT
/* See faults.h. */
#include "lib/base/faults.h"

#include "lib/base/log.h"

/** faults_add() - log a fault, and count it */
void faults_add(struct faults *all, const struct fault *f)
{
	if (!all->count++)
		all->first = *f;
	log_error("%s", f->message);
}
