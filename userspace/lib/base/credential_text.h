/* SPDX-License-Identifier: MIT */
/*
 * The texts of credentials: access keys, secret keys and tokens, from each of their sources.
 */
#ifndef ENVELOPE_CREDENTIAL_TEXT_H
#define ENVELOPE_CREDENTIAL_TEXT_H

#include <stdbool.h>

bool credential_text_is_plain(const char *text);

#endif
