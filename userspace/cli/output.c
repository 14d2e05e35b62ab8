// SPDX-License-Identifier: MIT
/*
 * Tables, records and JSON on stdout.
 *
 * Must never let a string from outside move the cursor or colour the terminal:
 * control characters are shown as '?'.
 */

#include "cli/output.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define COLUMNS_MAX 12

/**
 * output_flush() - write out what has been printed
 *
 * Return: 0, or -errno if that failed now or earlier: what is missing stays missing.
 */
int output_flush(void)
{
	static int failure;

	errno = 0;
	if (!failure && (fflush(stdout) || ferror(stdout)))
		failure = errno ? -errno : -EIO;
	return failure;
}

/** output_json() - print @o as one indented document */
void output_json(struct json_object *o)
{
	puts(json_object_to_json_string_ext(o, JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_SPACED |
						       JSON_C_TO_STRING_NOSLASHESCAPE));
	output_flush();
}

/** output_json_line() - print @o on one line, and at once: somebody may be following */
void output_json_line(struct json_object *o)
{
	puts(json_object_to_json_string_ext(o, JSON_C_TO_STRING_PLAIN |
						       JSON_C_TO_STRING_NOSLASHESCAPE));
	output_flush();
}

/**
 * output_text() - a member as text for people
 * @o: object
 * @field: its member; absent, null or empty reads as "-"
 * @buffer: where the text goes
 * @size: bytes of @buffer
 *
 * Return: @buffer.
 */
const char *output_text(struct json_object *o, const char *field, char *buffer, size_t size)
{
	struct json_object *value = json_get(o, field);
	const char *text = "-";
	char *c;

	if (value) {
		if (json_object_is_type(value, json_type_boolean))
			text = json_object_get_boolean(value) ? "yes" : "no";
		else
			text = json_object_get_string(value);
	}
	snprintf(buffer, size, "%s", *text ? text : "-");
	for (c = buffer; *c; c++) {
		unsigned char byte = (unsigned char)c[0], next = (unsigned char)c[1];

		if (byte < ' ' || byte == 0x7f)
			*c = '?';
		else if (byte == 0xc2 && next >= 0x80 && next < 0xa0) /* C1, in UTF-8 */
			c[0] = c[1] = '?';
	}
	return buffer;
}

/* Counts the bytes that begin a character. A UTF-8 terminal shows each as one column. */
static int display_width(const char *text)
{
	int width = 0;

	for (; *text; text++)
		width += ((unsigned char)*text & 0xc0) != 0x80;
	return width;
}

/** output_value() - print @text, padded with spaces to @width columns and two more */
void output_value(const char *text, int width)
{
	int pad = width - display_width(text);

	printf("%s%*s", text, (pad > 0 ? pad : 0) + 2, "");
}

/**
 * output_table() - print rows under a head, each column as wide as it needs
 * @columns: ended by an entry without title
 * @rows: array of objects
 */
void output_table(const struct column *columns, struct json_object *rows)
{
	size_t count = json_object_array_length(rows), row, c;
	int width[COLUMNS_MAX];
	char text[512];

	for (c = 0; columns[c].title; c++) {
		width[c] = display_width(columns[c].title);
		for (row = 0; row < count; row++) {
			struct json_object *o = json_object_array_get_idx(rows, row);
			int w = display_width(output_text(o, columns[c].field, text, sizeof(text)));

			width[c] = w > width[c] ? w : width[c];
		}
	}
	for (c = 0; columns[c].title; c++) {
		if (columns[c + 1].title)
			output_value(columns[c].title, width[c]);
		else
			printf("%s\n", columns[c].title);
	}
	for (row = 0; row < count; row++) {
		struct json_object *o = json_object_array_get_idx(rows, row);

		for (c = 0; columns[c].title; c++) {
			output_text(o, columns[c].field, text, sizeof(text));
			if (columns[c + 1].title)
				output_value(text, width[c]);
			else
				printf("%s\n", text);
		}
	}
	output_flush();
}

/** output_record() - print the members of @o one a line, names first */
void output_record(struct json_object *o)
{
	int width = 0;
	char text[1024];

	json_object_object_foreach(o, name, unused) {
		int w = (int)strlen(name);

		(void)unused;
		width = w > width ? w : width;
	}
	json_object_object_foreach(o, field, value) {
		(void)value;
		output_value(field, width);
		printf("%s\n", output_text(o, field, text, sizeof(text)));
	}
	output_flush();
}
