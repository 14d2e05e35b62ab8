// SPDX-License-Identifier: MIT
/*
 * See verify.h. A line whose tag fits is a record, whatever is around it. Lines whose tags do not
 * fit are
 * judged when the next record shows how many records should be in their place.
 */
#include "kms/audit/verify.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <systemd/sd-id128.h>

#include "kms/audit/chain_head.h"
#include "kms/audit/line_reader.h"
#include "kms/audit/trail_files.h"
#include "lib/base/json.h"

/* More lines in a row without a place, and more gaps, are counted and not told apart. */
#define BAD_MAX	 4096
#define GAPS_MAX 4096

struct bad_line {
	const struct trail_file *file;
	int64_t number;
	size_t size;
	int64_t claims; /* sequence that it claims; 0: none */
	bool object;	/* a whole JSON object: a tear leaves only the beginning of one */
};

/** struct last_record - the record right before, which the KMS may call torn later */
struct last_record {
	const struct trail_file *file;
	int64_t line;
	size_t size;
	struct chain_link link;
};

struct gap {
	int64_t from, to;
	const struct trail_file *file; /* the gap is before this line */
	int64_t line;
};

/**
 * struct walk - one pass over all files
 * @next: sequence of the next record; 0 before the first one
 * @tag: of the record before it
 * @bad: lines without a place, since the record before
 */
struct walk {
	const struct verify_setup *setup;
	struct verdict *verdict;
	struct chain_key *key;
	const struct trail_file *file;
	int64_t line;
	int64_t next;
	uint8_t tag[CHAIN_TAG_BYTES];
	struct last_record last;
	struct last_record foreign; /* has the head's number, and another tag */
	struct bad_line bad[BAD_MAX];
	size_t bad_count;
	struct chain_head head;
	struct gap gaps[GAPS_MAX];
	size_t gap_count;
	int64_t unchained; /* last line of this file before the chain begins */
};

/** finding_word() - the kind in a word, for programs */
const char *finding_word(enum finding_kind kind)
{
	static const char *const words[] = {
		[FINDING_CHANGED] = "changed",
		[FINDING_INSERTED] = "inserted",
		[FINDING_MISSING] = "missing",
		[FINDING_MOVED] = "moved",
		[FINDING_FOREIGN] = "foreign",
		[FINDING_BEGUN_ANEW] = "begun-anew",
		[FINDING_CUT] = "cut",
		[FINDING_NO_HEAD] = "no-head",
		[FINDING_UNREADABLE] = "unreadable",
		[FINDING_UNCHAINED] = "unchained",
		[FINDING_TORN] = "torn",
		[FINDING_LOST] = "lost",
	};

	return words[kind];
}

static void tell(struct walk *walk, enum finding_kind kind, const struct trail_file *file,
		 int64_t line, int64_t sequence, int64_t last)
{
	struct finding finding = {
		.kind = kind,
		.file = file ? file->path : "",
		.line = line,
		.sequence = sequence,
		.last = last > sequence ? last : 0,
	};

	if (kind < FINDING_KINDS_FAULTS)
		walk->verdict->faults++;
	walk->setup->each(&finding, walk->setup->userdata);
}

static void tell_bad(struct walk *walk, enum finding_kind kind, const struct bad_line *bad,
		     int64_t sequence)
{
	tell(walk, kind, bad->file, bad->number, sequence, 0);
}

static void add_gap(struct walk *walk, int64_t from, int64_t to)
{
	if (from > to)
		return;
	if (walk->gap_count == GAPS_MAX)
		tell(walk, FINDING_MISSING, walk->file, walk->line, from, to);
	else
		walk->gaps[walk->gap_count++] = (struct gap){ from, to, walk->file, walk->line };
}

/* Takes @sequence out of its gap. Return: whether it was in one */
static bool fill_gap(struct walk *walk, int64_t sequence)
{
	for (size_t i = 0; i < walk->gap_count; i++) {
		struct gap *gap = &walk->gaps[i], rest = *gap;

		if (sequence < gap->from || sequence > gap->to)
			continue;
		gap->to = sequence - 1;
		rest.from = sequence + 1;
		if (gap->from > gap->to)
			*gap = rest;
		else if (rest.from <= rest.to && walk->gap_count < GAPS_MAX)
			walk->gaps[walk->gap_count++] = rest;
		return true;
	}
	return false;
}

static int by_sequence(const void *one, const void *other)
{
	const struct gap *a = one, *b = other;

	return a->from < b->from ? -1 : a->from > b->from;
}

static void tell_gaps(struct walk *walk)
{
	qsort(walk->gaps, walk->gap_count, sizeof(walk->gaps[0]), by_sequence);
	for (size_t i = 0; i < walk->gap_count; i++)
		if (walk->gaps[i].from <= walk->gaps[i].to)
			tell(walk, FINDING_MISSING, walk->gaps[i].file, walk->gaps[i].line,
			     walk->gaps[i].from, walk->gaps[i].to);
}

