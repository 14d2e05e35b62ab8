/* SPDX-License-Identifier: MIT */
/* The DB cluster identifier, as RDS wants it. */
#ifndef ENVELOPE_IDENTIFIER_H
#define ENVELOPE_IDENTIFIER_H

#include <stdbool.h>

#define IDENTIFIER_MAX 63

bool identifier_valid(const char *identifier);

#endif
