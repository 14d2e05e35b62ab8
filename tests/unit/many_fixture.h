/* SPDX-License-Identifier: MIT */
/*
 * An agent with a thousand clusters, for tests of what happens to all of them in one moment. The catalog
 * and the trail are real, and the syncs of their disk are counted. Stand-ins replace the kernel's keys,
 * the KMS, the disks and the device threads: a look at the disks is done at once.
 */
#ifndef ENVELOPE_MANY_FIXTURE_H
#define ENVELOPE_MANY_FIXTURE_H

#include "agent/agent.h"

#define CLUSTERS  1000
#define SYNCS_MAX 10

/**
 * struct many - what the stand-ins have counted
 * @revoked_first: keys that were revoked before the first sync
 * @records: of a loss, for the disks; @early: of them, before the catalog had the loss
 */
struct many {
	unsigned int syncs;
	unsigned int revoked;
	unsigned int revoked_first;
	unsigned int records;
	unsigned int early;
};

extern struct many many;
extern struct agent agent;
extern char many_folder[32];
extern const char *many_disk; /* a look finds each volume on a disk whose identity begins so */

void many_forget(void);
unsigned int many_in_catalog(void);
unsigned int many_rows(const char *which);
void many_assert_saved(const char *status);

int many_set_up(void **state);
int many_tear_down(void **state);
#define WITH_MANY(test) cmocka_unit_test_setup_teardown(test, many_set_up, many_tear_down)

#endif
