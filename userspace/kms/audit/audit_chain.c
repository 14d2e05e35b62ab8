// SPDX-License-Identifier: MIT
/* See audit_chain.h. */
#include "kms/audit/audit_chain.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "kms/audit/chain_head.h"
#include "kms/audit/line_reader.h"
#include "kms/audit/trail_end.h"
#include "kms/audit/trail_files.h"
#include "lib/base/json.h"
#include "lib/base/log.h"

#define RECORDS_OF_A_FILE (1LL << 32) /* more than a file has */

/**
 * struct audit_chain - owned by the audit trail
 * @made: place of the line that was made last, which the file may not have taken
 * @lost: records that a power cut took, for the next line
 * @notice: name of the event that the start has to record, or NULL; @found: last record of the file,
 *	@expected: that of the head
 * @cut: records were cut off the end of the trail, or are of another history
 * @chained: the trail had a chain before this start
 * @unsynced: records of a file that was moved away may not be on the disk, so no sync counts
 * @head_failed: the head could not be written, and the log says so
 */
struct audit_chain {
	struct trail_chain callbacks;
	struct chain_key *key;
	struct chain_head_file file;
	struct chain_head head;
	struct chain_link made;
	int64_t lost;
	const char *notice;
	int64_t found;
	int64_t expected;
	bool cut;
	bool chained;
	bool unsynced;
	bool head_failed;
};

static char *line(void *userdata, const char *record, size_t *size, size_t torn)
{
	struct audit_chain *chain = userdata;

	chain->made = (struct chain_link){
		.sequence = chain->head.sequence + 1,
		.torn = (int64_t)torn,
		.lost = chain->lost,
	};
	memcpy(chain->made.previous, chain->head.tag, CHAIN_TAG_BYTES);
	return chain_make(chain->key, record, size, &chain->made);
}

static void write_head(struct audit_chain *chain)
{
	int r = chain_head_write(&chain->file, &chain->head);

	if (r && !chain->head_failed)
		log_error("The head of the audit trail cannot be written: %s. Until then records that are cut off its end are not missed.",
			  strerror(r));
	chain->head_failed = r;
}

static void add_hex(struct json_object *o, const char *name, const uint8_t tag[CHAIN_TAG_BYTES])
{
	char text[SD_ID128_STRING_MAX];
	sd_id128_t id;

	_Static_assert(sizeof(id.bytes) == CHAIN_TAG_BYTES, "an id of 128 bits holds a tag");
	memcpy(id.bytes, tag, sizeof(id.bytes));
	json_add_string(o, name, sd_id128_to_string(id, text));
}

/* The journal's copy has the place, too. */
static void add_place(struct json_object *record, const struct chain_link *link)
{
	struct json_object *place = json_object_new_object();

	json_add_int(place, "sequence", link->sequence);
	add_hex(place, "previous", link->previous);
	if (link->torn)
		json_add_int(place, "torn", link->torn);
	if (link->lost)
		json_add_int(place, "lost", link->lost);
	add_hex(place, "tag", link->tag);
	json_add_object(record, "chain", place);
}

static void written(void *userdata, struct json_object *record)
{
	struct audit_chain *chain = userdata;

	chain->head.sequence = chain->made.sequence;
	memcpy(chain->head.tag, chain->made.tag, CHAIN_TAG_BYTES);
	chain->lost = 0;
	write_head(chain);
	add_place(record, &chain->made);
}

static void synced(void *userdata)
{
	struct audit_chain *chain = userdata;

	if (chain->unsynced || chain->head.synced == chain->head.sequence)
		return;
	chain->head.synced = chain->head.sequence;
	write_head(chain);
}

/* The last record of the chain in the present file. Return: whether there is one */
static bool find_last(struct audit_chain *chain, const char *path, struct chain_link *last)
{
	struct trail_end end;
	const char *text;
	bool found = false;
	size_t size;

	trail_end_read(path, &end);
	while (!found && (text = trail_end_line(&end, &size)))
		found = chain_read(chain->key, text, size, last);
	trail_end_free(&end);
	return found;
}

/* The last record of a file that was moved away. Return: whether there is one */
static bool find_last_in(struct audit_chain *chain, const struct trail_file *file,
			 struct chain_link *last)
{
	struct line_reader *reader;
	struct chain_link link;
	struct line line;
	bool found = false;

