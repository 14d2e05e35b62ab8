/* SPDX-License-Identifier: MIT */
/*
 * Giving up what the worker inherits from the agent.
 *
 * Must never go on half-way: a worker that could not drop its rights does not run.
 */
#ifndef ENVELOPE_WORKER_PRIVILEGES_H
#define ENVELOPE_WORKER_PRIVILEGES_H

/**
 * privileges_drop() - become an unprivileged process that can gain nothing
 *
 * As root: locks all memory, takes the user WORKER_USER, or nobody where that user does not
 * exist. As anybody else: stays who it is. In both cases no new privileges, no descriptors beyond
 * WORKER_CA_FD, working directory /, SIGTERM when the agent dies. Logs what failed.
 *
 * Return: 0 or -1.
 */
int privileges_drop(void);

#endif
