/* SPDX-License-Identifier: MIT */
/*
 * Values of conditions: numbers, dates, addresses, bytes.
 *
 * Must never round: two values are equal only if they are the same number or moment.
 */
#ifndef ENVELOPE_KMS_POLICY_VALUE_H
#define ENVELOPE_KMS_POLICY_VALUE_H

#include <stdbool.h>

bool value_is_number(const char *text);

int value_compare_numbers(const char *a, const char *b);

bool value_is_date(const char *text);

int value_compare_dates(const char *a, const char *b);

bool value_is_network(const char *text);

bool value_in_network(const char *address, const char *network);

bool value_is_base64(const char *text);

bool value_has_bytes(const char *text, const char *base64);

#endif
