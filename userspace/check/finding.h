/* SPDX-License-Identifier: MIT */
/* What one check has found. */
#ifndef ENVELOPE_CHECK_FINDING_H
#define ENVELOPE_CHECK_FINDING_H

#define AS_ROOT "Run the command as root."

enum check_status {
	CHECK_OK,
	CHECK_WARNING,
	CHECK_FAILED,
	CHECK_SKIPPED, /* this user cannot see it */
};

/**
 * struct finding - plain data, which a pipe carries
 * @found: sentences
 * @advice: what to do; "" when there is nothing to do
 */
struct finding {
	enum check_status status;
	char found[1200];
	char advice[600];
};

const char *check_status_name(enum check_status status);

__attribute__((format(printf, 4, 5))) void finding_set(struct finding *finding,
						       enum check_status status, const char *advice,
						       const char *format, ...);
__attribute__((format(printf, 2, 3))) void finding_add(struct finding *finding, const char *format,
						       ...);
__attribute__((format(printf, 3, 4))) void finding_worse(struct finding *finding,
							 enum check_status status,
							 const char *advice, ...);
void finding_only_root(struct finding *finding, const char *what);

#endif
