/* SPDX-License-Identifier: MIT */
/*
 * Standard input, output and error of a program, which a caller may have closed.
 */
#ifndef ENVELOPE_STANDARD_FILES_H
#define ENVELOPE_STANDARD_FILES_H

int standard_files_hold(void);

#endif
