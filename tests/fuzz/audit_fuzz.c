// SPDX-License-Identifier: MIT
/* sources: kms/audit/verify.c kms/audit/chain_head.c kms/audit/line_reader.c kms/audit/trail_files.c kms/audit/trail_end.c kms/keys/crypto.c */
/*
 * The check of an audit trail. The target writes a trail of eight records, and the input says what
 * became of it, line by line:
 *
 *	@1	record 1, as it was written; what stands behind the number follows it
 *	@1^x	record 1, with a bit changed at the place that is the value of x
 *	@t	the bytes that a full disk has left in front of record 5
 *	else	the line itself
 *
 * The power was cut in front of record 8, which took record 7. A trail without a fault has all that was
 * written, and a line that verifies is a line that was written.
 */
#include "fuzz.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "kms/audit/chain_head.h"
#include "kms/audit/trail_end.h"
#include "kms/audit/verify.h"
#include "lib/base/text.h"

#define RECORDS 9 /* the last one's number */
#define LOST	7
#define TORN	"{\"half a rec" /* in front of TORN_AT */
#define TORN_AT 5

struct trail { /* made once, and then only read */
	struct secret *root;
	struct chain_key *key;
	char *lines[RECORDS + 1];
	size_t sizes[RECORDS + 1];
	char *folder, *path, *head;
};

static struct trail trail;

static void *there(void *pointer)
{
	if (!pointer)
		abort();
	return pointer;
}

static void remove_folder(void)
{
	unlink(trail.path);
	unlink(trail.head);
	rmdir(trail.folder);
}

static void make_records(struct chain_link *last)
{
	struct chain_link link = { 0 };

	for (int64_t n = 1; n <= RECORDS; n++) {
		_cleanup_text_ char *record = NULL;

		if (n == LOST)
			continue;
		record = there(text_format("{\"eventName\":\"Decrypt\",\"number\":%d}", (int)n));
		memcpy(link.previous, last->tag, sizeof(link.previous));
		link.sequence = n;
		link.torn = n == TORN_AT ? (int64_t)strlen(TORN) : 0;
		link.lost = n == LOST + 1;
		trail.sizes[n] = strlen(record);
		trail.lines[n] = there(chain_make(trail.key, record, &trail.sizes[n], &link));
		*last = link;
	}
}

static void make_trail(void)
{
	const char *place = getenv("TMPDIR");
	struct chain_link last = { 0 };
	_cleanup_secret_ struct secret *secret = NULL;
	struct chain_head_file file;
	struct chain_head head;

	trail.root = there(secret_new(32));
	memset(trail.root->bytes, 7, trail.root->size);
	secret = there(chain_secret(trail.root));
	trail.key = there(chain_key_new(secret));
	make_records(&last);
	trail.folder = there(text_format("%s/audit_fuzz.XXXXXX", place ? place : "/tmp"));
	there(mkdtemp(trail.folder));
	trail.path = there(text_format("%s/audit.jsonl", trail.folder));
	trail.head = there(text_format("%s/counter", trail.folder));
	atexit(remove_folder);
	if (!chain_head_open(&file, trail.head, true, trail.key, &head))
		abort();
	head = (struct chain_head){ .sequence = RECORDS, .synced = RECORDS };
	memcpy(head.tag, last.tag, sizeof(head.tag));
	if (sd_id128_get_boot(&head.boot) < 0 || chain_head_write(&file, &head))
		abort();
	chain_head_close(&file);
}

/* Writes what a line of the input stands for. */
static void put_line(FILE *out, const char *line, size_t size)
{
	size_t n = size > 1 && *line == '@' ? (size_t)(line[1] - '0') : 0, place;

	if (size > 1 && !memcmp(line, "@t", 2)) {
		fwrite(TORN, 1, strlen(TORN), out);
	} else if (n < 1 || n > RECORDS || n == LOST) {
		fwrite(line, 1, size, out);
		return;
	} else if (size > 3 && line[2] == '^') {
		place = (uint8_t)line[3] % trail.sizes[n];
		fwrite(trail.lines[n], 1, place, out);
		fputc(trail.lines[n][place] ^ 1, out);
		fwrite(trail.lines[n] + place + 1, 1, trail.sizes[n] - place - 1, out);
		line += 2;
		size -= 2;
	} else {
		fwrite(trail.lines[n], 1, trail.sizes[n], out);
	}
	fwrite(line + 2, 1, size - 2, out);
}