/* The KMS has told of @torn bytes before this line. The last lines without a place may be these. */
static void take_torn(struct walk *walk, int64_t torn)
{
	size_t i = walk->bad_count;

	while (i > 0 && torn > 0 && walk->bad[i - 1].file == walk->file) {
		if (walk->bad[i - 1].object)
			return;
		torn -= (int64_t)walk->bad[i - 1].size + (i < walk->bad_count ? 1 : 0);
		i--;
	}
	if (torn)
		return;
	for (size_t n = i; n < walk->bad_count; n++)
		tell_bad(walk, FINDING_TORN, &walk->bad[n], 0);
	walk->bad_count = i;
}

/*
 * Judges the lines without a place. Records from @walk->next to @last should be there: what claims to be
 * one of them, or is where one should be, is a changed one.
 */
static void judge_bad(struct walk *walk, int64_t last)
{
	for (size_t i = 0; i < walk->bad_count; i++) {
		const struct bad_line *bad = &walk->bad[i];
		bool claims = bad->claims >= walk->next && bad->claims <= last;

		if (walk->next > last || (bad->claims && !claims)) {
			tell_bad(walk, FINDING_INSERTED, bad, 0);
			continue;
		}
		if (claims) {
			add_gap(walk, walk->next, bad->claims - 1);
			walk->next = bad->claims;
		}
		tell_bad(walk, FINDING_CHANGED, bad, walk->next++);
	}
	walk->bad_count = 0;
}

static void end_unchained(struct walk *walk)
{
	if (walk->unchained)
		tell(walk, FINDING_UNCHAINED, walk->file, walk->unchained, 0, 0);
	walk->unchained = 0;
}

/* The first record that is there. */
static void begin(struct walk *walk, const struct chain_link *link)
{
	int64_t first = walk->setup->first > 1 ? walk->setup->first : 1;

	end_unchained(walk);
	walk->verdict->first = link->sequence;
	walk->next = link->sequence;
	if (chain_begins(link) && link->sequence != first && link->sequence > 1)
		tell(walk, FINDING_BEGUN_ANEW, walk->file, walk->line, link->sequence, 0);
	else if (link->sequence > first)
		walk->next = first;
	judge_bad(walk, link->sequence - 1);
	add_gap(walk, walk->next, link->sequence - 1);
}

static void follow(struct walk *walk, const struct chain_link *link)
{
	bool follows = !memcmp(walk->tag, link->previous, CHAIN_TAG_BYTES);
	bool alone = !walk->bad_count;
	int64_t missing = link->sequence - walk->next;

	if (chain_begins(link) && (missing || !follows)) {
		judge_bad(walk, 0);
		if (link->sequence != walk->setup->first)
			tell(walk, FINDING_BEGUN_ANEW, walk->file, walk->line, link->sequence, 0);
	} else if (link->lost && link->lost == missing && follows) {
		tell(walk, FINDING_LOST, walk->file, walk->line, walk->next, link->sequence - 1);
		judge_bad(walk, 0);
	} else {
		judge_bad(walk, link->sequence - 1);
		add_gap(walk, walk->next, link->sequence - 1);
		if (!missing && alone && !follows)
			tell(walk, FINDING_FOREIGN, walk->file, walk->line, link->sequence, 0);
	}
}

/*
 * A power cut, or a full disk, may tear a line exactly in front of its line feed. The KMS has not
 * taken it
 * for a record: the next line has its number, and tells of all its bytes.
 */
static void take_back_torn(struct walk *walk, const struct chain_link *link)
{
	const struct last_record *last = &walk->last;

	if (!link->torn || link->torn != (int64_t)last->size || last->file != walk->file ||
	    last->line + 1 != walk->line || link->sequence != last->link.sequence ||
	    memcmp(link->previous, last->link.previous, CHAIN_TAG_BYTES))
		return;
	tell(walk, FINDING_TORN, last->file, last->line, 0, 0);
	walk->verdict->records--;
	walk->foreign = (struct last_record){ 0 };
	walk->next = last->link.sequence;
	memcpy(walk->tag, last->link.previous, CHAIN_TAG_BYTES);
}

static void take_record(struct walk *walk, const struct chain_link *link, size_t size)
{
	take_back_torn(walk, link);
	walk->verdict->records++;
	if (walk->next && link->sequence < walk->next) {
		tell(walk, fill_gap(walk, link->sequence) ? FINDING_MOVED : FINDING_INSERTED,
		     walk->file, walk->line, link->sequence, 0);
		return;
	}
	if (link->torn)
		take_torn(walk, link->torn);
	if (walk->next)
		follow(walk, link);
	else
		begin(walk, link);
	walk->next = link->sequence + 1;
	memcpy(walk->tag, link->tag, CHAIN_TAG_BYTES);
	walk->last = (struct last_record){ walk->file, walk->line, size, *link };
	if (link->sequence == walk->head.sequence &&
	    memcmp(link->tag, walk->head.tag, CHAIN_TAG_BYTES) != 0)
		walk->foreign = walk->last;
}

