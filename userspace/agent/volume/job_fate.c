// SPDX-License-Identifier: MIT
/* See job_fate.h. */
#include "agent/volume/job_fate.h"

enum fate {
	FATE_OPEN,
	FATE_KEPT,
	FATE_GIVEN_UP
};

static bool decide(struct volume_job *job, int fate)
{
	int open = FATE_OPEN;

	return atomic_compare_exchange_strong(&job->fate, &open, fate) || open == fate;
}

/** job_fate_begin() - in the event loop, before the step: nothing is decided */
void job_fate_begin(struct volume_job *job)
{
	atomic_store(&job->fate, FATE_OPEN);
}

/**
 * job_fate_keep() - in the device thread: may the step do what cannot be taken back?
 *
 * Return: true if the step counts from now on; false if it was given up.
 */
bool job_fate_keep(struct volume_job *job)
{
	return decide(job, FATE_KEPT);
}

/**
 * job_fate_give_up() - in the event loop: the step is not to count
 *
 * Return: true if it does not; false if it is too late for that.
 */
bool job_fate_give_up(struct volume_job *job)
{
	return decide(job, FATE_GIVEN_UP);
}

/** job_fate_is_given_up() - has the event loop given the step up? */
bool job_fate_is_given_up(struct volume_job *job)
{
	return atomic_load(&job->fate) == FATE_GIVEN_UP;
}
