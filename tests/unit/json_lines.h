/* SPDX-License-Identifier: MIT */
/* The input of a program that a model is compared with: an object a line. */
#ifndef ENVELOPE_JSON_LINES_H
#define ENVELOPE_JSON_LINES_H

#include <json-c/json.h>

int json_lines(void (*answer)(struct json_object *line));

#endif
