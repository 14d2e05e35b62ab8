/* SPDX-License-Identifier: MIT */
/*
 * The one error type: an AWS fault name for programs and a sentence for people.
 *
 * Must never hold secrets: faults are logged, audited and sent to clients.
 */
#ifndef ENVELOPE_FAULT_H
#define ENVELOPE_FAULT_H

struct fault {
	char code[64];	   /* "DBClusterNotFoundFault", "InternalFailure"; empty: no fault */
	char message[768]; /* what went wrong and what to do, no trailing newline */
};

int fault_set(struct fault *f, const char *code, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

int fault_exit_code(const char *code);

#endif