	/* The end of a compressed file cannot be read alone. */
	if (!trail_file_is_compressed(file))
		return find_last(chain, file->path, last);
	reader = line_reader_new(file->fd);
	while (reader && line_reader_next(reader, &line) > 0)
		if (line.whole && chain_read(chain->key, line.text, line.size, &link)) {
			*last = link;
			found = true;
		}
	line_reader_free(reader);
	return found;
}

/*
 * As find_last(), of the newest file that was moved away, which is put on the disk. A kill may have kept
 * the record at its end from the head.
 */
static bool find_last_moved(struct audit_chain *chain, const char *path, struct chain_link *last)
{
	struct trail_files files;
	bool found = false;
	struct fault f;

	if (trail_files_open(path, chain->key, &files, &f))
		return false;
	for (size_t i = files.count; !found && i-- > 0;) {
		const struct trail_file *file = &files.files[i];

		found = !file->present && find_last_in(chain, file, last);
		/* A kill, or a stop, may have come before the KMS followed to the new file. */
		if (found)
			chain->unsynced = fdatasync(file->fd);
	}
	trail_files_close(&files);
	return found;
}

/* The highest first record of all files; 0: no file has one; -1: nobody knows */
static int64_t highest_first(struct audit_chain *chain, const char *path)
{
	struct trail_files files;
	int64_t highest = 0;
	struct fault f;

	if (trail_files_open(path, chain->key, &files, &f))
		return -1;
	for (size_t i = 0; i < files.count; i++)
		if (files.files[i].first > highest)
			highest = files.files[i].first;
	trail_files_close(&files);
	return highest;
}

