/* SPDX-License-Identifier: MIT */
/* Progress, for people or for programs. */
#ifndef ENVELOPE_COPY_PROGRESS_H
#define ENVELOPE_COPY_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

/** struct progress - @json: a line of JSON for each report, in place of text for people */
struct progress {
	bool json;
	const char *phase; /* "copy", "verify" */
	uint64_t before;   /* bytes of this phase that an earlier run has finished */
	uint64_t total;
	uint64_t began_ns;
};

void progress_begin(struct progress *progress, const char *phase, uint64_t before, uint64_t total);
void progress_report(const struct progress *progress, uint64_t finished, bool last);

#endif
