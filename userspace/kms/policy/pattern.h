/* SPDX-License-Identifier: MIT */
/*
 * Patterns of a policy: * is any number of characters, ? is one.
 *
 * Must never read a character set or a locale: the letters of ASCII alone have a case.
 */
#ifndef ENVELOPE_KMS_POLICY_PATTERN_H
#define ENVELOPE_KMS_POLICY_PATTERN_H

#include <stdbool.h>

#define PATTERN_TEXT_MAX 8192 /* bytes of a text, as of a whole encryption context */

bool pattern_like(const char *pattern, const char *text);

bool pattern_action(const char *pattern, const char *action);

bool pattern_resource(const char *pattern, const char *arn);

bool pattern_arn(const char *pattern, const char *arn);

#endif
