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

static int ini_fault(const struct ini_reader *r, struct fault *f, const char *what)
{
	return fault_set(f, "InvalidConfiguration", "%s:%u: %s", r->path, r->line_number, what);
}

static int read_section(struct ini_reader *r, char *text, struct fault *f)
{
	char *end = strchr(text, ']');
	char *name;

	if (!end || end[1] != '\0')
		return ini_fault(r, f, "a section is written [name]");
	*end = '\0';
	name = trim(text + 1);
	if (*name == '\0' || strlen(name) >= sizeof(r->section))
		return ini_fault(r, f, "section name empty or too long");
	memcpy(r->section, name, strlen(name) + 1);
	return 0;
}

static int read_line(struct ini_reader *r, struct fault *f)
{
	char *text = trim(r->line);
	struct fault inner = { 0 };
	char *equals;

	if (*text == '\0' || *text == '#' || *text == ';')
		return 0;
	if (*text == '[')
		return read_section(r, text, f);
	equals = strchr(text, '=');
	if (!equals || equals == text)
		return ini_fault(r, f, "expected Key=value");
	*equals = '\0';
	if (r->entry(r->section, trim(text), trim(equals + 1), r->userdata, &inner))
		return ini_fault(r, f, inner.message);
	return 0;
}

static int read_lines(struct ini_reader *r, FILE *file, struct fault *f)
{
	while (fgets(r->line, sizeof(r->line), file)) {
		size_t size = strlen(r->line);

		r->line_number++;
		if (size == sizeof(r->line) - 1 && r->line[size - 1] != '\n')
			return ini_fault(r, f, "line too long");
		if (read_line(r, f))
			return -1;
	}
	if (ferror(file))
		return fault_set(f, "InvalidConfiguration", "cannot read %s: %s", r->path,
				 strerror(errno));
	return 0;
}

int ini_read(const char *path, ini_entry_t entry, void *userdata, struct fault *f)
{
	struct ini_reader r = { .path = path, .entry = entry, .userdata = userdata };
	char buffer[LINE_MAX_BYTES];
	FILE *file;
	int ret;

	file = fopen(path, "re");
	if (!file) {
		ret = errno == ENOENT ? -ENOENT : -1;
		fault_set(f, "InvalidConfiguration", "cannot open %s: %s", path, strerror(errno));
		return ret;
	}
	/* A buffer of our own, since stdio would free its own unwiped. */
	setvbuf(file, buffer, _IOFBF, sizeof(buffer));
	ret = read_lines(&r, file, f);
	fclose(file);
	explicit_bzero(buffer, sizeof(buffer));
	explicit_bzero(&r, sizeof(r));
	return ret;
}
