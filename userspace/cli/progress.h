/* SPDX-License-Identifier: MIT */
/*
 * A line on the terminal during a long wait.
 *
 * Must never print on stdout, nor where nobody watches.
 */
#ifndef ENVELOPE_CLI_PROGRESS_H
#define ENVELOPE_CLI_PROGRESS_H

void progress_start(const char *what);
void progress_stop(void);

#endif
