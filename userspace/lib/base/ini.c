// SPDX-License-Identifier: MIT
/*
 * Reader of "Key=value" files.
 *
 * Must never leave a line in memory: it may be a secret access key.
 */

#include "lib/base/ini.h"

#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define LINE_MAX_BYTES 4096

struct ini_reader {
	const char *path;
	unsigned int line_number;
	char section[128];
	char line[LINE_MAX_BYTES];
	ini_entry_t entry;
	void *userdata;
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
	char *name;

	if (!end || end[1] != '\0')
		return ini_fault(reader, f, "Write a section as [name].");
	*end = '\0';
	name = trim(text + 1);
	if (*name == '\0' || strlen(name) >= sizeof(reader->section))
		return ini_fault(reader, f, "The section's name is empty or too long.");
	memcpy(reader->section, name, strlen(name) + 1);
	return 0;
}

static int read_line(struct ini_reader *reader, struct fault *f)
{
	char *text = trim(reader->line);
	struct fault inner = { 0 };
	char *equals;

	if (*text == '\0' || *text == '#' || *text == ';')
		return 0;
	if (*text == '[')
		return read_section(reader, text, f);
	equals = strchr(text, '=');
	if (!equals || equals == text)
		return ini_fault(reader, f, "Expected Key=value.");
	*equals = '\0';
	if (reader->entry(reader->section, trim(text), trim(equals + 1), reader->userdata, &inner))
		return ini_fault(reader, f, inner.message);
	return 0;
}

static int read_lines(struct ini_reader *reader, FILE *file, struct fault *f)
{
	while (fgets(reader->line, sizeof(reader->line), file)) {
		size_t size = strlen(reader->line);

		reader->line_number++;
		if (size == sizeof(reader->line) - 1 && reader->line[size - 1] != '\n')
			return ini_fault(reader, f, "The line is too long.");
		if (read_line(reader, f))
			return -1;
	}
	if (ferror(file))
		return fault_set(f, "InvalidConfiguration", "%s cannot be read: %s.", reader->path,
				 strerror(errno));
	return 0;
}

/**
 * ini_read() - read @path entry by entry
 *
 * Lines are at most 4095 bytes. '#' and ';' start a comment at the start of a line. The line
 * buffer is wiped.
 *
 * Return: 0, -ENOENT when there is no such file (fault set too), or -1.
 */
int ini_read(const char *path, ini_entry_t entry, void *userdata, struct fault *f)
{
	struct ini_reader reader = { .path = path, .entry = entry, .userdata = userdata };
	char buffer[LINE_MAX_BYTES];
	FILE *file;
	int r;

	file = fopen(path, "re");
	if (!file) {
		r = errno == ENOENT ? -ENOENT : -1;
		fault_set(f, "InvalidConfiguration",
			  "%s cannot be opened: %s. Check the path and its permissions.", path,
			  strerror(errno));
		return r;
	}
	/* This buffer replaces stdio's, which would be freed unwiped. */
	setvbuf(file, buffer, _IOFBF, sizeof(buffer));
	r = read_lines(&reader, file, f);
	fclose(file);
	explicit_bzero(buffer, sizeof(buffer));
	explicit_bzero(&reader, sizeof(reader));
	return r;
}
