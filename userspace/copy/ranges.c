// SPDX-License-Identifier: MIT
/* See ranges.h. */
#include "copy/ranges.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>

#include "lib/base/file.h"

#define REFUSED		 "InvalidParameterValue"
#define RANGE_LINE_BYTES 64 /* two numbers of 20 digits */

/* Reads "OFFSET LENGTH\n", and nothing else. */
static bool parse_line(const char *line, uint64_t *offset, uint64_t *length)
{
	char *end;

	if (*line < '0' || *line > '9')
		return false;
	errno = 0;
	*offset = strtoull(line, &end, 10);
	if (*end != ' ' || end[1] < '0' || end[1] > '9')
		return false;
	*length = strtoull(end + 1, &end, 10);
	return !errno && end[0] == '\n' && !end[1];
}

static const char *what_is_wrong(const struct ranges *ranges, uint64_t offset, uint64_t length)
{
	if (!length || offset % RANGES_UNIT || length % RANGES_UNIT)
		return "Offset and length are multiples of 512 bytes, and the length is not 0";
	if (offset < ranges->end)
		return "The ranges ascend, and none meets the one before";
	if (offset > ranges->device || length > ranges->device - offset)
		return "The source ends before this range does";
	return NULL;
}

/*
 * Steps to the range of the next line.
 *
 * Return: 1, 0 after the last line, or -1 with @f filled unless it is NULL.
 */
static int step(struct ranges *ranges, uint64_t number, struct fault *f)
{
	char line[RANGE_LINE_BYTES];
	uint64_t offset, length;
	const char *why;

	if (!fgets(line, sizeof(line), ranges->file)) {
		if (!ferror(ranges->file))
			return 0;
		return f ? fault_set(f, REFUSED, "%s cannot be read: %s", ranges->path,
				     strerror(errno))
			 : -1;
	}
	if (!parse_line(line, &offset, &length))
		return f ? fault_set(f, REFUSED,
				     "%s:%llu: A line has an offset and a length in bytes.",
				     ranges->path, (unsigned long long)number)
			 : -1;
	why = what_is_wrong(ranges, offset, length);
	if (why)
		return f ? fault_set(f, REFUSED, "%s:%llu: %s.", ranges->path,
				     (unsigned long long)number, why)
			 : -1;
	ranges->at = offset;
	ranges->end = offset + length;
	return 1;
}

/* Each line is checked before anything is copied. */
static int check_file(struct ranges *ranges, struct fault *f)
{
	uint64_t number = 1;
	int r;

	while ((r = step(ranges, number++, f)) > 0)
		ranges->total += ranges->end - ranges->at;
	ranges->last = ranges->end;
	return r;
}

static int add_up(struct ranges *ranges, struct fault *f)
{
	EVP_MD_CTX *sum = EVP_MD_CTX_new();
	char bytes[8192];
	size_t size;
	bool done = sum && EVP_DigestInit_ex(sum, EVP_sha256(), NULL);

	rewind(ranges->file);
	while (done && (size = fread(bytes, 1, sizeof(bytes), ranges->file)))
		done = EVP_DigestUpdate(sum, bytes, size);
	done = done && !ferror(ranges->file) && EVP_DigestFinal_ex(sum, ranges->digest, NULL);
	EVP_MD_CTX_free(sum);
	return done ? 0 : fault_set(f, REFUSED, "%s cannot be read.", ranges->path);
}

/**
 * ranges_open() - read and check all ranges
 * @path: of the file, a regular one; it must not change; NULL: the whole device
 * @device: bytes of the source
 *
 * Return: 0, or -1 with InvalidParameterValue in @f.
 */
int ranges_open(struct ranges *ranges, const char *path, uint64_t device, struct fault *f)
{
	const char *why;

	*ranges = (struct ranges){ .path = path, .device = device };
	if (!path) {
		ranges->total = ranges->last = device;
		return 0;
	}
	ranges->file = file_stream(path, &why);
	if (!ranges->file)
		return fault_set(f, REFUSED, "The ranges in %s cannot be read: %s.", path, why);
	if (check_file(ranges, f) < 0 || add_up(ranges, f) < 0) {
		ranges_close(ranges);
		return -1;
	}
	return 0;
}

/** ranges_close() - once more is fine */
void ranges_close(struct ranges *ranges)
{
	if (ranges->file)
		fclose(ranges->file);
	ranges->file = NULL;
}

/**
 * ranges_begin() - begin at an offset of the device
 * @from: what lies below is not handed out
 * @left: set to the bytes that ranges_next() will hand out
 *
 * Return: 0, or -1 with InvalidParameterValue in @f: the file has changed.
 */
int ranges_begin(struct ranges *ranges, uint64_t from, uint64_t *left, struct fault *f)
{
	uint64_t number = 1;
	int r = 1;

	ranges->at = 0;
	ranges->end = ranges->file ? 0 : ranges->device;
	*left = ranges->total;
	if (ranges->file)
		rewind(ranges->file);
	while (ranges->end <= from && r > 0) {
		*left -= ranges->end - ranges->at;
		ranges->at = ranges->end;
		r = ranges->file ? step(ranges, number++, f) : 0;
	}
	if (r > 0 && ranges->at < from) {
		*left -= from - ranges->at;
		ranges->at = from;
	}
	return r < 0 ? -1 : 0;
}

/**
 * ranges_next() - hand out the next bytes
 * @most: bytes
 * @offset: set
 *
 * The caller serialises the calls.
 *
 * Return: the number of bytes, 0 after the last one. A file that has changed since ranges_open()
 * ends early: the caller compares the sum with ranges_begin()'s.
 */
uint32_t ranges_next(struct ranges *ranges, uint32_t most, uint64_t *offset)
{
	uint64_t size;

	if (ranges->at == ranges->end && (!ranges->file || step(ranges, 0, NULL) <= 0))
		return 0;
	size = ranges->end - ranges->at;
	if (size > most)
		size = most;
	*offset = ranges->at;
	ranges->at += size;
	return (uint32_t)size;
}
