/* SPDX-License-Identifier: MIT */
/*
 * "Did you mean": the known word nearest to a mistyped one.
 *
 * Must never be used to guess and go on: only for a message.
 */
#ifndef ENVELOPE_CLI_NEAREST_H
#define ENVELOPE_CLI_NEAREST_H

/**
 * struct nearest - a search in progress; start with nearest_start()
 * @typed: what the user wrote
 * @best: the nearest candidate so far, NULL when no candidate is near enough
 * @distance: edits between the two
 */
struct nearest {
	const char *typed;
	const char *best;
	unsigned int distance;
};

void nearest_start(struct nearest *nearest, const char *typed);
void nearest_offer(struct nearest *nearest, const char *candidate);

#endif
