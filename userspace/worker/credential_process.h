/* SPDX-License-Identifier: MIT */
/*
 * credential_process: a program of the administrator's that prints credentials.
 *
 * Must never start a shell: the words of the command are split, and nothing in them is expanded.
 */
#ifndef ENVELOPE_WORKER_CREDENTIAL_PROCESS_H
#define ENVELOPE_WORKER_CREDENTIAL_PROCESS_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/fault.h"
#include "lib/base/secret.h"

char **credential_process_words(const char *command);
void credential_process_words_free(char **words);

struct secret *credential_process_run(const char *command, int64_t end_ms, bool (*cancelled)(void),
				      struct fault *f);

#endif
