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

/**
 * fault_set() - fill @f
 * @f: destination, may be NULL
 * @code: AWS fault name, or "InternalFailure"
 * @fmt: printf format of the message
 *
 * Return: always -1, so that a function can end with `return fault_set(...)`.
 */
int fault_set(struct fault *f, const char *code, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/**
 * fault_exit_code() - exit status for a fault name
 *
 * Return: 1 general, 2 usage or validation, 3 not found, 4 access or key denied, 5 agent or KMS
 * unreachable, 6 wrong state, 7 the host lacks something.
 */
int fault_exit_code(const char *code);

#endif
