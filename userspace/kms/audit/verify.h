/* SPDX-License-Identifier: MIT */
/*
 * Checks the chain of a whole audit trail, with all its files: which records were removed, changed,
 * moved or added, and whether the end was cut off.
 *
 * Must never change anything: a KMS may write the trail meanwhile. Must never call a trail whole whose
 * head could not be read.
 */
#ifndef ENVELOPE_KMS_VERIFY_H
#define ENVELOPE_KMS_VERIFY_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/fault.h"
#include "lib/base/secret.h"

enum finding_kind {
	FINDING_CHANGED,      /* @sequence: what the line was, if known */
	FINDING_INSERTED,     /* no record of the KMS, or a copy of @sequence */
	FINDING_MISSING,      /* @sequence to @last, before this line */
	FINDING_MOVED,	      /* @sequence is here, out of its order */
	FINDING_FOREIGN,      /* @sequence does not follow the record before it */
	FINDING_BEGUN_ANEW,   /* a new chain, since the head was lost */
	FINDING_CUT,	      /* @sequence to @last are missing at the end */
	FINDING_NO_HEAD,      /* a cut end would not be found, or the store has no number */
	FINDING_UNREADABLE,   /* the file ends here for the reader */
	FINDING_KINDS_FAULTS, /* the kinds from here are no faults */
	FINDING_UNCHAINED = FINDING_KINDS_FAULTS, /* up to this line the file has no chain */
	FINDING_TORN, /* the line has no end, because the disk was full or the power was cut */
	FINDING_LOST, /* @sequence to @last were not on the disk when the host went down */
};

/** struct finding - its strings are borrowed */
struct finding {
	enum finding_kind kind;
	const char *file; /* "" for the whole trail */
	int64_t line;	  /* 0 for the whole file */
	int64_t sequence; /* 0: not known */
	int64_t last;	  /* 0: it is one record */
};

/** struct verdict - of verify_trail() */
struct verdict {
	uint64_t faults;
	uint64_t files;
	uint64_t records; /* whose tags fit */
	int64_t first;	  /* of them */
	int64_t last;
	int64_t head; /* its sequence; 0: lost */
};

/** typedef verify_each_t - a finding, in the order of the trail but for moved and missing records */
typedef void (*verify_each_t)(const struct finding *finding, void *userdata);

/**
 * struct verify_setup - what verify_trail() needs
 * @path: of the present file
 * @head: file of the counter, which has the head of the chain
 * @root: root key
 * @least: number of a record that the trail has had, as the key store knows; 0: not known
 * @store_unread: the key store is there, but cannot be read
 * @first: records before this one were deleted on purpose; 0 or 1: none
 */
struct verify_setup {
	const char *path;
	const char *head;
	const struct secret *root;
	int64_t least;
	bool store_unread;
	int64_t first;
	verify_each_t each;
	void *userdata;
};

int verify_trail(const struct verify_setup *setup, struct verdict *verdict, struct fault *f);

const char *finding_word(enum finding_kind kind);

#endif