static char *expand(const char *at, size_t left, size_t *size)
{
	char *text = NULL;
	FILE *out = there(open_memstream(&text, size));

	while (left) {
		const char *feed = memchr(at, '\n', left);
		size_t line = feed ? (size_t)(feed - at) : left;

		put_line(out, at, line);
		if (feed)
			fputc('\n', out);
		line += feed ? 1 : 0;
		at += line;
		left -= line;
	}
	if (fclose(out))
		abort();
	return text;
}

static bool is_written(const char *line, size_t size)
{
	for (size_t n = 1; n <= RECORDS; n++)
		if (trail.lines[n] && size == trail.sizes[n] && !memcmp(line, trail.lines[n], size))
			return true;
	return false;
}

/* Each line, also the last one without its end. The end of the file, read backwards, has them too. */
static void look_at_lines(const char *text, size_t size)
{
	struct trail_end end;
	const char *line;
	size_t length;

	trail_end_read(trail.path, &end);
	if (size > TRAIL_END_BYTES) {
		text += size - TRAIL_END_BYTES;
		size = TRAIL_END_BYTES;
	}
	fuzz_holds(end.size <= size && (!end.size || !memcmp(end.text, text, end.size)),
		   "the end of the file is its text");
	fuzz_holds(!memchr(text + end.size, '\n', size - end.size), "it has each whole line");
	while ((line = trail_end_line(&end, &length))) {
		struct chain_link link;
		bool read = chain_read(trail.key, line, length, &link);

		fuzz_holds(!memchr(line, '\n', length) && line[length] == '\n',
			   "a line is one line");
		fuzz_holds(read == is_written(line, length), "a line that verifies was written");
	}
	trail_end_free(&end);
}

static const char *take(const char *at, const char *end, const char *line, size_t size)
{
	if (!at || (size_t)(end - at) <= size || memcmp(at, line, size) != 0 || at[size] != '\n')
		return NULL;
	return at + size + 1;
}

/*
 * Does the text have all that was written? In front of the chain may be lines without one, and at the end
 * half a line. The torn bytes are no record: others may be in their place, or none.
 */
static bool is_whole(const char *text, size_t size)
{
	const char *end = text + size, *at = text, *next, *feed;

	while (!take(at, end, trail.lines[1], trail.sizes[1])) {
		feed = memchr(at, '\n', (size_t)(end - at));
		if (!feed)
			return false;
		at = feed + 1;
	}
	for (size_t n = 1; n <= RECORDS && at; n++) {
		if (n == LOST)
			continue;
		next = take(at, end, trail.lines[n], trail.sizes[n]);
		if (!next && n == TORN_AT && (size_t)(end - at) > strlen(TORN) &&
		    at[strlen(TORN)] == '\n')
			next = take(at + strlen(TORN) + 1, end, trail.lines[n], trail.sizes[n]);
		at = next;
	}
	return at && !memchr(at, '\n', (size_t)(end - at));
}

static void each(const struct finding *finding, void *userdata)
{
	uint64_t *faults = userdata;

	fuzz_holds(finding->line >= 0 && finding_word(finding->kind), "a finding has a place");
	if (finding->kind < FINDING_KINDS_FAULTS)
		++*faults;
}

static void store(const char *text, size_t size)
{
	FILE *file = there(fopen(trail.path, "we"));

	if (fwrite(text, 1, size, file) != size || fclose(file))
		abort();
}

bool fuzz_one(const uint8_t *bytes, size_t size)
{
	uint64_t faults = 0;
	struct verify_setup setup = { .each = each, .userdata = &faults };
	struct verdict verdict;
	struct fault f;
	size_t length;
	char *text;

	if (!trail.root)
		make_trail();
	text = expand((const char *)bytes, size, &length);
	store(text, length);
	look_at_lines(text, length);
	setup.path = trail.path;
	setup.head = trail.head;
	setup.root = trail.root;
	if (verify_trail(&setup, &verdict, &f))
		abort();
	fuzz_holds(faults == verdict.faults, "each fault is counted");
	fuzz_holds(verdict.faults || is_whole(text, length),
		   "a trail without a fault has all that was written");
	free(text);
	return !verdict.faults;
}
