/* SPDX-License-Identifier: MIT */
/*
 * Giving up what the worker inherits from the agent.
 *
 * Must never go on halfway: a worker that cannot drop its rights does not run.
 */
#ifndef ENVELOPE_WORKER_PRIVILEGES_H
#define ENVELOPE_WORKER_PRIVILEGES_H

int privileges_drop(void);

#endif
