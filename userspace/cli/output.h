/* SPDX-License-Identifier: MIT */
/*
 * Output of the commands on stdout: the agent's JSON, or tables for people.
 *
 * Must never let a string from outside move the cursor or colour the terminal:
 * control characters are shown as '?'.
 */
#ifndef ENVELOPE_CLI_OUTPUT_H
#define ENVELOPE_CLI_OUTPUT_H

#include <stddef.h>

#include "lib/base/json.h"

/**
 * struct column - one column of a table
 * @title: its head
 * @field: member of the row's object
 */
struct column {
	const char *title;
	const char *field;
};

int output_flush(void);
void output_json(struct json_object *o);
void output_json_line(struct json_object *o);
void output_table(const struct column *columns, struct json_object *rows);
void output_record(struct json_object *o);
void output_value(const char *text, int width);
const char *output_text(struct json_object *o, const char *field, char *buffer, size_t size);

#endif
