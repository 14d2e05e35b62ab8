// SPDX-License-Identifier: MIT
/*
 * Reader of "Key=value" files.
 *
 * Must never leave a line in memory: it may be a secret access key. Must not judge what is in the
 * section of another program.
 */

#include "lib/base/ini.h"

#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "lib/base/file.h"

#define FILE_MAX_BYTES	(16 << 20)
#define BYTE_ORDER_MARK "\xef\xbb\xbf"

/**
 * struct ini_reader - a file being read
 * @only: the one section that is read, or NULL for all
 * @section: name of the present section, in the text of the file
 * @foreign: the present section is not @only
 * @all: takes the faults of all lines but the last one; or NULL: the first fault ends the reading
 * @line: set to each @line_number; or NULL
 */
struct ini_reader {
	const char *path;
	const char *only;
	unsigned int line_number;
	const char *section;
	bool foreign;
	ini_entry_t entry;
	void *userdata;
	struct faults *all;
	unsigned int *line;
};

static char *trim(char *text)
{
	size_t size;

	while (isspace((unsigned char)*text))
		text++;
	size = strlen(text);
	while (size > 0 && isspace((unsigned char)text[size - 1]))
		text[--size] = '\0';
	return text;
}

static int ini_fault(const struct ini_reader *reader, struct fault *f, const char *what)
{
	return fault_set(f, "InvalidConfiguration", "%s:%u: %s", reader->path, reader->line_number,
			 what);
}

static int read_section(struct ini_reader *reader, char *text, struct fault *f)
{
	char *end = strchr(text, ']');

	/* Of a file with many owners only the own section is judged. */
	if (reader->only && !end) {
		reader->foreign = true;
		return 0;
	}
	if (!end || (!reader->only && end[1] != '\0'))
		return ini_fault(reader, f, "Write a section as [name].");
	*end = '\0';
	reader->section = trim(text + 1);
	if (reader->only)
		reader->foreign = strcmp(reader->section, reader->only);
	else if (*reader->section == '\0')
		return ini_fault(reader, f, "The section's name is empty.");
	return 0;
}

static int read_line(struct ini_reader *reader, char *line, size_t size, struct fault *f)
{
	bool has_nul = strlen(line) != size;
	struct fault inner = { 0 };
	char *text = trim(line), *equals;

	if (*text == '[')
		return read_section(reader, text, f);
	if (reader->foreign)
		return 0;
	if (has_nul)
		return ini_fault(reader, f, "The line has a NUL byte. Write the file again.");
	if (*text == '\0' || *text == '#' || *text == ';')
		return 0;
	equals = strchr(text, '=');
	if (!equals || equals == text)
		return ini_fault(reader, f, "Expected Key=value.");
	*equals = '\0';
	if (reader->entry(reader->section, trim(text), trim(equals + 1), reader->userdata, &inner))
		return ini_fault(reader, f, inner.message);
	return 0;
}

/* @text: @size bytes and a terminator; changed */
static int read_lines(struct ini_reader *reader, char *text, size_t size, struct fault *f)
{
	size_t mark = strlen(BYTE_ORDER_MARK);
	char *end = text + size;
	bool wrong = false;

	if (size >= mark && !memcmp(text, BYTE_ORDER_MARK, mark))
		text += mark;
	while (text < end) {
		char *newline = memchr(text, '\n', (size_t)(end - text));
		char *next = newline ? newline : end;
		struct fault line;

		*next = '\0';
		reader->line_number++;
		if (reader->line)
			*reader->line = reader->line_number;
		if (read_line(reader, text, (size_t)(next - text), &line)) {
			if (wrong)
				faults_add(reader->all, f);
			if (f)
				*f = line;
			if (!reader->all)
				return -1;
			wrong = true;
		}
		text = next + 1;
	}
	return wrong ? -1 : 0;
}

/* Reads @file into memory of one size: a buffer that grows would leave unwiped copies. */
static int read_text(struct ini_reader *reader, FILE *file, size_t room, struct fault *f)
{
	char *text = malloc(room + 1);
	size_t size;
	int r;

	if (!text)
		return fault_set(f, "InternalFailure", "Out of memory.");
	/* Unbuffered, since stdio would free its buffer unwiped. */
	setvbuf(file, NULL, _IONBF, 0);
	size = fread(text, 1, room + 1, file);
	if (ferror(file))
		r = fault_set(f, "InvalidConfiguration", "%s cannot be read: %s.", reader->path,
			      strerror(errno));
	else if (size > room)
		r = fault_set(f, "InvalidConfiguration",
			      "%s is larger than %d bytes, or is being written. Try again.",
			      reader->path, FILE_MAX_BYTES);
	else
		r = read_lines(reader, text, size, f);
	explicit_bzero(text, room + 1);
	free(text);
	return r;
}

static int read_file(struct ini_reader *reader, struct fault *f)
{
	const char *why;
	FILE *file = file_stream(reader->path, &why);
	struct stat st;
	int r;

	if (!file) {
		r = errno == ENOENT ? -ENOENT : -1;
		fault_set(f, "InvalidConfiguration",
			  "%s cannot be opened: %s. Check the path and its permissions.",
			  reader->path, why);
		return r;
	}
	if (fstat(fileno(file), &st))
		r = fault_set(f, "InvalidConfiguration", "%s cannot be read: %s.", reader->path,
			      strerror(errno));
	else
		r = read_text(reader, file,
			      st.st_size < FILE_MAX_BYTES ? (size_t)st.st_size : FILE_MAX_BYTES, f);
	fclose(file);
	return r;
}

/**
 * ini_read() - read @path entry by entry
 *
 * '#' and ';' start a comment at the start of a line. A byte order mark is skipped. The text is
 * wiped.
 *
 * Return: 0, -ENOENT when there is no such file (fault set too), or -1.
 */
int ini_read(const char *path, ini_entry_t entry, void *userdata, struct fault *f)
{
	struct ini_reader reader = {
		.path = path, .section = "", .entry = entry, .userdata = userdata
	};

	return read_file(&reader, f);
}

/**
 * ini_read_all() - as ini_read(), but a line with a fault does not end the reading
 * @line: set to the number of each line before its entry is handed on; NULL for no interest
 * @all: takes the faults of all lines but the last one, which is in @f
 */
int ini_read_all(const char *path, ini_entry_t entry, void *userdata, unsigned int *line,
		 struct faults *all, struct fault *f)
{
	struct ini_reader reader = {
		.path = path,
		.section = "",
		.entry = entry,
		.userdata = userdata,
		.all = all,
		.line = line,
	};

	return read_file(&reader, f);
}

/**
 * ini_read_section() - read the entries of one section of @path
 * @section: name without brackets
 *
 * No line of another section is judged, however long or broken it is: the section has other users.
 * Text after a section's closing bracket is ignored, as the AWS SDKs do.
 *
 * Return: as ini_read(); 0 also when there is no such section.
 */
int ini_read_section(const char *path, const char *section, ini_entry_t entry, void *userdata,
		     struct fault *f)
{
	struct ini_reader reader = {
		.path = path,
		.only = section,
		.section = "",
		.foreign = true,
		.entry = entry,
		.userdata = userdata,
	};

	return read_file(&reader, f);
}