static bool is_object(const struct line *line)
{
	_cleanup_json_ struct json_object *o = line->size ? json_parse(line->text, line->size)
							  : NULL;

	return json_object_is_type(o, json_type_object);
}

/* A record up to its line feed. The KMS may be about to write that, or was killed. */
static bool is_torn_record(struct walk *walk, const struct line *line)
{
	struct chain_link link;

	return chain_read(walk->key, line->text, line->size, &link);
}

static void take_bad(struct walk *walk, const struct line *line, int64_t claims)
{
	const struct bad_line bad = { walk->file, line->number, line->size, claims,
				      is_object(line) };

	if (!line->ended && (!bad.object || is_torn_record(walk, line))) {
		tell_bad(walk, FINDING_TORN, &bad, 0);
		return;
	}
	if (!walk->next && !claims) {
		walk->unchained = line->number;
		return;
	}
	if (walk->bad_count == BAD_MAX)
		tell_bad(walk, FINDING_INSERTED, &bad, 0);
	else
		walk->bad[walk->bad_count++] = bad;
}

static void take_line(struct walk *walk, const struct line *line)
{
	struct chain_link link;
	bool claims = line->size && !chain_parse(line->text, line->size, &link);

	walk->line = line->number;
	if (claims && line->whole && chain_fits(walk->key, line->text, line->size, &link))
		take_record(walk, &link, line->size);
	else
		take_bad(walk, line, claims ? link.sequence : 0);
}

static void read_file(struct walk *walk, const struct trail_file *file)
{
	struct line_reader *reader = line_reader_new(file->fd);
	struct line line;
	int r = -1;

	walk->file = file;
	walk->line = 0;
	while (reader && (r = line_reader_next(reader, &line)) > 0)
		take_line(walk, &line);
	end_unchained(walk);
	if (r < 0)
		tell(walk, FINDING_UNREADABLE, file, walk->line + 1, 0, 0);
	line_reader_free(reader);
}

/* Was the end of the trail cut off? */
static void compare_with_head(struct walk *walk, const struct chain_head *head)
{
	const struct verify_setup *setup = walk->setup;
	int64_t end = head->sequence > setup->least ? head->sequence : setup->least;
	int64_t kept = head->synced > setup->least ? head->synced : setup->least;
	sd_id128_t boot = SD_ID128_NULL;

	if (!walk->next)
		walk->next = setup->first > 1 ? setup->first : 1;
	judge_bad(walk, end);
	tell_gaps(walk);
	if (walk->foreign.file)
		tell(walk, FINDING_FOREIGN, walk->foreign.file, walk->foreign.line,
		     walk->foreign.link.sequence, 0);
	walk->verdict->last = walk->verdict->records ? walk->next - 1 : 0;
	walk->verdict->head = head->sequence;
	if (!head->sequence || setup->store_unread)
		tell(walk, FINDING_NO_HEAD, NULL, 0, 0, 0);
	if (end < walk->next)
		return;
	sd_id128_get_boot(&boot);
	tell(walk,
	     walk->next > kept && !sd_id128_equal(boot, head->boot) ? FINDING_LOST : FINDING_CUT,
	     walk->file, walk->line, walk->next, end);
}

static int walk_files(struct walk *walk, struct fault *f)
{
	const struct verify_setup *setup = walk->setup;
	struct chain_head_file file;
	struct trail_files files;
	struct secret *secret = chain_secret(setup->root);
	int r = -1;

	walk->key = secret ? chain_key_new(secret) : NULL;
	if (!walk->key) {
		fault_set(f, "InternalFailure",
			  "The key of the audit trail cannot be made. Raise LimitMEMLOCK.");
		goto out;
	}
	/* Before the files: a KMS may add records meanwhile. */
	if (!chain_head_open(&file, setup->head, false, walk->key, &walk->head) &&
	    errno != ENOENT) {
		fault_set(f, "InvalidConfiguration",
			  "The counter %.400s, which has the head of the audit trail, cannot be opened: %s. Check the path and its permissions.",
			  setup->head, strerror(errno));
		goto out;
	}
	chain_head_close(&file);
	if (trail_files_open(setup->path, walk->key, &files, f))
		goto out;
	walk->verdict->files = files.count;
	for (size_t i = 0; i < files.count; i++)
		read_file(walk, &files.files[i]);
	compare_with_head(walk, &walk->head);
	trail_files_close(&files);
	r = 0;
out:
	chain_key_free(walk->key);
	secret_free(secret);
	return r;
}

/**
 * verify_trail() - check all files of a trail
 * @verdict: set; the trail is whole if it has no faults
 *
 * Return: 0, or -1: the trail could not be checked.
 */
int verify_trail(const struct verify_setup *setup, struct verdict *verdict, struct fault *f)
{
	struct walk *walk = calloc(1, sizeof(*walk));
	int r;

	*verdict = (struct verdict){ 0 };
	if (!walk)
		return fault_set(f, "InternalFailure", "Out of memory.");
	walk->setup = setup;
	walk->verdict = verdict;
	r = walk_files(walk, f);
	free(walk);
	return r;
}