/* Without a head nobody knows how long the chain was: its numbers were lower than these. */
static void begin(struct audit_chain *chain, const char *path, const struct chain_link *last)
{
	int64_t highest = highest_first(chain, path), next;
	struct timespec now;

	chain->head.sequence = 0;
	memset(chain->head.tag, 0, CHAIN_TAG_BYTES);
	if (!last->sequence && !highest)
		return;
	clock_gettime(CLOCK_REALTIME, &now);
	next = (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
	if (next < highest + RECORDS_OF_A_FILE)
		next = highest + RECORDS_OF_A_FILE;
	if (next < last->sequence)
		next = last->sequence;
	chain->head.sequence = next;
	chain->notice = "AuditChainBegun";
	chain->found = last->sequence;
	log_error(
		"The head of the audit trail is lost. A new chain begins: records that were cut off before it are not missed.");
}

static void note_cut(struct audit_chain *chain, int64_t found, int64_t expected)
{
	chain->found = found;
	chain->expected = expected;
	chain->notice = "AuditTrailCut";
	chain->cut = true;
	log_error("The audit trail ends with record %lld, but has had %lld. Records were cut off: see envelope-kms audit verify.",
		  (long long)found, (long long)expected);
}

/* The last record has its number of another history of the trail. */
static void note_foreign(struct audit_chain *chain)
{
	chain->found = chain->head.sequence;
	chain->expected = chain->head.sequence;
	chain->notice = "AuditTrailForeign";
	chain->cut = true;
	log_error("Record %lld at the end of the audit trail is not the one that was written last: see envelope-kms audit verify.",
		  (long long)chain->found);
}

static void go_on(struct audit_chain *chain, const struct chain_link *last, sd_id128_t boot)
{
	struct chain_head *head = &chain->head;

	/* The head's tag stays: each later check finds that the next record does not follow this one. */
	if (last->sequence == head->sequence &&
	    memcmp(last->tag, head->tag, CHAIN_TAG_BYTES) != 0) {
		note_foreign(chain);
		return;
	}
	/* The head was not on the disk yet, or the present file is new. */
	if (last->sequence >= head->sequence) {
		head->sequence = last->sequence;
		memcpy(head->tag, last->tag, CHAIN_TAG_BYTES);
		return;
	}
	if (!last->sequence)
		return;
	if (last->sequence >= head->synced && !sd_id128_equal(boot, head->boot)) {
		chain->lost = head->sequence - last->sequence;
		memcpy(head->tag, last->tag, CHAIN_TAG_BYTES);
		chain->found = last->sequence;
		chain->expected = head->sequence;
		chain->notice = "AuditTrailGap";
		return;
	}
	note_cut(chain, last->sequence, head->sequence);
}

static int open_parts(struct audit_chain *chain, const char *path, const struct secret *root,
		      struct fault *f)
{
	_cleanup_secret_ struct secret *secret = chain_secret(root);

	chain->key = secret ? chain_key_new(secret) : NULL;
	if (!chain->key)
		return fault_set(f, "InternalFailure",
				 "The key of the audit trail cannot be made. Raise LimitMEMLOCK, and check that OpenSSL has HMAC: openssl list -providers.");
	if (!chain_head_open(&chain->file, path, true, chain->key, &chain->head))
		return fault_set(f, "InvalidConfiguration",
				 "The counter %s, which has the head of the audit trail, cannot be opened: %s. Check the path and its permissions.",
				 path, strerror(errno));
	return 0;
}

/**
 * audit_chain_open() - go on with the chain of the trail at @path, or begin one
 * @head: file of the counter, made if missing; its folder must exist. NULL: there is no head
 * @root: CRYPTO_KEY_BYTES
 * @ret: for audit_chain_close()
 *
 * Return: 0 or -1.
 */
int audit_chain_open(const char *path, const char *head, const struct secret *root,
		     struct audit_chain **ret, struct fault *f)
{
	struct audit_chain *chain = calloc(1, sizeof(*chain));
	sd_id128_t boot = SD_ID128_NULL;
	struct chain_link last = { 0 };

	if (!chain)
		return fault_set(f, "InternalFailure", "Out of memory.");
	chain->file.fd = -1;
	chain->callbacks = (struct trail_chain){ line, written, synced, chain };
	if (open_parts(chain, head, root, f)) {
		audit_chain_close(chain);
		return -1;
	}
	sd_id128_get_boot(&boot);
	if (!find_last(chain, path, &last) && !find_last_moved(chain, path, &last))
		last = (struct chain_link){ 0 };
	chain->chained = chain->head.sequence || last.sequence;
	if (chain->head.sequence)
		go_on(chain, &last, boot);
	else
		begin(chain, path, &last);
	chain->head.boot = boot;
	*ret = chain;
	return 0;
}

/** audit_chain_of_trail() - for trail_begin_chain(); borrowed */
const struct trail_chain *audit_chain_of_trail(struct audit_chain *chain)
{
	return &chain->callbacks;
}

/**
 * audit_chain_notice() - what was found at the start
 * @details: set; for the caller
 *
 * Return: name of the event to record, or NULL.
 */
const char *audit_chain_notice(const struct audit_chain *chain, struct json_object **details)
{
	if (!chain->notice)
		return NULL;
	*details = json_object_new_object();
	json_add_int(*details, "lastSequence", chain->found);
	if (chain->expected)
		json_add_int(*details, "expectedSequence", chain->expected);
	if (chain->lost) {
		json_add_int(*details, "recordsMissing", chain->lost);
		json_add_string(*details, "reason",
				"The host went down before they were on the disk.");
	}
	return chain->notice;
}

/** audit_chain_sequence() - number of the last record */
int64_t audit_chain_sequence(const struct audit_chain *chain)
{
	return chain->head.sequence;
}

/**
 * audit_chain_expect() - the trail has had the record with number @sequence
 *
 * A chain that is shorter goes on behind this number, so that each later check misses the records.
 *
 * Return: whether it is shorter; audit_chain_notice() then says so.
 */
bool audit_chain_expect(struct audit_chain *chain, int64_t sequence)
{
	if (chain->head.sequence >= sequence)
		return false;
	chain->lost = 0;
	note_cut(chain, chain->head.sequence, sequence);
	chain->head.sequence = sequence;
	return true;
}

/** audit_chain_is_cut() - did this start find that records were cut off the end of the trail? */
bool audit_chain_is_cut(const struct audit_chain *chain)
{
	return chain->cut;
}

/** audit_chain_knows() - is a line that was there before this start a record of the KMS? */
bool audit_chain_knows(const struct audit_chain *chain, const char *line, size_t size)
{
	struct chain_link link;

	/* An older version made no chain. */
	return !chain->chained || chain_read(chain->key, line, size, &link);
}

/** audit_chain_key() - borrowed */
struct chain_key *audit_chain_key(const struct audit_chain *chain)
{
	return chain->key;
}

/** audit_chain_close() - NULL is fine */
void audit_chain_close(struct audit_chain *chain)
{
	if (!chain)
		return;
	chain_head_close(&chain->file);
	chain_key_free(chain->key);
	free(chain);
}
